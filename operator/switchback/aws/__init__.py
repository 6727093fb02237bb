"""Amazon Web Services. The one place that knows boto3: sessions, roles, clients, and what its errors mean.

Loading boto3 takes a second and memory, so nobody pays for it by importing `client` or `tokens`: they load
`sdk` when something is asked for, in a thread.
"""
