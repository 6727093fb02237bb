"""The fence: writers are kept out from before the restore point until the operation has ended, if wished.

Raising it is noted before its Job is made, so what may be up is known whatever happens, and every end lowers
it. It stands for one plan: while a person is asked, or another plan is made, nobody is kept out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import FencePhase, FenceState
from switchback.contract.points import Place
from switchback.contract.words import Direction, Operation
from switchback.controller.lifecycle import change, intend, place
from switchback.controller.restore_points import of_operation, put, spoil
from switchback.controller.stages.results import Done, Intend, Wait
from switchback.controller.stages.snapshot import hopeless, may_go_without, wanted_before_migrate
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from switchback.api.snapshots import Fence
    from switchback.api.status import Status
    from switchback.controller.stages.results import Fail, StageResult
    from switchback.controller.view import View

_FULL = OperatorReason.SNAPSHOT_QUOTA_EXCEEDED
"""No hindrance by itself: the request may make room."""

SOON_SECONDS = 2
AGAIN_SECONDS = 30
"""How often it is looked whether what stands in the way of the restore point is gone."""


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
    hindered = None if may_go_without(view) else _hindered(view)
    if hindered is not None:
        return hindered
    fence = FenceState(
        phase=FencePhase.RAISING,
        operation_id=operation.id,
        plan_digest=operation.plan_digest,
        image=wanted.image,
        command=wanted.command,
        deadline_seconds=wanted.deadline_seconds,
        database=place(view.spec),
        time=rfc3339(view.now),
    )
    return Intend(intend(view.with_status(change(view.status, fence=fence)), Operation.FENCE))


def _hindered(view: View) -> Fail | Wait | None:
    """What a look in advance has found in the way of the restore point: nobody is kept out meanwhile."""
    provider, findings = view.world.provider, view.world.kept.findings
    if provider is None or provider.place is not Place.OPERATOR or of_operation(view.status) is not None:
        return None
    if findings is None:  # the next look, which the status that is written now brings about, has them
        soon = rfc3339(view.now + timedelta(seconds=SOON_SECONDS))
        text = "Looking whether a restore point can be taken, before writers are kept out."
        return Wait(view.situation, OperatorReason.FENCING, text, soon, view.status)
    failures = [one.failure for one in findings if not one.warning and one.failure.reason != _FULL]
    if not failures:
        return None
    first = failures[0]
    later = rfc3339(view.now + timedelta(seconds=first.retry_after or AGAIN_SECONDS))
    return hopeless(view) or Wait(Situation.RETRYING, first.reason, first.message, later)


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
