"""Our finalizer: on the resource before the first Job, off as soon as a deletion would break nothing.

It is a step of its own, between the status that names a Job and that Job: never two effects at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from switchback.api.conditions import ConditionType
from switchback.api.names import FINALIZER
from switchback.api.reasons import OperatorReason
from switchback.api.status import SnapshotPhase
from switchback.api.traffic import IN_FLIGHT
from switchback.controller.cutovers import state_phase
from switchback.controller.decision import (
    Act,
    CreateJob,
    Decision,
    Hold,
    LetGo,
    PointService,
    RequestSnapshot,
    Settle,
    Wait,
    WriteIntent,
)
from switchback.controller.restore_points import goes_with_resource
from switchback.controller.times import passed

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.view import View


def held(view: View, then: Decision) -> Decision:
    """`then`, or first what our finalizer needs for it."""
    have = FINALIZER in view.world.finalizers
    match then:
        case Act(CreateJob(look=False) | RequestSnapshot() | PointService()) if not have:
            return Act(Hold())
        case Settle(status) | Wait(status) if have and _safe(view, status, settled=isinstance(then, Settle)):
            return Act(LetGo()) if view.is_stored(status) else WriteIntent(status)
        case Act() | Settle() | Wait() | WriteIntent():
            return then
        case _:
            assert_never(then)


def _safe(view: View, status: Status, *, settled: bool) -> bool:
    """Whether the resource may go at any moment: no Job, no reservation, and nothing comes by itself."""
    operation, phase = status.operation, state_phase(status)
    if phase in IN_FLIGHT or (view.probe is not None and not view.probe.ended):
        return False  # a switch that does not count yet is undone before the resource goes
    if view.other_jobs_alive or view.stray_pods_alive:
        return False  # of an earlier life of this status
    if operation is not None and (
        operation.job_name
        or operation.fence is not None
        or operation.pruning
        or (operation.reserved_until and not passed(operation.reserved_until, view.now))
    ):
        return False
    if goes_with_resource(view.spec) and any(
        known.phase is SnapshotPhase.READY for known in status.snapshots
    ):
        return False  # they go with it, so it has to wait for that
    return settled or _reason(status) in {OperatorReason.AWAITING_APPROVAL, OperatorReason.SUSPENDED}


def _reason(status: Status) -> str:
    return next((one.reason for one in status.conditions if one.type == ConditionType.READY), "")
