"""Statuses as the operator writes them: each situation, put together by the one function that may do that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchback.api.conditions import ConditionType, Detail, Situation, conditions_for
from switchback.api.status import ConditionStatus, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.api.status import Condition

Object = dict[str, Any]

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def conditions(
    situation: Situation, reason: str, *, generation: int = 1, previous: Iterable[Condition] = ()
) -> tuple[Condition, ...]:
    """The conditions of a situation, with details beside the four."""
    details = [
        Detail(ConditionType.SCHEMA_READY, ConditionStatus.FALSE, reason, "The schema is at 0007."),
        Detail(ConditionType.APPROVED, ConditionStatus.TRUE, "Approved", "Token t was given by ann."),
    ]
    return conditions_for(
        situation, reason, "", generation=generation, now=NOW, previous=previous, details=details
    )


def status(
    situation: Situation, reason: str, *, generation: int = 1, after: Situation | None = None
) -> Object:
    """The status of a situation, as JSON. `after`: the situation before it, in the generation before."""
    before: tuple[Condition, ...] = ()
    if after is not None:
        earlier = conditions(after, "Migrating", generation=max(generation - 1, 0))
        before = tuple(one.model_copy(update={"last_transition_time": _earlier()}) for one in earlier)
    made = conditions(situation, reason, generation=generation, previous=before)
    return Status(observed_generation=generation, conditions=made).to_json()


def resource(said: Object | None, *, generation: int = 1, deleting: bool = False, **more: Any) -> Object:
    """A resource with this status. `more` goes into its metadata."""
    meta = {"name": "shop", "namespace": "test", "generation": generation, **more}
    if deleting:
        meta["deletionTimestamp"] = "2026-01-31T09:30:00Z"
    made: Object = {"apiVersion": "switchback.dev/v1alpha1", "kind": "DatabaseMigration", "metadata": meta}
    return made if said is None else made | {"status": said}


def is_deleting(situation: Situation) -> bool:
    """Whether the row is one that only a resource with a deletion timestamp can be in."""
    return situation is Situation.DELETING


def _earlier() -> str:
    return (NOW - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
