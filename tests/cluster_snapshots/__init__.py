"""Restore points that are objects of Kubernetes, in front of a real API server and a real CSI driver."""
