"""A status that always fits: what is shown to people gives way, what decides stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from switchback.api.status import SnapshotPhase

if TYPE_CHECKING:
    from switchback.api.status import OperationState, Preview, SnapshotState, Status

STATUS_BYTES = 32 * 1024
"""A status is copied into every watch event and every `kubectl get`; etcd takes far more."""


CHECK_ERRORS = (128, 32)
"""So many characters of what a check has said are kept, where there is room for no more."""


def fitted(status: Status, limit: int = STATUS_BYTES) -> Status:
    """`status` in at most `limit` bytes of JSON. What is only shown to people goes first, what decides stays.

    In this order: losses and then steps of the preview, losses and then steps of the plan (from the end, and
    counted in `stepsOmitted`), names of deleted restore points, what checks have said in part, history
    from the oldest on, and restore points: failed ones first, from the oldest on, and never the operation's
    own. Conditions, approval and the rest of operation and preview are never touched.
    """
    for part in ("preview", "operation"):
        status = _with_fewer_steps(status, part, limit)
    if status.retention is not None and status.retention.deleted and _size(status) > limit:
        quiet = status.retention.model_copy(update={"deleted": ()})
        status = status.model_copy(update={"retention": quiet})
    for length in CHECK_ERRORS:
        status = _with_shorter_errors(status, length) if _size(status) > limit else status
    while _size(status) > limit and len(status.history) > 1:
        status = status.model_copy(update={"history": status.history[1:]})
    while _size(status) > limit and len(status.snapshots) > 1:
        status = status.model_copy(update={"snapshots": _with_one_less(status)})
    return status


def _with_shorter_errors(status: Status, length: int) -> Status:
    checks = tuple(
        check.model_copy(update={"last_error": check.last_error[: length - 1] + "…"})
        if len(check.last_error) > length
        else check
        for check in status.checks
    )
    return status.model_copy(update={"checks": checks})


def _with_one_less(status: Status) -> tuple[SnapshotState, ...]:
    """The restore points without the one that says least."""
    own = status.operation.snapshot_name if status.operation is not None else ""
    others = [point for point in status.snapshots if not own or point.name != own]
    failed = (point for point in others if point.phase is SnapshotPhase.FAILED)
    least = next(failed, others[0])
    return tuple(point for point in status.snapshots if point is not least)


def _size(status: Status) -> int:
    return len(json.dumps(status.to_json(), ensure_ascii=False, separators=(",", ":")).encode())


def _with_fewer_steps(status: Status, part: str, limit: int) -> Status:
    """As many steps of the preview, or of the operation, as there is room for."""
    plan: Preview | OperationState | None = getattr(status, part)
    if plan is None or _size(status) <= limit:
        return status
    plan = plan.model_copy(
        update={"steps": tuple(step.model_copy(update={"losses": ()}) for step in plan.steps)}
    )
    while _size(status := status.model_copy(update={part: plan})) > limit and plan.steps:
        plan = plan.model_copy(update={"steps": plan.steps[:-1], "steps_omitted": plan.steps_omitted + 1})
    return status
