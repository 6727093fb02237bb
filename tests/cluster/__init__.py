"""The test bed: a real Kubernetes for tests and the demo, on a machine without a Docker engine."""
