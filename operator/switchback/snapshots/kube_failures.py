"""What the API server's refusals mean for a restore point that is an object of it."""

from __future__ import annotations

import re

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure
from switchback.controller.kube.errors import KubeError, NotFoundError

FORBIDDEN = 403
MALFORMED = (400, 413, 422)
RIGHTS_PAUSE = 300.0
"""Seconds until it is looked again whether somebody has given a missing right."""

KIND_PAUSE = 60.0
_NO_RIGHT = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"')
_PATH = re.compile(r"/(api/v1|apis/(?P<group>[^/]+)/[^/]+)(/namespaces/[^/]+)?/(?P<plural>[^/]+)")


class HaltError(Exception):
    """What is needed is not there, or not right."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


def kind_is_missing(error: KubeError) -> bool:
    """Whether the API server does not know the kind. When an object is missing, it says which."""
    return isinstance(error, NotFoundError) and error.reason != "NotFound"


def cause(error: KubeError | HaltError) -> Failure:
    """The failure behind an error."""
    if isinstance(error, HaltError):
        return error.failure
    resource = _resource(error.request)
    if error.code == FORBIDDEN:
        return _forbidden(error)
    if kind_is_missing(error):
        return Failure(
            ErrorClass.NEEDS_HUMAN,
            OperatorReason.SNAPSHOT_PROVIDER_MISSING,
            f"This cluster does not know {resource}: its CustomResourceDefinition is not installed.",
            error.reason,
            KIND_PAUSE,
        )
    if isinstance(error, NotFoundError):
        reason = OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND
        return Failure(ErrorClass.TERMINAL, reason, error.message, error.reason)
    if error.code in MALFORMED:
        message = f"The API server refuses {resource}: {error.message}"
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_REFUSED, message, error.reason)
    message = f"The API server did not do what was asked of {resource}: {error.message}"
    return Failure(ErrorClass.RETRY, OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE, message, error.reason)


def _forbidden(error: KubeError) -> Failure:
    missing = _NO_RIGHT.search(error.message)
    if missing is not None:
        resource = ".".join(part for part in (missing["resource"], missing["group"]) if part)
        message = f"The operator may not {missing['verb']} {resource}: {error.message}"
        reason = OperatorReason.SNAPSHOT_ACCESS_DENIED
    elif "exceeded quota" in error.message:
        message = f"A ResourceQuota is in the way: {error.message}"
        reason = OperatorReason.SNAPSHOT_QUOTA_EXCEEDED
    else:
        message = f"The API server refuses it: {error.message}"
        reason = OperatorReason.SNAPSHOT_REFUSED
    return Failure(ErrorClass.NEEDS_HUMAN, reason, message, error.reason, RIGHTS_PAUSE)


def _resource(request: str) -> str:
    found = _PATH.search(request)
    if found is None:
        return request
    return ".".join(part for part in (found["plural"], found["group"]) if part)
