"""What an ended Job means for the operation: from its last words to the next status.

The Job may have said nothing at all (node gone, killed, deleted by hand). Then nobody knows what it did, and
before anything else happens to the database an inspecting run has to look.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from switchback.api.reasons import OperatorReason
from switchback.api.status import (
    FencePhase,
    Marker,
    OperationKind,
    Outcome,
    SnapshotParts,
    SnapshotPhase,
    SnapshotState,
)
from switchback.contract.reasons import Reason, Retry, meaning
from switchback.contract.words import CLOSING, Direction, Operation
from switchback.controller.applied import applied, forward, perhaps_begun
from switchback.controller.closing import after_the_end, noted
from switchback.controller.cutovers import cancel
from switchback.controller.lifecycle import (
    RETRY_CAP_SECONDS,
    WAIT_CAP_SECONDS,
    back_off,
    change,
    end,
    forget_plan,
    land,
    learn,
    put_off,
    reserve_seconds,
    take_plan,
)
from switchback.controller.old_programs import remember_old_program
from switchback.controller.restore_points import of_operation, put, spoil
from switchback.controller.stages.snapshot import may_go_without, waived
from switchback.controller.tested import with_checks
from switchback.controller.times import parse, rfc3339
from switchback.controller.undo import with_undo

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.contract.result import Result
    from switchback.controller.view import View

_CHANGES_THE_DATABASE = {Operation.MIGRATE, Operation.ROLLBACK}
_RESERVES = {Operation.INSPECT, Operation.RESERVE, Operation.ROLLBACK}


def absorb(view: View) -> Status:
    """The status with the outcome of the named Job taken over; while it may still act, that it is there."""
    if view.status.operation is None or not view.operation.job_name:
        return view.status
    job = view.job
    if job is None:
        return _absent(view)
    if not job.ended:
        return change(view.status, job_uid=job.uid)
    result = job.result
    if result is None or result.operation_id != view.operation.id or result.operation is not job.step:
        if job.trouble is not None:
            return _silent(view, job.trouble.reason, job.trouble.message, fatal=job.trouble.fatal)
        return _silent(
            view,
            OperatorReason.RESULT_LOST,
            f"Job {job.name} ended ({job.failure or 'no reason given'}) and left no result",
        )
    return _spoken(view, result)


def _closes(view: View) -> bool:
    """Whether the Job only makes order: the outcome is known, or the resource is being deleted."""
    return view.outcome is not None or (view.world.deleting and view.operation.step in CLOSING)


def _absent(view: View) -> Status:
    """The named Job is not there: not yet, or not any more, or the API server would not take it."""
    refused = view.world.refused
    if view.operation.job_uid:
        gone = "the Job was deleted before it could answer"
        return view.status if view.stray_pods_alive else _silent(view, OperatorReason.JOB_DELETED, gone)
    if refused is None or refused.passing:
        return view.status
    view = view.with_status(land(view.status))
    if _closes(view):
        return after_the_end(view, refused.reason, refused.message)
    if view.operation.abort:
        return view.status
    return (_failed if refused.fatal else _counted)(view, refused.reason, refused.message)


def _spoken(view: View, result: Result) -> Status:
    before = view.status.schema_state
    # A rollback that could not end its reservation says so.
    known = _perhaps_reserved(view) if result.reserved_seconds else view.status
    status = learn(land(known), result, view.now, view.operation.database_digest)
    status = _counted_since(_with_source(applied(status, result), view, result), result)
    if result.operation is Operation.CHECK and view.operation.check_stage is not None:
        status = with_checks(status, result, view.operation.check_stage, view.now)
    if _closes(view):
        done = meaning(result.reason).retry is Retry.DONE
        return after_the_end(
            view.with_status(status), result.reason, result.message, done=done, result=result
        )
    if not view.operation.from_ and before is not None:
        status = change(status, from_=before.current)
    retry = meaning(result.reason).retry
    if view.operation.abort and retry is not Retry.DONE:
        unknown = result.reason is Reason.OUTCOME_UNKNOWN
        return _unknown(status, result.reason) if unknown else status
    followed = _followed(view.with_status(status), result, retry)
    over = view.with_status(followed).outcome
    return _with_way(followed, result) if over and over.outcome is Outcome.FAILED else followed


def _with_way(status: Status, result: Result) -> Status:
    """A failed run that planned for itself has told which way it went."""
    entry = status.history[-1]
    if entry.direction is not Direction.NONE or result.direction is Direction.NONE:
        return status
    told = entry.model_copy(update={"direction": result.direction, "to": result.target or entry.to})
    return status.model_copy(update={"history": (*status.history[:-1], told)})


def _followed(view: View, result: Result, retry: Retry) -> Status:  # noqa: PLR0911 - one answer per class
    if result.operation is Operation.DRAIN and retry is not Retry.DONE:
        return _not_drained(view, result.reason, result.message)
    if result.reason is Reason.PLAN_MOVED and result.operation is Operation.INSPECT:
        # It would go back over what others have applied since: to look again would find the same.
        return _failed(view, result.reason, result.message)
    match retry:
        case Retry.DONE:
            return _done(view, result)
        case Retry.INSPECT:
            return _look_again(view, result.reason, result.message)
        case Retry.COUNT:
            return _counted(view, result.reason, result.message)
        case Retry.WAIT:
            waits = view.operation.waits + 1
            delay = back_off(view.operation, waits, WAIT_CAP_SECONDS)
            return put_off(change(view.status, waits=waits), view.now, delay, result.reason, result.message)
        case Retry.STALL:
            return _helped(view, result) or _failed(view, result.reason, result.message)
        case _:
            assert_never(retry)


def _not_drained(view: View, reason: str, message: str) -> Status:
    """Sessions are left, or nobody could look: told on the way forward, waited for on the way back."""
    status = change(view.status, drained=False)
    if view.operation.direction is not Direction.BACKWARD:
        return status
    waits = view.operation.waits + 1
    delay = back_off(view.operation, waits, WAIT_CAP_SECONDS)
    return put_off(change(status, waits=waits), view.now, delay, reason, message)


def _with_source(status: Status, view: View, result: Result) -> Status:
    """Notes which files ran: what was copied out of an image is known only now."""
    job, source = view.job, status.source
    if job is None or source is None or not result.source_digest:
        return status
    seen = {"digest": result.source_digest, "image_id": job.source_image or source.image_id}
    return status.model_copy(update={"source": source.model_copy(update=seen)})


def _helped(view: View, result: Result) -> Status | None:
    """A way back that neither files nor ledger hold may be in the image that was applied last."""
    if result.reason not in {Reason.FILE_MISSING, Reason.NO_DOWN} or view.operation.down_image:
        return None
    applied, now = view.status.applied_source, view.spec.the_source.image
    if applied is None or not applied.image or now is None:
        return None
    # A tag that has not moved is what people wrote; one that has is known by its digest only.
    image = applied.image if applied.image != now.reference else applied.image_id
    same = view.status.source is not None and applied.image_id == view.status.source.image_id
    if not image or same:
        return None
    status = change(view.status, down_image=image)
    return _look_again(view.with_status(status), result.reason, result.message)


def _silent(view: View, reason: str, message: str, *, fatal: bool = False) -> Status:
    """The Job left no word. What only reads may be repeated; after the others somebody has to look."""
    step = view.operation.step
    view = view.with_status(land(_perhaps_reserved(view)))
    if _closes(view):
        return after_the_end(view, reason, message)
    if step is Operation.DRAIN and not view.operation.abort:
        return _not_drained(view, reason, message)
    if step is Operation.SNAPSHOT and view.operation.snapshot_waived:
        return view.status  # it was ended because the operation goes on without it
    if view.operation.abort:
        return _unknown(view.status, reason) if step in _CHANGES_THE_DATABASE else view.status
    if reason == OperatorReason.JOB_DELETED and view.wants_new:
        # It was ended because it gives way to another wish: that is no failure.
        return forget_plan(view.status) if step in _CHANGES_THE_DATABASE else view.status
    status = (_failed if fatal else _counted)(view, reason, message)
    over = view.with_status(status).outcome is not None
    return status if over or step not in _CHANGES_THE_DATABASE else perhaps_begun(forget_plan(status))


def _unknown(status: Status, reason: str) -> Status:
    """Nobody knows what the run has done: whoever ends the operation has to look."""
    return change(forget_plan(status), last_reason=reason)


def _perhaps_reserved(view: View) -> Status:
    """What a lost run may have reserved lives on, until we give it back.

    An inspection reserves where nobody has to be asked, and a rollback renews when it begins.
    """
    if view.operation.step not in _RESERVES:
        return view.status
    until = view.now + timedelta(seconds=reserve_seconds(view.spec))
    return change(view.status, reserved_until=rfc3339(until))


def _counted_since(status: Status, result: Result) -> Status:
    """Notes how much was written between the marker and the change of the schema."""
    known = of_operation(status)
    if known is None or result.marker is None or result.marker.since < 0:
        return status
    return put(status, known.model_copy(update={"transactions_since": result.marker.since}))


def _done(view: View, result: Result) -> Status:  # noqa: C901, PLR0911, PLR0912 - one answer per operation
    """The run did what it was asked to do."""
    # A new plan is no progress yet: what made the last one fail may make this one fail.
    waits = view.operation.waits if result.operation is Operation.INSPECT else 0
    status = change(view.status, last_reason="", last_message=result.message, waits=waits)
    match result.operation:
        case Operation.INSPECT:
            return _inspected(view.with_status(status), result)
        case Operation.MIGRATE if result.reason is Reason.BACKWARD:
            return take_plan(status, result)
        case Operation.MIGRATE | Operation.ROLLBACK:
            direction = view.operation.direction or result.direction
            status = forward(change(status, reached=True, direction=direction, to=result.target))
            if result.operation is Operation.MIGRATE:
                status = _held_back(view.with_status(status), result)
            # A run that changed something has ended the reservation; one that found nothing to do has not.
            return status if result.reason is Reason.UP_TO_DATE else change(status, reserved_until="")
        case Operation.RESERVE:
            return _reserved(status, result, view.operation.plan_digest)
        case Operation.SNAPSHOT:
            return _sealed(view.with_status(status), result)
        case Operation.RELEASE:
            return change(status, reserved_until="")
        case Operation.FENCE:
            return _raised(view.with_status(status))
        case Operation.UNFENCE:
            return change(status, fence=None)
        case Operation.PRUNE:
            return noted(view.with_status(status), result.deleted, result.kept, "", result.message)
        case Operation.CHECK:
            return _passed(view.with_status(status))
        case Operation.DRAIN:
            return change(status, drained=True)
        case _:
            assert_never(result.operation)


def _passed(view: View) -> Status:
    stage = view.operation.check_stage
    checked = tuple(dict.fromkeys((*view.operation.checked, *((stage,) if stage is not None else ()))))
    return change(view.status, checked=checked, check_stage=None)


def _raised(view: View) -> Status:
    fence = view.operation.fence
    if fence is None:
        return view.status
    up = fence.model_copy(update={"phase": FencePhase.RAISED, "time": rfc3339(view.now)})
    return change(view.status, fence=up)


def _held_back(view: View, result: Result) -> Status:
    """Notes whether files of phase=contract wait, and for the end of which program."""
    status = change(view.status, contract=result.held_back > 0)
    if not result.held_back:
        return status
    return remember_old_program(view.with_status(status), result.source_digest)


def _inspected(view: View, result: Result) -> Status:
    status = take_plan(view.status, result)
    if view.operation.kind is OperationKind.ROLLBACK and result.direction is not Direction.BACKWARD:
        # Nothing has to be undone. Going forward, if it is older already, is not what was asked for.
        return change(
            status, direction=Direction.NONE, to=result.current, plan_digest="", steps=(), steps_omitted=0
        )
    if result.reserved_seconds:
        status = _reserved(status, result, result.plan_digest)
    if result.direction is not Direction.NONE:
        return change(status, reached=False)
    return _held_back(view.with_status(forward(change(status, reached=True))), result)


def _reserved(status: Status, result: Result, plan: str) -> Status:
    """Counts the reservation's life from when its Job was decided on, by our own clock.

    That is never later than its true end, however wrong the clock of the database's server may be.
    """
    operation = status.operation
    begun = parse(operation.attempt_time) if operation is not None else None
    until = rfc3339(begun + timedelta(seconds=result.reserved_seconds)) if begun is not None else ""
    said = result.marker
    marker = Marker(time=said.time, lsn=said.lsn, transaction=said.transaction) if said is not None else None
    return change(status, reserved_until=until, reserved_plan=plan, marker=marker)


def _sealed(view: View, result: Result) -> Status:
    """A run that says it succeeded but names no restore point has not given us one."""
    if result.snapshot is None:
        return _counted(view, Reason.SNAPSHOT_FAILED, "the snapshot run named no restore point")
    major = result.database.major if result.database else None
    name, fence = view.operation.snapshot_name, view.operation.fence
    known = of_operation(view.status) or SnapshotState(
        name=name, operation_id=view.operation.id, phase=SnapshotPhase.IN_PROGRESS
    )
    provider = view.world.provider
    said: dict[str, Any] = {
        "phase": SnapshotPhase.READY,
        "path": result.snapshot.path,
        "digest": result.snapshot.digest,
        "size_bytes": result.snapshot.size,
        "restore_point_time": result.snapshot.restore_point,
        "completion_time": rfc3339(view.now),
        "server_major": major,
        "verified": provider.verifies if provider is not None else None,
        "writers_fenced": fence is not None and fence.phase is FencePhase.RAISED,
        "parts": _parts(view, known, result.snapshot.verify_seconds),
    }
    return put(view.status, known.model_copy(update=said))


def _parts(view: View, known: SnapshotState, verify: int) -> SnapshotParts:
    """Where the time went: until its Job was decided on, until it was made, until it was read back."""
    decided, begun = parse(known.decision_time), parse(view.operation.attempt_time) or view.now
    queue = int((begun - decided).total_seconds()) if decided is not None else 0
    made = max(0, int((view.now - begun).total_seconds()) - verify)
    return SnapshotParts(queue=max(0, queue), provider=made, verify=max(0, verify))


def _look_again(view: View, reason: str, message: str) -> Status:
    waits = view.operation.waits + 1
    delay = back_off(view.operation, waits, WAIT_CAP_SECONDS) if waits > 1 else timedelta()
    return put_off(forget_plan(change(view.status, waits=waits)), view.now, delay, reason, message)


def _counted(view: View, reason: str, message: str) -> Status:
    retries = view.operation.retries + 1
    if retries > view.spec.execution.backoff_limit:
        return _failed(view, reason, message)
    delay = back_off(view.operation, retries, RETRY_CAP_SECONDS)
    return put_off(change(view.status, retries=retries), view.now, delay, reason, message)


def _failed(view: View, reason: str, message: str) -> Status:
    """The operation is over. A restore point that was begun and not sealed is none."""
    if view.operation.step is Operation.SNAPSHOT and may_go_without(view):
        return waived(view, reason)
    view = view.with_status(cancel(view.with_status(spoil(view.status)), reason, message))
    if view.operation.step is Operation.CHECK:
        view = with_undo(view)
    return end(view, Outcome.FAILED, reason, message)
