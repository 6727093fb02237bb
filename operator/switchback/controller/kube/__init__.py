"""The one package that knows the Kubernetes client: login, requests, errors as types."""
