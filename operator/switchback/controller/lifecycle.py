"""How a status changes when something happens to an operation: pure steps from status to status.

Invariants, which the property tests hold this file to:

- `operation.jobName` is set exactly while a Job is intended or in flight;
- an operation is over exactly when the newest entry of `history` carries its id;
- `operation.planDigest` is set exactly while the plan may be relied on.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.policies import AheadPolicy
from switchback.api.status import (
    TAIL,
    DatabaseIdentity,
    FencePhase,
    FenceState,
    HistoryEntry,
    OperationKind,
    OperationState,
    Outcome,
    SchemaState,
    SlotSchema,
    SnapshotPhase,
    SourceState,
    Status,
    plan_steps,
)
from switchback.api.work import PLACE
from switchback.contract.digest import short
from switchback.contract.reasons import Reason
from switchback.contract.result import bounded
from switchback.contract.words import LATEST, Direction, Operation
from switchback.controller import requests
from switchback.controller.cutovers import resumed, superseded
from switchback.controller.intent import database_digest
from switchback.controller.old_programs import contract_due, retire
from switchback.controller.restore_points import of_operation, protect, spoil, too_many_perhaps
from switchback.controller.times import parse, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.spec import Spec
    from switchback.contract.result import Result
    from switchback.controller.observed import Job
    from switchback.controller.view import View

RESERVATION_MARGIN_SECONDS = 300
"""A reservation outlives the longest snapshot by this, so that the rollback Job finds it."""

RETRY_BASE_SECONDS = 2.0
RETRY_CAP_SECONDS = 300.0
WAIT_CAP_SECONDS = 30.0


def begin(view: View) -> Status:
    """A new operation towards the present intent. A reservation that the last one holds is remembered.

    A rollback on request that failed is begun again as what it was; a new intent or a request to try again
    after its success means the wish of the spec.
    """
    last = view.status.operation
    kind, target, rollback = OperationKind.REACH, view.spec.target, view.rollback_wanted
    undoes = ""
    if rollback:
        kind, target = OperationKind.ROLLBACK, rollback
    elif last is not None and last.undo and not view.superseded:
        kind, target, undoes = OperationKind.ROLLBACK, last.undo, last.id
    elif last is not None and last.kind is not OperationKind.REACH and _goes_on(view):
        kind, target, undoes = last.kind, last.target, last.undoes
    elif contract_due(view):
        kind = OperationKind.CONTRACT
    operation = OperationState(
        id=names.operation_id(view.world.uid, view.world.resource_version),
        kind=kind,
        intent_digest=view.intent,
        database_digest=database_digest(view.spec),
        target=target,
        to=target,
        undoes=undoes,
        automatic=bool(undoes),
        reached=view.spec.source is None,
        direction=Direction.NONE if view.spec.source is None else None,
        retry=view.again if last is not None and not view.superseded else "",
        generation=view.world.generation,
        start_time=rfc3339(view.now),
        deadline_time=rfc3339(view.now + timedelta(seconds=view.spec.operation_deadline_seconds)),
        reserved_until=last.reserved_until if last else "",
        fence=last.fence if last else _fence_left(view),
    )
    image = view.spec.source.image if view.spec.source is not None else None
    source = SourceState(
        digest=view.world.source.digest,
        image=image.reference if image else "",
        path=image.path if image else "",
    )
    status = superseded(view)
    if rollback:
        status = requests.handled(status, rollback=requests.given(view, "rollback"))
    return status.model_copy(update={"operation": operation, "approval": None, "source": source})


def _fence_left(view: View) -> FenceState | None:
    """A fence that an earlier life of this status has raised, as far as its Jobs still tell."""
    told = [job for job in view.world.jobs if job.step in {Operation.FENCE, Operation.UNFENCE}]
    newest = max(told, key=lambda job: (job.created, job.attempt), default=None)
    fence = view.spec.snapshot.fence if view.spec.snapshot is not None else None
    if newest is None or fence is None or _lowered(newest):
        return None
    return FenceState(
        phase=FencePhase.RAISING,
        operation_id=newest.operation,
        image=fence.image,
        command=fence.command,
        deadline_seconds=fence.deadline_seconds,
        database=place(view.spec),
        time=rfc3339(newest.created),
    )


def place(spec: Spec) -> str:
    """Where a fence is raised, to be lowered there: spec.database may be edited meanwhile."""
    text = json.dumps(spec.the_database.to_json(), separators=(",", ":"))
    return text if len(text) <= PLACE else ""


def _lowered(job: Job) -> bool:
    """Whether the Job has let writers in. One that failed, or never began, has not."""
    said = job.result if job.step is Operation.UNFENCE and job.ended else None
    return said is not None and said.reason is Reason.SUCCEEDED


def _goes_on(view: View) -> bool:
    """Whether the same wish is tried once more after a failure."""
    outcome = view.outcome
    well = {Outcome.ROLLED_BACK, Outcome.SUCCEEDED}
    return not view.superseded and outcome is not None and outcome.outcome not in well


def change(status: Status, **update: Any) -> Status:
    """The status with some fields of its operation replaced."""
    if status.operation is None:
        raise LookupError("no operation has begun")
    return status.model_copy(update={"operation": status.operation.model_copy(update=update)})


def intend(view: View, step: Operation) -> Status:
    """The status that names the next Job. Writing it is the permission to create that Job."""
    attempt = view.operation.attempt + 1
    name = names.job_name(view.world.name, view.operation.id, step, attempt)
    return change(
        view.status,
        step=step,
        attempt=attempt,
        attempt_time=rfc3339(view.now),
        generation=view.world.generation,
        job_name=name,
        job_uid="",
        next_attempt_time="",
    )


def land(status: Status) -> Status:
    """The status once nothing is in flight any more."""
    return change(status, job_name="", job_uid="")


def learn(status: Status, result: Result, now: datetime, database_digest: str) -> Status:
    """Takes over what a run saw of the database, whatever its outcome.

    Another database than the one that is known is told by the reason and not taken over.
    """
    if result.database is None or not result.current or result.reason is Reason.DATABASE_CHANGED:
        return status
    schema = SchemaState(
        current=result.current,
        target=result.target,
        pending_count=result.pending,
        held_back=result.held_back or None,
        slots=tuple(SlotSchema(name=slot.name[:63], fit=slot.fit) for slot in result.slots),
        applied_tail=result.applied_tail,
        inspect_time=rfc3339(now),
        database=DatabaseIdentity(
            name=result.database.name,
            host=result.database.host,
            port=result.database.port or None,
            addresses=(result.database.address,) if result.database.address else (),
            server_address=result.database.server_address,
            system_identifier=result.database.system_identifier,
            server_version=result.database.version,
            ledger=result.database.ledger,
            digest=database_digest,
        ),
    )
    return status.model_copy(update={"schema_state": schema})


def take_plan(status: Status, result: Result) -> Status:
    """Records what would run, as the inspecting run told it.

    What the operation has applied before in a run that was lost is part of its way, and not where it begins.
    """
    steps, omitted = plan_steps(result.steps, result.steps_omitted)
    return change(
        status,
        direction=result.direction,
        from_=result.begun_at or result.current,
        to=result.target,
        plan_digest=result.plan_digest,
        risks=result.risks,
        steps=steps,
        steps_omitted=omitted,
    )


def forget_plan(status: Status) -> Status:
    """Back to looking: plan, approval and snapshot of the old plan no longer count."""
    cleared = change(
        status,
        step=Operation.INSPECT,
        plan_digest="",
        direction=None,
        risks=(),
        steps=(),
        steps_omitted=0,
        reserved_plan="",
        snapshot_name="",
        snapshot_time="",
        snapshot_waived="",
    )
    return cleared.model_copy(update={"approval": None})


def end(view: View, outcome: Outcome, reason: str, message: str) -> Status:
    """Writes the operation's outcome into the history. What ended stays ended."""
    operation = view.operation
    entry = HistoryEntry(
        operation_id=operation.id,
        direction=operation.direction or Direction.NONE,
        from_=operation.from_,
        to=operation.to,
        outcome=outcome,
        reason=reason,
        message=message,
        requested_because=view.spec.reason,
        start_time=operation.start_time,
        completion_time=rfc3339(view.now),
    )
    status = change(view.status, next_attempt_time="", last_reason="", last_message="")
    status = protect(status, outcome)
    well = outcome in {Outcome.SUCCEEDED, Outcome.ROLLED_BACK}
    if well and too_many_perhaps(view.spec.snapshot, status, view.now):
        status = change(status, pruning=True)
    if operation.kind is OperationKind.CONTRACT and outcome is Outcome.SUCCEEDED:
        status = retire(view.with_status(change(status, contract=False)))
    update: dict[str, Any] = {"history": (*status.history, entry)[-TAIL:]}
    there = outcome is Outcome.SUCCEEDED or _schema_reached(view)
    if there and view.spec.source is not None and status.source is not None and _holds_all(view):
        update["applied_source"] = status.source
    return status.model_copy(update=update)


