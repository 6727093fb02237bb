"""What the API server may answer instead of what was asked for, as types.

The rest of the controller knows these, never the client's own exceptions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.result import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE_BYTES = 400


@dataclass(frozen=True, slots=True)
class Refusal:
    """The parts of a `Status` object that say why: `reason` is Kubernetes' CamelCase word."""

    code: int
    reason: str
    message: str


class KubeError(Exception):
    """A request to the API server did not do what it was meant to do."""

    def __init__(self, request: str, refusal: Refusal) -> None:
        self.request = request
        self.code = refusal.code
        self.reason = refusal.reason
        self.message = refusal.message
        super().__init__(f"{request}: {refusal.code} {refusal.reason}: {refusal.message}")


class NotFoundError(KubeError):
    """404: the object, its namespace or its kind does not exist."""


class ConflictError(KubeError):
    """409: the object is not the one, or not the version of it, that was looked at."""


class AlreadyExistsError(ConflictError):
    """409 of a POST: the name is taken."""


class GoneError(KubeError):
    """410: the version to go on from is too old; list again."""


class RefusedError(KubeError):
    """400, 403, 413 or 422: the server will not take this request, now or when it is repeated unchanged."""


class UnreachableError(KubeError):
    """No answer: connection refused or lost, or no answer in time. The request may have been carried out."""


_BY_CODE: Mapping[int, type[KubeError]] = {
    400: RefusedError,
    403: RefusedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: RefusedError,
    422: RefusedError,
}


def error_from(request: str, code: int, body: bytes) -> KubeError:
    """The error for an answer that is not 2xx. `body` is a `Status` object, or a proxy's page."""
    refusal = _refusal(code, body)
    if refusal.reason == "AlreadyExists":
        return AlreadyExistsError(request, refusal)
    return _BY_CODE.get(code, KubeError)(request, refusal)


def unreachable(request: str, cause: str) -> UnreachableError:
    """The error for a request that got no answer."""
    return UnreachableError(request, Refusal(0, "Unreachable", cause))


def _refusal(code: int, body: bytes) -> Refusal:
    try:
        status = json.loads(body)
        return Refusal(
            code,
            str(status.get("reason", "") or "Unknown"),
            bounded(str(status.get("message", "")), MESSAGE_BYTES),
        )
    except (ValueError, AttributeError):
        return Refusal(code, "Unknown", bounded(body.decode(errors="replace"), MESSAGE_BYTES))
