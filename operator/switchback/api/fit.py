"""A status that always fits: what is shown to people gives way, what decides stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.api.status import PlanStep, Status

STATUS_BYTES = 32 * 1024
"""A status is copied into every watch event and every `kubectl get`; etcd takes far more."""


def fitted(status: Status, limit: int = STATUS_BYTES) -> Status:
    """`status` in at most `limit` bytes of JSON. What is only shown to people goes first, what decides stays.

    In this order: losses of plan steps, plan steps from the end (they are counted in `stepsOmitted`), then
    history and restore points from the oldest on. Conditions, operation and approval are never touched.
    """
    if _size(status) > limit and status.operation is not None:
        bare = tuple(step.model_copy(update={"losses": ()}) for step in status.operation.steps)
        status = _with_steps(status, bare)
    while _size(status) > limit and status.operation is not None and status.operation.steps:
        status = _with_steps(status, status.operation.steps[:-1])
    while _size(status) > limit and len(status.history) > 1:
        status = status.model_copy(update={"history": status.history[1:]})
    while _size(status) > limit and len(status.snapshots) > 1:
        status = status.model_copy(update={"snapshots": status.snapshots[1:]})
    return status


def _size(status: Status) -> int:
    return len(json.dumps(status.to_json(), ensure_ascii=False, separators=(",", ":")).encode())


def _with_steps(status: Status, steps: tuple[PlanStep, ...]) -> Status:
    assert status.operation is not None  # noqa: S101 - both callers have asked
    omitted = status.operation.steps_omitted + len(status.operation.steps) - len(steps)
    operation = status.operation.model_copy(update={"steps": steps, "steps_omitted": omitted})
    return status.model_copy(update={"operation": operation})
