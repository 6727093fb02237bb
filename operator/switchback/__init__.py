"""Switchback changes a PostgreSQL schema in both directions, from one Kubernetes resource."""

__version__ = "0.1.0"
