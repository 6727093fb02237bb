"""Deleting restore points that are beyond what is to be kept, by the plan of `contract.retention`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchback.contract import retention
from switchback.contract.points import Phase
from switchback.contract.retention import DAY, Delete, Keep, Policy
from switchback.snapshots.store import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from switchback.snapshots.manifest import Manifest
    from switchback.snapshots.store import Content, Point, Store

TRIES_SECONDS = DAY
"""What a try has left is removed when it was last written to longer ago than that."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose restore points are looked at, and which of them stay.

    Attributes:
        uid: UID of the resource.
        uid_hash: `api.names.uid_hash` of it.
        installation: id of the operator's installation; empty: any.
        policy: what stays in any case.
        protect: names that stay.
        unfinished: ids of operations whose restore points stay.
    """

    uid: str
    uid_hash: str
    installation: str = ""
    policy: Policy = field(default_factory=Policy)
    protect: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in the store, with what becomes of it. `verdict` is None when that is nobody's business."""

    point: Point
    verdict: Keep | Delete | None = None


def judged(content: Content, wish: Wish, now: datetime | None = None) -> tuple[Line, ...]:
    """Everything in a store, with a verdict about each restore point; the oldest come first."""
    now = now or datetime.now(UTC)
    sealed = {point.name: point for point in content.points if point.manifest is not None}
    points = [_seen(point, point.manifest, wish) for point in sealed.values() if point.manifest is not None]
    verdicts = retention.plan(
        points, wish.policy, now=now, complete=content.complete, unfinished=wish.unfinished
    )
    others = tuple(Line(point) for point in content.points if point.name not in sealed)
    return (*(Line(sealed[one.name], one) for one in verdicts), *others)


def _seen(point: Point, known: Manifest, wish: Wish) -> retention.Point:
    """A restore point as the plan wants it. What is damaged is kept: a person may want to look at it."""
    protected = "it was asked for that it stays" if point.name in wish.protect else ""
    if point.state is not State.SEALED:
        protected = f"it is damaged ({point.why}): a person has to look at it"
    return retention.Point(
        name=point.name,
        created=_time(known.restore_point),
        phase=Phase.AVAILABLE if point.state is State.SEALED else Phase.FAILED,
        verified=point.state is State.SEALED,
        owned=_owned(known, wish),
        source=f"{known.origin.system_identifier}/{known.origin.database}",
        operation_id=known.requester.operation_id,
        protected=protected,
        keep=point.keep,
    )


def _owned(known: Manifest, wish: Wish) -> bool:
    """Whether it is certainly this resource's. Older manifests know the hash of the UID only."""
    asked = known.requester
    if not wish.uid or (wish.installation and asked.installation not in {"", wish.installation}):
        return False
    return asked.uid == wish.uid if asked.uid else bool(asked.uid_hash) and asked.uid_hash == wish.uid_hash


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def prune(
    kept: Store,
    lines: Collection[Line],
    wish: Wish,
    deleted: Callable[[str], None],
    now: datetime | None = None,
) -> None:
    """Delete what the plan says, oldest first, and then what tries have left.

    Each restore point is looked at again before it goes: its manifest has to be the one that was listed.

    Args:
        kept: the store.
        lines: what `judged` has said.
        wish: the same.
        deleted: called with the name of each that is gone.
        now: the time.

    Raises:
        RunnerError: one could not be deleted. Those after it stay.
    """
    for line in lines:
        if isinstance(line.verdict, Delete):
            kept.remove(line.point.name, line.point.digest)
            deleted(line.point.name)
    before = (now or datetime.now(UTC)).timestamp() - TRIES_SECONDS
    if wish.uid_hash:
        for name in kept.remove_tries(wish.uid_hash, before):
            deleted(name)
