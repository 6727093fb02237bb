"""Logging in with tokens of AWS: Amazon RDS takes them in place of a password.

The one module of the runner that knows of AWS. What speaks to it is loaded when the first token is wanted,
so that nobody else waits for it or has to have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from switchback.contract.hide import hidden
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.runner.address import Host

VARIABLE = "SWITCHBACK_IAM_REGION"
"""Names the region of the instance, and so asks for tokens."""

UNUSED = f"{VARIABLE} has no effect: the address has a password."

_ENOUGH = frozenset({"require", "verify-ca", "verify-full"})
_SECRET_PARTS = frozenset({"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential"})


@dataclass(eq=False)
class Tokens:
    """Makes the passwords of one address, each right before it is needed.

    Attributes:
        region: of the instance.
        secrets: every token that was made, and what in it must not be shown either.
    """

    region: str
    secrets: list[str] = field(default_factory=list, repr=False)

    def make(self, host: Host, user: str) -> str:
        """A password for the next attempt to connect. It has to come about within 15 minutes.

        Raises:
            RunnerError: `AuthenticationFailed`; there is none.
        """
        from switchback.aws.tokens import TokenError, auth_token  # noqa: PLC0415 - see above

        try:
            token = auth_token(host.name, host.port, user, self.region)
        except ImportError as error:
            raise RunnerError(
                Reason.USAGE,
                f"Logging in with a token of AWS needs {error.name}, which is not installed.",
                "Install what comes with the operator: pip install '/path/to/checkout[operator]'.",
            ) from None
        except TokenError as error:
            raise RunnerError(
                Reason.AUTHENTICATION_FAILED,
                f"AWS: {hidden(str(error)).rstrip('.')}.",
                "Give the pod a role: spec.jobTemplate.spec.serviceAccountName, with IRSA or EKS Pod "
                "Identity. On a laptop log in to AWS.",
            ) from None
        parts = dict(parse_qsl(token.partition("?")[2]))
        self.secrets += [token, *(value for name, value in parts.items() if name in _SECRET_PARTS)]
        return token


def tokens_for(region: str, hosts: Sequence[Host], parameters: Mapping[str, str]) -> Tokens:
    """What makes the passwords of an address, if it is fit for that.

    Args:
        region: of the instance.
        hosts: of the address.
        parameters: of libpq.

    Raises:
        RunnerError: `UrlInvalid`, `TLSFailed`.
    """
    if parameters.get("service") or not hosts or any(host.name.startswith(("/", "@")) for host in hosts):
        raise RunnerError(
            Reason.URL_INVALID,
            f"{VARIABLE} asks for a login with a token of AWS, which is made for one host name; the address "
            "names none.",
            "Name the endpoint of the RDS instance as the host, not a socket or a service.",
        )
    mode = parameters.get("sslmode", "prefer")
    if mode not in _ENOUGH:
        raise RunnerError(
            Reason.TLS_FAILED,
            f"A login with a token of AWS needs TLS, and sslmode is {mode}: the token could travel in clear.",
            "Set sslmode to verify-full, or at least to require: in the URL, PGSSLMODE, or the resource's "
            "spec.database.connection.sslMode.",
        )
    return Tokens(region)


def refused(tokens: Tokens, user: str) -> str:
    """What to do when the server has refused a token."""
    china, gov = tokens.region.startswith("cn-"), tokens.region.startswith("us-gov-")
    partition = "aws-cn" if china else "aws-us-gov" if gov else "aws"
    return (
        f"In the database: GRANT rds_iam TO {user}. In AWS: allow the role rds-db:connect on "
        f"arn:{partition}:rds-db:{tokens.region}:ACCOUNT:dbuser:DBI-RESOURCE-ID/{user}. The host has to be "
        "the instance's own endpoint."
    )
