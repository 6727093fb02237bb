"""How a resource stands, in one symbol and one word. Symbols are the same everywhere in the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason

if TYPE_CHECKING:
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.text import Span

GOOD: Span = ("✔", "ok")
BAD: Span = ("✖", "bad")
UNDONE: Span = ("⚠", "wait")
PAUSED: Span = ("⏸", "wait")
LATER: Span = ("◷", "wait")
BUSY: Span = ("◌", "busy")
UNSEEN: Span = ("○", "dim")

_BY_REASON = {
    OperatorReason.AWAITING_APPROVAL: PAUSED,
    OperatorReason.SUSPENDED: PAUSED,
    OperatorReason.RETRYING: LATER,
    OperatorReason.WAITING_FOR_DATABASE: LATER,
}
_ASKED_FOR = {"RolledBack", "Aborted", "Rejected"}

NOT_SEEN = "NotSeen"


def symbol(resource: Resource) -> Span:
    """The symbol of a resource."""
    found = _BY_REASON.get(resource.reason)  # type: ignore[call-overload]  # a word is one of them or not
    if found is not None and not _stalled(resource):
        return found  # type: ignore[no-any-return]
    if _stalled(resource):
        return UNDONE if resource.outcome.get("outcome") in _ASKED_FOR else BAD
    match resource.condition("Ready").get("status"):
        case "True":
            return GOOD
        case None:
            return UNSEEN
        case _:
            return BUSY


def word(resource: Resource) -> str:
    """Its state in one word: the reason of Ready."""
    return resource.reason or NOT_SEEN


def of_outcome(entry: Object) -> Span:
    """The symbol of an ended operation."""
    outcome = entry.get("outcome")
    if outcome == "Succeeded":
        return GOOD
    if outcome in _ASKED_FOR:
        return UNDONE
    return ("·", "dim") if outcome == "Superseded" else BAD


def _stalled(resource: Resource) -> bool:
    return resource.condition("Stalled").get("status") == "True"


_SEVERITY = {"Data": "bad", "Unknown": "wait", "DefaultOnly": "dim", "Empty": "dim", "Nothing": "dim"}


def severity(word_of_plan: str) -> Span:
    """How much a step destroys, coloured by it."""
    return word_of_plan, _SEVERITY.get(word_of_plan, "")
