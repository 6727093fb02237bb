"""Restore points in a status: which is this operation's, and what becomes of their entries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.policies import BeforeMigratePolicy, DeletionPolicy
from switchback.api.status import TAIL, Outcome, SnapshotPhase
from switchback.contract import retention
from switchback.contract.points import Level, Subject
from switchback.contract.words import Direction
from switchback.controller.times import parse

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.snapshots import Retention, Snapshot
    from switchback.api.spec import Spec
    from switchback.api.status import SnapshotState, Status
    from switchback.contract.points import Listing, Owned
    from switchback.controller.observed import Observed


_WELL = {Outcome.SUCCEEDED, Outcome.ROLLED_BACK}


def of_operation(status: Status) -> SnapshotState | None:
    """The restore point of the present plan. One that was taken for another plan does not count."""
    name = status.operation.snapshot_name if status.operation is not None else ""
    return next((known for known in status.snapshots if name and known.name == name), None)


def under_way(point: SnapshotState) -> str:
    """How far a restore point is, as a sentence."""
    progress = f", {point.progress} %" if point.progress is not None else ""
    return f"{point.name} is being taken: {point.raw_status or 'asked for'}{progress}."


def ready(point: SnapshotState) -> str:
    """What a restore point is worth, as sentences."""
    match point.verified:
        case Level.FULL_READ | Level.RESTORE_AND_QUERY:
            how = "was read back in full"
        case Level.METADATA:
            how = "is available, and its metadata is as it should be"
        case None:
            how = "was reported by its Job, whose word was taken"
    text = f"{point.path or point.name} {how}; it holds what was committed before {point.restore_point_time}."
    if point.writers_fenced:
        return f"{text} Writers were kept out."
    if point.transactions_since:
        return f"{text} {point.transactions_since} transactions were begun since."
    return text


def put(status: Status, snapshot: SnapshotState) -> Status:
    """The status with this restore point, in place of what was known of it.

    When there are too many, the oldest that is no restore point goes first: a failed try says less than one
    that can still be restored from.
    """
    others = [known for known in status.snapshots if known.name != snapshot.name]
    while len(others) >= TAIL:
        worthless = (known for known in others if known.phase is SnapshotPhase.FAILED)
        others.remove(next(worthless, others[0]))
    return status.model_copy(update={"snapshots": (*others, snapshot)})


def spoil(status: Status, lost: str = "") -> Status:
    """Marks what is in progress, and one that is lost, as failed: nobody may take it for a restore point."""
    spoiled = tuple(
        snapshot.model_copy(update={"phase": SnapshotPhase.FAILED})
        if snapshot.phase is SnapshotPhase.IN_PROGRESS or (lost and snapshot.name == lost)
        else snapshot
        for snapshot in status.snapshots
    )
    return status.model_copy(update={"snapshots": spoiled})


def too_many_perhaps(snapshot: Snapshot | None, status: Status, now: datetime) -> bool:
    """Whether older restore points may be more than are wanted: only then somebody looks at all of them.

    The status knows the newest ones. When it is full there may be others.
    """
    operation = status.operation
    if snapshot is None or operation is None:
        return False
    ready = [known for known in status.snapshots if known.phase is SnapshotPhase.READY]
    if not any(known.operation_id == operation.id for known in ready):
        return False  # nothing has been added
    rules = snapshot.retention
    oldest = min((done for known in ready if (done := parse(known.completion_time))), default=now)
    old = now - oldest > timedelta(seconds=rules.minimum_age_seconds)
    return len(status.snapshots) >= TAIL or (old and len(ready) > rules.minimum_count)


def unfinished(status: Status) -> tuple[str, ...]:
    """Operations whose restore points somebody may still need: what ended badly, until another ended well."""
    found: list[str] = []
    for entry in status.history:
        if entry.outcome in _WELL:
            found.clear()  # whatever went wrong before was put right by then
        else:
            found.append(entry.operation_id)
    return tuple(found)


def doomed_of(world: Observed, status: Status, listing: Listing, rules: Retention) -> retention.Delete | None:
    """The oldest restore point that may go; None when all have to stay."""
    verdicts = retention.plan(
        [_point(world, status, one) for one in listing.points],
        retention.Policy(rules.minimum_count, rules.minimum_age_seconds),
        now=world.now,
        complete=listing.complete,
        unfinished=unfinished(status),
    )
    return next((one for one in verdicts if isinstance(one, retention.Delete)), None)


def _point(world: Observed, status: Status, one: Owned) -> retention.Point:
    seen = one.observation
    known = {entry.name: entry for entry in status.snapshots}.get(seen.name)
    return retention.Point(
        name=seen.name,
        created=parse(one.created),
        phase=seen.phase,
        verified=seen.failure is None and (known is None or known.verified is not None),
        owned=one.ownership.uid == world.uid,
        source=seen.source_id,
        operation_id=one.ownership.operation_id,
        protected=known.protected_by if known is not None else "",
        keep=one.protected,
    )


def goes_with_resource(spec: Spec) -> bool:
    """Whether restore points are deleted together with their resource, as far as the rules let them go."""
    return spec.snapshot is not None and spec.snapshot.deletion_policy is DeletionPolicy.DELETE


def protect(status: Status, outcome: Outcome) -> Status:
    """After a bad end its restore points stay until another operation has ended well. That frees all."""
    operation = status.operation
    if operation is None:
        return status
    why = "" if outcome in _WELL else f"its operation ended {outcome}"
    marked = tuple(
        known.model_copy(update={"protected_by": why})
        if outcome in _WELL or known.operation_id == operation.id
        else known
        for known in status.snapshots
    )
    return status.model_copy(update={"snapshots": marked})


def wants_one(world: Observed, direction: Direction | None) -> bool:
    """Whether a restore point comes next on this way."""
    snapshot = world.spec.snapshot if world.spec is not None else None
    always = snapshot is not None and snapshot.before_migrate_policy is BeforeMigratePolicy.ALWAYS
    return direction is Direction.BACKWARD or (direction is Direction.FORWARD and always)


def field_of(world: Observed) -> str:
    """Field of spec.snapshot that says how restore points are taken."""
    return world.spec.snapshot.chosen if world.spec is not None and world.spec.snapshot is not None else ""


def subject_of(world: Observed) -> Subject:
    """The database as Jobs of this resource have seen it."""
    state = world.status.schema_state
    seen = state.database if state is not None else None
    if state is None or seen is None:
        return Subject()
    return Subject(
        database=seen.name,
        system_identifier=seen.system_identifier,
        server_version=seen.server_version,
        host=seen.host,
        port=seen.port or 0,
        addresses=seen.addresses,
        server_address=seen.server_address,
        current=state.current,
    )
