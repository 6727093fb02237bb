"""What an error of AWS means for whoever wanted a restore point. One table, for all that botocore raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from botocore import exceptions as raised

from switchback.api.reasons import OperatorReason as R
from switchback.contract.points import ErrorClass, Failure

HUMAN_SECONDS: Final = 300.0
"""Until a person can have changed a policy, it is not worth asking."""

BUSY_SECONDS: Final = 30.0
LONGEST_TEXT: Final = 400


@dataclass(frozen=True, slots=True)
class Meaning:
    """What to do about an error, and the word for it."""

    kind: ErrorClass
    reason: R
    retry_after: float = 0.0


_UNAVAILABLE = Meaning(ErrorClass.RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE, BUSY_SECONDS)
_DENIED = Meaning(ErrorClass.NEEDS_HUMAN, R.SNAPSHOT_ACCESS_DENIED, HUMAN_SECONDS)
_BUSY = Meaning(ErrorClass.RETRY, R.SNAPSHOT_SOURCE_BUSY, BUSY_SECONDS)
_NOT_YET = Meaning(ErrorClass.RETRY, R.SNAPSHOT_REFUSED, BUSY_SECONDS)
_TAKEN = Meaning(ErrorClass.CONFLICT, R.SNAPSHOT_NAME_CONFLICT)
_NO_SOURCE = Meaning(ErrorClass.TERMINAL, R.SNAPSHOT_SOURCE_NOT_FOUND)
_LOST = Meaning(ErrorClass.TERMINAL, R.SNAPSHOT_LOST)
_FULL = Meaning(ErrorClass.NEEDS_HUMAN, R.SNAPSHOT_QUOTA_EXCEEDED, HUMAN_SECONDS)
_KEY = Meaning(ErrorClass.TERMINAL, R.SNAPSHOT_KEY_UNUSABLE)
_REFUSED = Meaning(ErrorClass.TERMINAL, R.SNAPSHOT_REFUSED)

_CODES: dict[str, Meaning] = {
    "DBSnapshotAlreadyExists": _TAKEN,
    "DBClusterSnapshotAlreadyExistsFault": _TAKEN,
    "InvalidDBInstanceState": _BUSY,
    "InvalidDBClusterStateFault": _BUSY,
    "InvalidDBSnapshotState": _NOT_YET,
    "InvalidDBClusterSnapshotStateFault": _NOT_YET,
    "DBInstanceNotFound": _NO_SOURCE,
    "DBClusterNotFoundFault": _NO_SOURCE,
    "DBSnapshotNotFound": _LOST,
    "DBClusterSnapshotNotFoundFault": _LOST,
    "SnapshotQuotaExceeded": _FULL,
    "KMSKeyNotAccessibleFault": _KEY,
    # who is asking
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "UnauthorizedOperation": _DENIED,
    "NotAuthorized": _DENIED,
    "OptInRequired": _DENIED,
    # busy
    "Throttling": _UNAVAILABLE,
    "ThrottlingException": _UNAVAILABLE,
    "ThrottledException": _UNAVAILABLE,
    "RequestThrottled": _UNAVAILABLE,
    "RequestThrottledException": _UNAVAILABLE,
    "RequestLimitExceeded": _UNAVAILABLE,
    "TooManyRequestsException": _UNAVAILABLE,
    "BandwidthLimitExceeded": _UNAVAILABLE,
    "LimitExceededException": _UNAVAILABLE,
    "PriorRequestNotComplete": _UNAVAILABLE,
    "SlowDown": _UNAVAILABLE,
    "RequestTimeout": _UNAVAILABLE,
    "RequestTimeoutException": _UNAVAILABLE,
    "InternalFailure": _UNAVAILABLE,
    "InternalError": _UNAVAILABLE,
    "ServiceUnavailable": _UNAVAILABLE,
    "IDPCommunicationError": _UNAVAILABLE,
}

_CREDENTIALS = frozenset(
    (
        "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId",
        "UnrecognizedClientException", "InvalidIdentityToken", "InvalidIdentityTokenException",
        "IDPRejectedClaim", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
        "MissingAuthenticationToken", "AuthFailure", "RequestExpired", "RequestTimeTooSkewed",
    )
)  # fmt: skip
"""Codes that say: not this caller, or not with these credentials any more."""

_NO_CREDENTIALS = (
    raised.NoCredentialsError,
    raised.PartialCredentialsError,
    raised.CredentialRetrievalError,
    raised.MetadataRetrievalError,
    raised.TokenRetrievalError,
    raised.UnauthorizedSSOTokenError,
    raised.SSOTokenLoadError,
    raised.SSOError,
    raised.LoginError,
    raised.NoAuthTokenError,
    raised.RefreshWithMFAUnsupportedError,
    raised.UnknownCredentialError,
    raised.MissingDependencyException,
    raised.ProfileNotFound,
    raised.ConfigNotFound,
    raised.ConfigParseError,
    raised.InvalidConfigError,
)
_NO_SUCH_PLACE = (
    raised.InvalidRegionError,
    raised.NoRegionError,
    raised.UnknownRegionError,
    raised.UnknownEndpointError,
    raised.EndpointProviderError,
    raised.ServiceNotInRegionError,
)
_MALFORMED = (
    raised.ParamValidationError,
    raised.MissingParametersError,
    raised.UnknownParameterError,
    raised.RangeError,
    raised.InvalidHostLabelError,
)
_STALE = "refreshed credentials are still expired"
"""Of a RuntimeError that botocore raises; it has no class of its own."""

_PROCESS = "custom-process"
"""botocore's word for credential_process."""

