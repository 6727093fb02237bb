"""What is seen of a Service and the two workloads behind it, and what stands in the way of a switch."""
