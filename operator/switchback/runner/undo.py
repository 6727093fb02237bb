"""A rollback that nobody looks at undoes what it was started for, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import read
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from switchback.runner.expected import Undo
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session


def refuse_other(session: Session, wanted: Undo, plan: Plan) -> None:
    """Stop before something else is undone. A plan that does nothing undoes nothing.

    Raises:
        RunnerError: `PlanMoved`.
    """
    if not wanted or plan.direction is Direction.NONE:
        return
    if plan.direction is Direction.FORWARD:
        raise _moved(f"Reaching {plan.target} undoes nothing: it means applying {listed(_ids(plan))}.")
    undone = _ids(plan)
    if wanted.of:
        mine = read.applied_by(session.work, session.names, wanted.of) if plan.ledger.meta is not None else []
        _refuse_of_others(wanted.of, mine, undone, plan.target)
    if wanted.count is not None and len(undone) != wanted.count:
        raise _moved(
            f"Reaching {plan.target} means undoing {len(undone)} ({listed(undone)}), not {wanted.count}, as "
            "expected."
        )
    lacking = [one for one in wanted.ids if one not in undone]
    if lacking:
        raise _moved(
            f"Reaching {plan.target} means undoing {listed(undone)}, and not {listed(lacking)}, as expected."
        )


def _refuse_of_others(operation_id: str, mine: list[str], undone: list[str], target: str) -> None:
    who, known, gone = f"operation {operation_id}", set(mine), set(undone)
    strange = [one for one in undone if one not in known]
    if strange:
        raise _moved(f"Reaching {target} means undoing {listed(strange)}, which {who} has not applied.")
    left = [one for one in mine if one not in gone]
    if left:
        raise _moved(f"Reaching {target} leaves {listed(left)}, which {who} has applied.")


def _ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def _moved(message: str) -> RunnerError:
    return RunnerError(Reason.PLAN_MOVED, message)