_LOGIN = re.compile(r"[^\s/\"']*:[^\s/\"']*@")
"""User and password before a host: addresses of proxies and endpoints are the operator's own settings."""


def code(error: BaseException) -> str:
    """AWS' own word for an error; of one that botocore raises by itself, the name of its class."""
    if isinstance(error, raised.ClientError):
        return str(_inside(error).get("Code") or "")
    return type(error).__name__


def about_credentials(error: BaseException) -> bool:
    """Whether other credentials might help: then they are read again once."""
    if isinstance(error, raised.ClientError):
        return code(error) in _CREDENTIALS
    if isinstance(error, raised.BotoCoreError):
        return isinstance(error, _NO_CREDENTIALS)
    # The file with the token of the service account cannot be read.
    return _STALE in str(error) or (isinstance(error, OSError) and not isinstance(error, ConnectionError))


def failure(error: BaseException, action: str, region: str, role: str = "") -> Failure:
    """What an exception of botocore means, in the words that all providers use.

    Args:
        error: what was raised.
        action: what was asked for, such as CreateDBSnapshot.
        region: where.
        role: that was assumed for it; empty: none.
    """
    meaning = _meaning(error)
    asked = f"{action} in {region}"
    if isinstance(error, raised.ClientError) and error.operation_name != action:
        asked = f"{error.operation_name} for {asked}"
    if role and meaning is _DENIED:
        asked += f" as {role}"
    return Failure(meaning.kind, meaning.reason, f"{asked}: {_text(error)}", code(error), meaning.retry_after)


def _meaning(error: BaseException) -> Meaning:
    if about_credentials(error):
        return _DENIED
    if isinstance(error, raised.ClientError):
        known = _CODES.get(code(error))
        if known is not None:
            return known
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or status == 429 or "Throttl" in code(error):  # noqa: PLR2004 - HTTP's own numbers
            return _UNAVAILABLE
        return _DENIED if status in (401, 403) else _REFUSED
    if isinstance(error, _NO_SUCH_PLACE):
        return _NO_SOURCE
    return _REFUSED if isinstance(error, _MALFORMED) else _UNAVAILABLE


def _text(error: BaseException) -> str:
    """What went wrong, in AWS' words. Only the first line: the next ones may hold what was signed."""
    if isinstance(error, raised.ClientError):
        text = str(_inside(error).get("Message") or "no explanation")
        told = f"{code(error)}: " if code(error) else ""
    elif isinstance(error, raised.CredentialRetrievalError) and _PROCESS in str(error):
        # What follows is what the process has written, which may be what it had in its hands.
        text, told = f"the {_PROCESS} that is to give credentials has failed", ""
    else:
        text, told = _LOGIN.sub("***@", str(error)), ""
    line = (text.strip().splitlines() or [type(error).__name__])[0].strip(" :")
    return told + (line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…")


def _inside(error: raised.ClientError) -> Any:
    return error.response.get("Error", {})