def _schema_reached(view: View) -> bool:
    """Whether the schema is where it was to be, whatever became of the traffic."""
    operation, seen = view.operation, view.status.schema_state
    known = seen is not None and seen.current == operation.to
    return known and operation.reached and operation.kind is not OperationKind.ROLLBACK


def _holds_all(view: View) -> bool:
    """Whether the source holds a file for everything that is applied now."""
    kept = view.spec.target == LATEST and view.spec.the_source.ahead_policy is AheadPolicy.KEEP
    return view.operation.direction is Direction.FORWARD or (
        view.operation.direction is not Direction.BACKWARD and not kept
    )


def reserve_seconds(spec: Spec) -> int:
    """For how long the database is reserved: the longest snapshot, and then until the rollback Job runs."""
    snapshot = spec.snapshot.deadline_seconds if spec.snapshot and spec.snapshot.none is None else 0
    return snapshot + RESERVATION_MARGIN_SECONDS


def pause(view: View) -> Status:
    """Notes since when the operation is suspended. What waits for a person has a clock of its own."""
    approval = view.status.approval
    asked = approval is not None and not approval.approved_by
    return (
        view.status
        if view.operation.suspend_time or asked
        else change(view.status, suspend_time=rfc3339(view.now))
    )


def resume(view: View) -> Status:
    """Gives back the time that the operation was suspended."""
    since, deadline = parse(view.operation.suspend_time), parse(view.operation.deadline_time)
    if since is None or deadline is None:
        return view.status
    status, snapshot = view.status, view.spec.snapshot
    known, away = of_operation(status), view.now - since
    begun = known is not None and known.phase is SnapshotPhase.IN_PROGRESS
    if begun and snapshot is not None and away > timedelta(seconds=snapshot.max_age_seconds):
        # It may have been there for most of that time: how old it is nobody could tell.
        status = change(spoil(status), snapshot_name="", snapshot_time="")
    status = resumed(view.with_status(status))
    return change(status, suspend_time="", deadline_time=rfc3339(deadline + away))


def put_off(status: Status, now: datetime, delay: timedelta, reason: str, message: str) -> Status:
    """No attempt before `now + delay`; reason and message say why, until then."""
    later = rfc3339(now + delay + timedelta(milliseconds=999))  # whole seconds: never earlier than asked
    return change(status, next_attempt_time=later, last_reason=reason, last_message=bounded(message))


def back_off(operation: OperationState, count: int, cap: float) -> timedelta:
    """2, 4, 8 … seconds up to `cap`, spread by ±20 % so that resources which failed together part ways.

    The spread comes from a hash, not from chance: the same observation gives the same decision.
    """
    spread = 0.8 + 0.4 * int(short(f"{operation.id}/{operation.attempt}/{count}", 4), 16) / 0xFFFF
    return timedelta(seconds=min(cap, RETRY_BASE_SECONDS * 2.0 ** min(max(count, 1) - 1, 16)) * spread)
