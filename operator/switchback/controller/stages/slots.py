"""Whether the program of a slot works with the schema, as runs have answered for the version they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import OperationKind
from switchback.contract.reasons import Reason
from switchback.contract.words import SlotFit
from switchback.controller.cutovers import live, moves, traffic_of
from switchback.controller.stages.results import Fail

if TYPE_CHECKING:
    from switchback.controller.view import View


def live_after(view: View) -> tuple[str, ...]:
    """The slots that have to work with the schema once a rollback has run: the one that is live then."""
    cutover = view.spec.cutover
    if cutover is None:
        return ()
    reaches = view.operation.kind is OperationKind.REACH
    return (cutover.active_slot if reaches else _live(view),)


def live_meanwhile(view: View) -> tuple[str, ...]:
    """The slots that have to work with the schema that a migration leads to: the live one, and the next."""
    cutover = view.spec.cutover
    if cutover is None:
        return ()
    moving = view.operation.kind is OperationKind.REACH
    return tuple(dict.fromkeys(filter(None, (_live(view), cutover.active_slot if moving else ""))))


def _live(view: View) -> str:
    return live(view) or traffic_of(view.status).live_slot


def unfit_slot(view: View, names: tuple[str, ...]) -> Fail | None:
    """Why the schema cannot be where the operation takes it: a slot that is live then cannot work with it."""
    state = view.status.schema_state
    for slot in state.slots if state is not None else ():
        if slot.name in names and slot.fit is not SlotFit.SATISFIED:
            return Fail(Reason.SLOT_NEEDS_SCHEMA, _unfit(view, slot.name, slot.fit))
    return None


def _unfit(view: View, name: str, fit: SlotFit) -> str:
    cutover, to = view.spec.cutover, view.operation.to or view.spec.target
    slot = cutover.slot(name) if cutover is not None else None
    bounds = slot.schema_bounds if slot is not None else None
    low, high = (bounds.minimum, bounds.maximum) if bounds is not None else ("", "")
    why = {
        SlotFit.TOO_OLD: f"it needs {low} or newer",
        SlotFit.TOO_NEW: f"it works with nothing newer than {high}",
        SlotFit.UNKNOWN_ID: f"nobody knows its bounds {low or high}",
        SlotFit.SATISFIED: "",
    }[fit]
    leaving = "" if not moves(view) else " by then"
    return f"slot {name} would be live{leaving} with the schema at {to}, and {why}."
