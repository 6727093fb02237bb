"""Checks of `spec.checks`: what a Job asks before and after schema and traffic change.

The modules that run in the Job's pod import neither pydantic nor anything of Kubernetes, so that a pod begins
soon after it was started. `pod` is the operator's side and describes that pod.
"""
