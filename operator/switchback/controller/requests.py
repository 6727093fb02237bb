"""What people ask for by annotation, read off the resource.

A request is a token, and the same token is followed once: `status.lastHandled` remembers the newest of each
kind. What a token is bound to (an operation, an intent, a plan) has to be what it was when the person looked,
otherwise the request is noted and nothing follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.status import LastHandled, LookKind
from switchback.api.work import TOKEN_BYTES
from switchback.contract.result import bounded

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.view import View

_ANNOTATIONS = {
    "approve": names.ANNOTATION_APPROVE,
    "reject": names.ANNOTATION_REJECT,
    "retry": names.ANNOTATION_RETRY,
    "abort": names.ANNOTATION_ABORT,
    "rollback": names.ANNOTATION_ROLLBACK,
    "preview": names.ANNOTATION_PREVIEW,
    "inspect": names.ANNOTATION_INSPECT,
}

LOOKS = {LookKind.PREVIEW: "preview", LookKind.INSPECT: "inspect"}


def given(view: View, kind: str) -> str:
    """The token of this kind that stands on the resource; empty when there is none."""
    return bounded(view.world.annotations.get(_ANNOTATIONS[kind], "").strip(), TOKEN_BYTES)


def fresh(view: View, kind: str) -> str:
    """The token of this kind, if it was not handled yet."""
    token = given(view, kind)
    handled = view.status.last_handled or LastHandled()
    return token if token != getattr(handled, kind) else ""


def handled(status: Status, **tokens: str) -> Status:
    """The status with these tokens noted, so that they are not followed again."""
    known = status.last_handled or LastHandled()
    update: dict[str, Any] = dict(tokens)
    return status.model_copy(update={"last_handled": known.model_copy(update=update)})


def look_wanted(view: View) -> tuple[LookKind, str] | None:
    """The look that was asked for and not answered yet, with its token."""
    for kind, word in LOOKS.items():
        token = fresh(view, word)
        if token:
            return kind, token
    return None


def about(token: str, operation: str) -> bool:
    """Whether the request is about this operation."""
    return token.partition("/")[0] == operation
