"""The three kinds of cluster that tests and the demo can use."""
