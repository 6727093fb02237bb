"""What becomes of an operation whose switch, or whose checks, came to a bad end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.policies import AutomaticRollback
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase, Outcome
from switchback.contract.words import Direction
from switchback.controller.cutovers import OVER, own
from switchback.controller.lifecycle import change, end

if TYPE_CHECKING:
    from switchback.api.status import CutoverState, Status
    from switchback.controller.view import View

_O = OperatorReason


def ended_badly(view: View) -> CutoverState | None:
    """The switch of the operation at hand, if it is over and the operation has to end with it."""
    state = own(view)
    if state is None or view.outcome is not None or state.phase not in OVER or not state.reason:
        return None
    return state


def concluded(view: View, state: CutoverState) -> Status:
    """The operation is over with its switch. What it has applied goes back too, where the spec wants that."""
    where = f"traffic is at {state.from_} again: {state.message}"
    match state.phase:
        case CutoverPhase.TAKEN_OVER if state.reason == _O.SELECTOR_CHANGED:
            return end(view, Outcome.ABORTED, state.reason, state.message)
        case CutoverPhase.RESTORED:
            return end(with_undo(view), Outcome.ROLLED_BACK, _O.ROLLED_BACK, where)
        case _:
            return end(view, Outcome.FAILED, state.reason, state.message)


def with_undo(view: View) -> View:
    """The view with the wish to undo what the operation has applied, where the spec has it."""
    operation = view.operation
    wanted = view.spec.rollback.automatic is AutomaticRollback.TRAFFIC_AND_SCHEMA
    applied = operation.direction is Direction.FORWARD and operation.applied_count and operation.from_
    if not wanted or not applied:
        return view
    return view.with_status(change(view.status, undo=operation.from_))
