"""Restore points in a status: which is this operation's, and what becomes of their entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import TAIL, Outcome, SnapshotPhase

if TYPE_CHECKING:
    from switchback.api.status import SnapshotState, Status


_WELL = {Outcome.SUCCEEDED, Outcome.ROLLED_BACK}


def of_operation(status: Status) -> SnapshotState | None:
    """The restore point of the present plan. One that was taken for another plan does not count."""
    name = status.operation.snapshot_name if status.operation is not None else ""
    return next((known for known in status.snapshots if name and known.name == name), None)


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


def unfinished(status: Status) -> tuple[str, ...]:
    """Operations whose restore points somebody may still need: what ended badly, until another ended well."""
    found: list[str] = []
    for entry in status.history:
        if entry.outcome in _WELL:
            found.clear()  # whatever went wrong before was put right by then
        else:
            found.append(entry.operation_id)
    return tuple(found)
