"""An AWS for tests: moto behind real HTTP, and what moto lacks of the behaviour of RDS and S3.

`FakeAws` (in `tests.aws.server`) is it in the process of a test; `python -m tests.aws` is it as a process of
its own, with the same control surface as JSON below `/_shim` (`tests.aws.remote`).
"""
