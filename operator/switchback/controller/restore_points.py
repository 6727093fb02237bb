"""Restore points in a status: which is this operation's, and what becomes of their entries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.status import TAIL, Outcome, SnapshotPhase
from switchback.contract.points import Level
from switchback.controller.times import parse

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.snapshots import Snapshot
    from switchback.api.status import SnapshotState, Status


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


def spoil(status: Status) -> Status:
    """Marks what is still in progress as failed, so that nobody takes it for a restore point."""
    spoiled = tuple(
        snapshot.model_copy(update={"phase": SnapshotPhase.FAILED})
        if snapshot.phase is SnapshotPhase.IN_PROGRESS
        else snapshot
        for snapshot in status.snapshots
    )
    return status.model_copy(update={"snapshots": spoiled})


def too_many_perhaps(snapshot: Snapshot | None, status: Status, now: datetime) -> bool:
    """Whether older restore points may be more than are wanted: only then somebody has to look at all of them.

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
