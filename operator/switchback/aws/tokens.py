"""Passwords for databases that let AWS say who logs in (IAM database authentication)."""

from __future__ import annotations

from switchback.aws.caller import Caller


class TokenError(Exception):
    """No password could be made. The message says why."""


def auth_token(host: str, port: int, user: str, region: str) -> str:
    """A password for `user`, good for a login within 15 minutes, over TLS only.

    Nothing is asked for it but credentials: it is signed here. AWS may still refuse it, when the role has no
    `rds-db:connect` for that user, or the user is no member of `rds_iam`.

    Args:
        host: the endpoint's own name; an alias makes a password that does not fit.
        port: of that host.
        user: of the database.
        region: of the instance.

    Raises:
        TokenError: there are no credentials.
    """
    from switchback.aws import sdk  # noqa: PLC0415 - boto3 takes a second to load

    try:
        return sdk.token(sdk.client(Caller(region), attempts=3), host, port, user)
    except Exception as error:  # noqa: BLE001 - botocore raises RuntimeError and OSError as well
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise TokenError(f"no token for {user} at {host}:{port}: {why}") from None
