"""The life of a snapshot: creating, then what it becomes, then deleting, then gone.

Nothing runs by itself. Before each call everything is brought up to date with the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias

from moto.rds.models import DBClusterSnapshot, DBSnapshot

from tests.aws.world import World, moment

if TYPE_CHECKING:
    from moto.rds.models import RDSBackend

Snapshot: TypeAlias = DBSnapshot | DBClusterSnapshot

BUSY = "backing-up"


@dataclass
class Life:
    """What becomes of one snapshot, and when."""

    begun: float
    seconds: float
    outcome: str
    stops_at: int
    captured: float
    database: float | None
    """When the last transaction in it was. None: this kind of snapshot does not tell."""
    original: float | None
    """When the snapshot was taken that this one is a copy of."""
    source: Any = None
    """The instance or cluster, while it is `backing-up` because of this snapshot."""
    gone: float | None = None
    forced: str = ""
    """A status that somebody has set, whatever the time."""

    def ended(self, now: float) -> bool:
        """Whether it is no longer being made."""
        if self.forced:
            return self.forced != "creating"
        return now >= self.begun + self.seconds

    def status(self, now: float) -> str:
        """What the API says."""
        if self.gone is not None:
            return "deleting"
        if self.forced:
            return self.forced
        return self.outcome if self.ended(now) else "creating"

    def percent(self, now: float) -> int:
        """How far it says to be. Full only when it is available; a failed one stops somewhere."""
        if self.status(now) in ("available", "deleting"):
            return 100
        share = 100.0 if not self.seconds else 100 * (now - self.begun) / self.seconds
        return max(0, min(99, self.stops_at, int(share)))


def snapshots(backend: RDSBackend) -> list[Snapshot]:
    """All snapshots of a region, of both kinds."""
    return [*backend.database_snapshots.values(), *backend.cluster_snapshots.values()]


def begin(world: World, snapshot: Snapshot, source: Any = None, copied: Snapshot | None = None) -> None:
    """A snapshot is asked for. `source`: the instance or cluster that is busy with it."""
    plan, now, settings = world.plan(), world.now(), world.settings
    captured = now + plan.seconds * settings.capture_share
    life = Life(
        begun=now,
        seconds=plan.seconds,
        outcome=plan.outcome,
        stops_at=plan.stops_at,
        captured=captured,
        database=captured - settings.database_lag,
        original=None,
    )
    if copied is not None and (of := world.lives.get(copied.arn)) is not None:
        life.database, life.original = of.database, of.original or of.captured
    if source is not None and settings.backing_up:
        source.status = BUSY
        life.source = source
    world.lives[snapshot.arn] = life
    _show(snapshot, life, now)


def refresh(world: World, backend: RDSBackend) -> None:
    """Bring everything of a region up to date."""
    now = world.now()
    for snapshot in snapshots(backend):
        life = world.lives.get(snapshot.arn)
        if life is None:
            life = world.lives[snapshot.arn] = _found(snapshot)
        if life.gone is not None and now >= life.gone:
            forget(world, backend, snapshot)
        else:
            _show(snapshot, life, now)
    resources: list[Any] = [*backend.databases.values(), *backend.clusters.values()]
    for resource in resources:
        ready = world.births.get(resource.arn)
        if ready is None:
            continue
        if now < ready:
            resource.status = "creating"
        else:
            del world.births[resource.arn]
            resource.status = "available"


def remove(world: World, backend: RDSBackend, snapshot: Snapshot) -> None:
    """A snapshot is to be deleted: at once, or when its time as `deleting` is over."""
    seconds = world.settings.delete_seconds
    if not seconds:
        forget(world, backend, snapshot)
        return
    world.lives[snapshot.arn].gone = world.now() + seconds


def forget(world: World, backend: RDSBackend, snapshot: Snapshot) -> None:
    """A snapshot is gone, and its source is no longer busy with it."""
    life = world.lives.pop(snapshot.arn, None)
    if life is not None:
        _release(life)
    if isinstance(snapshot, DBSnapshot):
        backend.database_snapshots.pop(snapshot.db_snapshot_identifier, None)
    else:
        backend.cluster_snapshots.pop(snapshot.db_cluster_snapshot_identifier, None)


def _found(snapshot: Snapshot) -> Life:
    """One that moto has made by itself, such as the automated one of a new instance."""
    made = snapshot.created.replace(tzinfo=UTC).timestamp()
    return Life(made, 0.0, "available", 100, made, made - 1.0, None)


def _release(life: Life) -> None:
    if life.source is not None and life.source.status == BUSY:
        life.source.status = "available"
    life.source = None


def _show(snapshot: Any, life: Life, now: float) -> None:
    """Write into moto's model what the API says now."""
    if life.ended(now):
        _release(life)
    snapshot.status = life.status(now)
    snapshot.percent_progress = life.percent(now)
    captured = now >= life.captured
    if isinstance(snapshot, DBClusterSnapshot):
        # The one of a cluster has its time from the first answer on, and tells of no other.
        snapshot.created = moment(life.begun)
        snapshot.db_cluster_resource_id = snapshot.cluster.db_cluster_resource_id  # type: ignore[attr-defined]
        return
    snapshot.created = moment(life.captured) if captured else None
    original = life.original if life.original is not None else life.captured
    snapshot.original_snapshot_create_time = moment(original) if captured else None
    known = captured and life.database is not None
    snapshot.snapshot_database_time = moment(life.database or 0.0) if known else None
