"""The restore point: taken after all that could stop the operation, finished before the schema changes.

Two ways. A Job takes it, and then it is like every other step. Or the operator asks a provider: by a name
that is stored first, at a pace that the provider suggests, until it is there and verified, or its time is
over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.names import snapshot_name
from switchback.api.policies import BeforeMigratePolicy, MigrateFailurePolicy, WaitFor
from switchback.api.reasons import OperatorReason
from switchback.api.status import FencePhase, SnapshotParts, SnapshotPhase, SnapshotState
from switchback.contract.points import ErrorClass, Phase, Place, Purpose
from switchback.contract.words import Direction, Operation
from switchback.controller.decision import RequestSnapshot
from switchback.controller.lifecycle import change, intend
from switchback.controller.restore_points import of_operation, put, spoil, under_way
from switchback.controller.stages.results import Do, Done, Fail, Intend, Wait
from switchback.controller.times import parse, passed, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.snapshots import Snapshot
    from switchback.api.status import Status
    from switchback.contract.points import Failure, Observation
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

ATTEMPTS = 2
"""How many restore points one operation begins by itself when the provider lets them fail."""

POLL_SECONDS = 5.0
GRID_SECONDS = 2.0
"""Looks are put on the same moments, so that one call answers for many resources."""

HUMAN_SECONDS = 300.0
"""How often it is tried again where somebody has to change something."""

LAG_SECONDS = 120.0
"""So long a restore point that was asked for may be absent because its provider answers from a copy."""

SEEN_SECONDS = 300.0
"""So long a server is taken to be where a Job saw it. The Job that reserves the database looks again."""


def snapshot_before_rollback(view: View) -> StageResult:
    """There is a restore point of this very state, verified, or its absence was acknowledged."""
    if view.operation.reached or view.spec.snapshot is None or view.spec.snapshot.none is not None:
        return Done()
    return _kept(view, view.spec.snapshot, Purpose.PRE_ROLLBACK)


def snapshot_before_migrate(view: View) -> StageResult:
    """The same before going forward, where spec.snapshot.beforeMigratePolicy wants one."""
    snapshot = wanted_before_migrate(view)
    if view.operation.reached or snapshot is None or view.operation.direction is not Direction.FORWARD:
        return Done()
    if view.operation.snapshot_waived:
        return Done()
    answer = _kept(view, snapshot, Purpose.PRE_MIGRATION)
    return _without(view, answer) if isinstance(answer, Fail) else answer


def wanted_before_migrate(view: View) -> Snapshot | None:
    """How the restore point before a migration is taken; None where there is to be none."""
    snapshot = view.spec.snapshot
    if snapshot is None or snapshot.none is not None:
        return None
    return snapshot if snapshot.before_migrate_policy is BeforeMigratePolicy.ALWAYS else None


def hopeless(view: View) -> Fail | None:
    """Why there can be no restore point whatever happens: then nobody is asked for a consent."""
    findings = view.world.kept.findings or ()
    for one in findings:
        moved = one.failure.reason == OperatorReason.SNAPSHOT_SOURCE_MISMATCH and not _just_seen(view)
        if one.failure.kind is ErrorClass.TERMINAL and not one.warning and not moved:
            return Fail(one.failure.reason, one.failure.message)
    return None


def _just_seen(view: View) -> bool:
    """Whether it was just read where the database is. A pod that is replaced is somewhere else afterwards."""
    state = view.status.schema_state
    read = parse(state.inspect_time) if state is not None else None
    return read is not None and view.now - read <= timedelta(seconds=SEEN_SECONDS)


def _without(view: View, failed: Fail) -> StageResult:
    if not may_go_without(view):
        return failed
    return Intend(waived(view, failed.reason))


def may_go_without(view: View) -> bool:
    """Whether the operation goes on when its restore point cannot be had. Never on the way back."""
    snapshot = wanted_before_migrate(view)
    return (
        snapshot is not None
        and view.operation.direction is Direction.FORWARD
        and snapshot.migrate_failure_policy is MigrateFailurePolicy.CONTINUE
    )


def waived(view: View, reason: str) -> Status:
    """The status of an operation that goes on without a restore point, and says why."""
    lost = view.operation.snapshot_name if reason == OperatorReason.SNAPSHOT_LOST else ""
    return change(spoil(view.status, lost), snapshot_waived=reason, last_reason="", last_message="")


def _kept(view: View, snapshot: Snapshot, purpose: Purpose) -> StageResult:
    known = of_operation(view.status)
    if known is not None and known.phase is SnapshotPhase.READY:
        if _vanished(view, known):
            return _lost(known)
        if not _stale(view, snapshot, known):
            return Done()
        known = None
    elif known is not None and known.provider != view.provider_field:
        known = None  # another provider is to take it by now, and under a name of its own
    if view.world.provider is not None and view.world.provider.place is Place.OPERATOR:
        return _by_calls(view, snapshot, purpose, known)
    named = view.status if known is not None else _named(view, purpose)
    return Intend(intend(view.with_status(named), Operation.SNAPSHOT))


def aged(view: View) -> bool:
    """Whether the restore point of the operation was ready, and is too old by now."""
    known, snapshot = of_operation(view.status), view.spec.snapshot
    ready = known is not None and known.phase is SnapshotPhase.READY
    return ready and known is not None and snapshot is not None and _stale(view, snapshot, known)


def _vanished(view: View, known: SnapshotState) -> bool:
    """Whether its provider shows no more of one that was ready. That it cannot be asked says nothing."""
    point = view.world.kept.point
    if point is None or point.name != known.name or point.failure is not None:
        return False
    return point.phase in {Phase.ABSENT, Phase.DELETING}


def _lost(known: SnapshotState) -> Fail:
    text = f"{known.name} was there and is not any more; somebody deleted it."
    return Fail(OperatorReason.SNAPSHOT_LOST, text)


def _stale(view: View, snapshot: Snapshot, known: SnapshotState) -> bool:
    """Whether too much may have been written since: what was committed later is not in it."""
    done = parse(known.completion_time)
    return done is not None and view.now - done > timedelta(seconds=snapshot.max_age_seconds)


def _named(view: View, purpose: Purpose) -> Status:
    """The name holds the time, so the time is fixed once: every attempt works on the same restore point."""
    decided, operation = rfc3339(view.now), view.operation
    attempt = operation.snapshot_attempt + 1
    name = snapshot_name(purpose, view.world.name, operation.id, decided, attempt)
    state = view.status.schema_state
    begun = SnapshotState(
        name=name,
        operation_id=operation.id,
        provider=view.provider_field,
        purpose=purpose,
        attempt=attempt,
        phase=SnapshotPhase.IN_PROGRESS,
        decision_time=decided,
        schema_version=state.current if state is not None else "",
        marker=operation.marker,
    )
    status = change(
        spoil(view.status),
        snapshot_name=name,
        snapshot_time=decided,
        snapshot_attempt=attempt,
        step=Operation.SNAPSHOT,
    )
    return put(status, begun)


def _by_calls(view: View, snapshot: Snapshot, purpose: Purpose, known: SnapshotState | None) -> StageResult:
    """One look at a restore point that the operator asks for itself."""
    if known is None:
        return Intend(_named(view, purpose))
    if known.phase is SnapshotPhase.FAILED:
        return Intend(_named(view, purpose)) if _may_repeat(view) else _failed(known)
    if not known.request_time:
        return _first(view, snapshot, known)
    point = view.world.kept.point
    if point is None or point.name != known.name:
        return _wait(view, known, under_way(known), POLL_SECONDS)
    return _seen(view, snapshot, known, point)


def _first(view: View, snapshot: Snapshot, known: SnapshotState) -> StageResult:
    """It was not asked for yet, or the answer was lost, or did not please. Asking again does no harm."""
    point = view.world.kept.point
    if point is None or point.name != known.name:
        return Do(RequestSnapshot(known.name))
    if point.failure is None and point.phase is Phase.ABSENT:
        return _late(view, snapshot, known) or Do(RequestSnapshot(known.name))
    return _seen(view, snapshot, known, point)


def _seen(view: View, snapshot: Snapshot, known: SnapshotState, point: Observation) -> StageResult:
    """What the provider shows, and what follows from it."""
    if point.failure is not None and point.phase is not Phase.FAILED:
        return _troubled(view, snapshot, known, point, point.failure)
    match point.phase:
        case Phase.AVAILABLE:
            return _there(view, known, point)
        case Phase.CAPTURED if _captured_is_enough(snapshot):
            return _there(view, known, point)
        case Phase.FAILED:
            return _gone_wrong(view, known, point)
        case Phase.ABSENT | Phase.DELETING:
            return _absent(view, snapshot, known, point)
        case Phase.PENDING | Phase.CREATING | Phase.CAPTURED | Phase.UNKNOWN:
            return _late(view, snapshot, known) or _under_way(view, known, point)


def _captured_is_enough(snapshot: Snapshot) -> bool:
    return snapshot.volume_snapshot is not None and snapshot.volume_snapshot.wait_for is WaitFor.CAPTURED


def _under_way(view: View, known: SnapshotState, point: Observation) -> Wait:
    shown = _updated(view, known, point)
    return _wait(view, shown, under_way(shown), point.retry_after)


def _updated(view: View, known: SnapshotState, point: Observation) -> SnapshotState:
    """What is known, with what the provider has told by now. What it tells no more is not forgotten."""
    return known.model_copy(
        update={
            "raw_status": point.raw_status[:128],
            "progress": point.progress if point.progress is not None else known.progress,
            "provider_id": point.provider_id or known.provider_id,
            "source_id": point.source_id or known.source_id,
            "size_bytes": point.size_bytes if point.size_bytes is not None else known.size_bytes,
            "encrypted": point.encrypted if point.encrypted is not None else known.encrypted,
            "kms_key": point.kms_key or known.kms_key,
            "restore_point_time": point.restore_point_time or known.restore_point_time,
            "request_time": known.request_time or rfc3339(view.now),
        }
    )


def _there(view: View, known: SnapshotState, point: Observation) -> Done:
    """It is there and was verified in this very look."""
    shown = _updated(view, known, point)
    fence, state = view.operation.fence, view.status.schema_state
    ready = shown.model_copy(
        update={
            "phase": SnapshotPhase.READY,
            "progress": None,
            "verified": point.verified,
            "completion_time": rfc3339(view.now),
            "server_major": state.database.major if state is not None and state.database else None,
            "writers_fenced": fence is not None and fence.phase is FencePhase.RAISED,
            "parts": _parts(view, shown),
        }
    )
    status = change(view.status, last_reason="", last_message="")
    return Done(put(status, ready))


def _parts(view: View, shown: SnapshotState) -> SnapshotParts:
    """Where the time went. It became available between the last look without it and this one."""
    decided, asked = parse(shown.decision_time), parse(shown.request_time)
    begun = asked or decided or view.now
    last = view.world.kept.missing_at or begun
    last = min(max(last, begun), view.now)
    return SnapshotParts(
        queue=_seconds(decided, begun), provider=_seconds(begun, last), detect=_seconds(last, view.now)
    )


def _seconds(since: datetime | None, until: datetime) -> int:
    return max(0, round((until - since).total_seconds())) if since is not None else 0


def _gone_wrong(view: View, known: SnapshotState, point: Observation) -> StageResult:
    """The provider has given up. The object stays for people to look at; another name is tried once."""
    failure = point.failure
    message = failure.message if failure is not None else f"{known.name} has failed: {point.raw_status}."
    shown = _updated(view, known, point).model_copy(update={"phase": SnapshotPhase.FAILED})
    failed = view.with_status(put(view.status, shown))
    if not _may_repeat(failed):
        reason = failure.reason if failure is not None else OperatorReason.SNAPSHOT_ATTEMPT_FAILED
        return Fail(reason, message)
    return Intend(change(failed.status, last_message=message))


def _failed(known: SnapshotState) -> Fail:
    return Fail(OperatorReason.SNAPSHOT_ATTEMPT_FAILED, f"{known.name} has failed: {known.raw_status}.")


def _may_repeat(view: View) -> bool:
    return view.operation.snapshot_attempt < ATTEMPTS


def _absent(view: View, snapshot: Snapshot, known: SnapshotState, point: Observation) -> StageResult:
    """Not there: not yet, or not any more."""
    asked = parse(known.request_time)
    young = asked is not None and view.now - asked < timedelta(seconds=LAG_SECONDS)
    if point.phase is Phase.DELETING or (known.provider_id and not young):
        return _lost(known)
    return _late(view, snapshot, known) or Do(RequestSnapshot(known.name))


def _troubled(
    view: View, snapshot: Snapshot, known: SnapshotState, point: Observation, failure: Failure
) -> StageResult:
    """The provider could not be asked, or says no."""
    shown = _updated(view, known, point) if point.provider_id else known
    match failure.kind:
        case ErrorClass.TERMINAL | ErrorClass.CONFLICT:
            return Fail(failure.reason, failure.message)
        case ErrorClass.RETRY | ErrorClass.NEEDS_HUMAN:
            late = _late(view, snapshot, known, failure)
            if late is not None:
                return late
            pace = HUMAN_SECONDS if failure.kind is ErrorClass.NEEDS_HUMAN else POLL_SECONDS
            seconds = failure.retry_after or point.retry_after or pace
            status, until = put(view.status, shown), _later(view, seconds)
            return Wait(Situation.RETRYING, failure.reason, failure.message, until, status)


def _late(
    view: View, snapshot: Snapshot, known: SnapshotState, failure: Failure | None = None
) -> Fail | None:
    """Its time is over. What has become of it at the provider stays there, and is listed."""
    decided = parse(known.decision_time)
    end = decided + timedelta(seconds=snapshot.deadline_seconds) if decided is not None else None
    if end is None or not passed(rfc3339(end), view.now):
        return None
    message = f"{known.name} was not there within {snapshot.deadline_seconds} s"
    if failure is not None:
        return Fail(failure.reason, f"{message}: {failure.message}")
    return Fail(OperatorReason.SNAPSHOT_LATE, f"{message}; it is {known.raw_status or 'not there'}.")


def _wait(view: View, shown: SnapshotState, message: str, seconds: float) -> Wait:
    status = put(view.status, shown)
    until = _later(view, seconds or POLL_SECONDS)
    return Wait(view.situation, OperatorReason.TAKING_SNAPSHOT, message, until, status)


def _later(view: View, seconds: float) -> str:
    """RFC 3339 of a moment on the grid, not before `seconds` have passed by half."""
    at = view.now.timestamp() + max(seconds, 1.0)
    return rfc3339(view.now + timedelta(seconds=-(-at // GRID_SECONDS) * GRID_SECONDS - view.now.timestamp()))
