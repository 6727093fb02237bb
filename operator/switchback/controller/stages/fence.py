"""The fence: writers are kept out from before the restore point until the operation has ended, if wished.

Raising it is noted before its Job is made, so what may be up is known whatever happens, and every end lowers
it. It stands for one plan: while a person is asked, or another plan is made, nobody is kept out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import FencePhase, FenceState
from switchback.contract.words import Direction, Operation
from switchback.controller.lifecycle import change, intend
from switchback.controller.restore_points import of_operation, put, spoil
from switchback.controller.stages.results import Done, Intend
from switchback.controller.stages.snapshot import wanted_before_migrate
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from switchback.api.snapshots import Fence
    from switchback.api.status import Status
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View


def settle_fence(view: View) -> StageResult:
    """A fence of an earlier operation, or of a plan that does not count any more, is lowered first."""
    fence, operation = view.operation.fence, view.operation
    if fence is None or operation.reached:
        return Done()
    same = (fence.operation_id, fence.plan_digest) == (operation.id, operation.plan_digest)
    return Done() if same else Intend(lower(view))


def raise_fence(view: View) -> StageResult:
    """Writers are kept out before the restore point is taken."""
    operation, wanted = view.operation, _wanted(view)
    if operation.reached or wanted is None or operation.snapshot_waived:
        return Done()
    if operation.fence is not None and operation.fence.phase is FencePhase.RAISED:
        return Done()
    fence = FenceState(
        phase=FencePhase.RAISING,
        operation_id=operation.id,
        plan_digest=operation.plan_digest,
        image=wanted.image,
        command=wanted.command,
        deadline_seconds=wanted.deadline_seconds,
        time=rfc3339(view.now),
    )
    return Intend(intend(view.with_status(change(view.status, fence=fence)), Operation.FENCE))


def lower_fence(view: View) -> StageResult:
    """Writers are let in again."""
    return Done() if view.operation.fence is None else Intend(lower(view))


def lower(view: View) -> Status:
    """The status that names the Job which lowers the fence. What was kept without writers is so no longer."""
    fence = view.operation.fence
    if fence is None:
        raise LookupError("no fence is up")
    status = change(view.status, fence=fence.model_copy(update={"phase": FencePhase.LOWERING}))
    known = of_operation(status)
    if not view.operation.reached and known is not None and view.outcome is None:
        # Whoever writes from now on is in no restore point that was taken behind the fence.
        status = spoil(put(status, known.model_copy(update={"writers_fenced": False})))
        status = change(status, snapshot_name="", snapshot_time="")
    return intend(view.with_status(status), Operation.UNFENCE)


def _wanted(view: View) -> Fence | None:
    snapshot, direction = view.spec.snapshot, view.operation.direction
    if snapshot is None or snapshot.none is not None:
        return None
    if direction is Direction.FORWARD:
        snapshot = wanted_before_migrate(view)
    elif direction is not Direction.BACKWARD:
        return None
    return snapshot.fence if snapshot is not None else None
