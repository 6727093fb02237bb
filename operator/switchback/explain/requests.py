"""Requests by annotation that stand on the resource, and whether the operator would follow them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.controller import requests
from switchback.controller.stages.consent import approver, no_approval_counts
from switchback.explain.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.controller.view import View
    from switchback.explain.findings import Path

KINDS = {
    "approve": names.ANNOTATION_APPROVE,
    "reject": names.ANNOTATION_REJECT,
    "retry": names.ANNOTATION_RETRY,
    "abort": names.ANNOTATION_ABORT,
    "rollback": names.ANNOTATION_ROLLBACK,
    "preview": names.ANNOTATION_PREVIEW,
    "inspect": names.ANNOTATION_INSPECT,
}
SHOWN = 80


@dataclass(frozen=True)
class Request:
    """One annotation. `followed`: whether anything comes of it."""

    kind: str
    token: str
    followed: bool
    why: str
    path: Path


def standing(view: View) -> list[Request]:
    """Every request, in the order of the operator's own table."""
    found = [_request(view, kind) for kind in KINDS if requests.given(view, kind)]
    return [*found, *_approved_plan(view), *_release(view)]


def findings(found: list[Request]) -> list[Finding]:
    """What is asked for and will not be heard."""
    return [
        Finding(Level.WARNING, "RequestNotFollowed", f"{one.kind} {one.token[:SHOWN]}: {one.why}", one.path)
        for one in found
        if not one.followed
    ]


def _request(view: View, kind: str) -> Request:
    token = requests.given(view, kind)
    if not requests.fresh(view, kind):
        followed, why = False, "it was handled before; the same request is not followed twice."
    elif kind in {"approve", "reject"}:
        followed, why = _answer(view, token, kind)
    elif kind in {"retry", "abort"}:
        followed, why = _about(view, token, kind)
    elif kind == "rollback":
        followed, why = _rollback(view, token)
    else:
        followed, why = (
            True,
            "a Job beside the operation looks, changes nothing, and answers in status.preview.",
        )
    return Request(kind, token, followed, why, ("metadata", "annotations", KINDS[kind]))


def _answer(view: View, token: str, kind: str) -> tuple[bool, str]:
    approval = view.status.approval
    if approval is None or approval.approved_by or view.outcome is not None:
        return (
            False,
            "nothing waits for an approval now; a token counts only for the plan that it was shown with.",
        )
    if approval.token != token:
        return False, f"it is of another plan; the one that waits has the token {approval.token}."
    if kind == "reject":
        return True, f"the plan is rejected: the operation ends with {OperatorReason.APPROVAL_REJECTED}."
    if no_approval_counts(view.world):
        return False, "no approval counts while the admission policy is not in force."
    if kind == "approve" and not approver(view, token):
        return False, f"it does not say who gave it: {names.ANNOTATION_APPROVED_BY} is missing."
    return True, "the plan is approved."


def _about(view: View, token: str, kind: str) -> tuple[bool, str]:
    if view.status.operation is None:
        return False, "there is no operation yet."
    own = view.operation.id
    if not requests.about(token, own):
        return False, f"it is about another operation than {own}; it is noted, and nothing follows."
    under_way = view.outcome is None
    if kind == "abort":
        return under_way, "the operation is ended." if under_way else "the operation is over already."
    if view.superseded:
        return True, "the spec asks for something else by now, which begins anyway."
    if view.succeeded:
        return False, "the operation has succeeded, so there is nothing to try again."
    return True, "the next attempt begins at once." if under_way else "the operation begins anew."


def _rollback(view: View, token: str) -> tuple[bool, str]:
    target, _, intent = token.partition("/")
    if view.status.operation is None:
        return False, "there is no operation yet whose intent it could be about."
    if view.rollback_wanted:
        return True, f"the schema is rolled back to {target}, although spec.target is {view.spec.target}."
    if not intent:
        return (
            False,
            f"it has to be written TARGET/INTENT, with or without /ANYTHING; the intent is {view.intent}.",
        )
    return False, f"it is of another intent than {view.intent}; it is noted, and nothing follows."


def _approved_plan(view: View) -> Iterator[Request]:
    token = view.spec.approval.approved_plan
    if token:
        followed, why = _answer(view, token, "approve")
        yield Request("approvedPlan", token, followed, why, ("spec", "approval", "approvedPlan"))


def _release(view: View) -> Iterator[Request]:
    token = view.world.annotations.get(names.ANNOTATION_RELEASE, "")
    if token:
        why = (
            "the finalizer comes off at once." if view.world.deleting else "it counts only during a deletion."
        )
        path = ("metadata", "annotations", names.ANNOTATION_RELEASE)
        yield Request("release", token, view.world.deleting, why, path)
