"""Files of phase=contract take away what the old slot needs, so they wait until nothing of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import Begun, OperationKind, Outcome
from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Operation
from switchback.controller.lifecycle import change, end, forget_plan, intend
from switchback.controller.old_programs import is_gone, left_over
from switchback.controller.restore_points import spoil
from switchback.controller.stages.fence import lower
from switchback.controller.stages.results import Done, Intend, Wait

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

SHOWN = 3
"""How many pods and workloads a message names."""


def old_slot_gone(view: View) -> StageResult:
    """No pod of a slot that is not live exists, and none is asked for."""
    if view.operation.reached or is_gone(view):
        return Done()
    left, operation = left_over(view), view.operation
    if left is not None and not operation.applied_count and operation.begun is None:
        return Intend(_put_off(view, _shown(left)))
    if operation.fence is not None:
        return Intend(lower(view))  # nobody is kept out for as long as the old slot lives
    if operation.begun is Begun.PERHAPS:  # the ledger is read first: that takes nothing away
        return Intend(intend(view.with_status(forget_plan(spoil(view.status))), Operation.INSPECT))
    shown = "nobody can say which slot is live" if left is None else _shown(left)
    text = f"Files of phase=contract wait for the end of the old slot: {shown}."
    again = view.glance
    return Wait(Situation.WORKING, OperatorReason.WAITING_FOR_OLD_SLOT, text, again)


def _shown(left: tuple[str, ...]) -> str:
    return ", ".join(left[:SHOWN]) if left else "it is live"


def _put_off(view: View, left: str) -> Status:
    """The operation is over before it has done anything; what it was to apply waits as it did before.

    To wait here would use up the operation's time, and a release that was good would end as one that failed.
    """
    seen = view.status.schema_state
    clear = change(
        forget_plan(spoil(view.status)),
        kind=OperationKind.REACH,  # of what was not applied nobody is the one that it has left behind
        direction=Direction.NONE,
        to=seen.current if seen is not None else view.operation.to,
    )
    text = f"Nothing was applied: the old slot is there again: {left}. Files of phase=contract wait on."
    over = end(view.with_status(clear), Outcome.SUCCEEDED, Reason.SUCCEEDED, text)
    return change(over, kind=OperationKind.CONTRACT, contract=True)
