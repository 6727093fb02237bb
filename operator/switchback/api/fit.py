"""A status that always fits: what is shown to people gives way, what decides stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.api.status import OperationState, Preview, Status

STATUS_BYTES = 32 * 1024
"""A status is copied into every watch event and every `kubectl get`; etcd takes far more."""


def fitted(status: Status, limit: int = STATUS_BYTES) -> Status:
    """`status` in at most `limit` bytes of JSON. What is only shown to people goes first, what decides stays.

    In this order: losses and then steps of the preview, losses and then steps of the plan (from the end, and
    counted in `stepsOmitted`), then history and restore points from the oldest on. Conditions, approval and
    the rest of operation and preview are never touched.
    """
    for part in ("preview", "operation"):
        status = _with_fewer_steps(status, part, limit)
    while _size(status) > limit and len(status.history) > 1:
        status = status.model_copy(update={"history": status.history[1:]})
    while _size(status) > limit and len(status.snapshots) > 1:
        status = status.model_copy(update={"snapshots": status.snapshots[1:]})
    return status


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
