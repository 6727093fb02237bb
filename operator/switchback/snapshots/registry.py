"""Every snapshot provider, by the field of `spec.snapshot` that chooses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.snapshots.cloud_native_pg import CloudNativePGBackups
from switchback.snapshots.job import SnapshotJob
from switchback.snapshots.pgdump import PgDump
from switchback.snapshots.rds import RDS
from switchback.snapshots.volume_snapshot import VolumeSnapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchback.api.snapshots import Snapshot
    from switchback.contract.points import Capabilities
    from switchback.snapshots.provider import CallProvider, JobProvider, Tools


@dataclass(frozen=True, slots=True)
class Entry:
    """One provider. Exactly one of `job` and `calls` is set.

    Attributes:
        field: of `spec.snapshot`, as it is written in YAML.
        capabilities: what it can tell and do.
        job: describes the pod of the snapshot Job.
        calls: makes what asks an interface, for one `spec.snapshot` in one namespace.
    """

    field: str
    capabilities: Capabilities
    job: JobProvider | None = None
    calls: Callable[[Snapshot, str, Tools], CallProvider] | None = None


def _by_job(field: str, provider: JobProvider) -> Entry:
    return Entry(field, provider.capabilities, job=provider)


def _by_calls(field: str, provider: Any) -> Entry:
    return Entry(field, provider.capabilities, calls=provider)


PROVIDERS: Mapping[str, Entry] = {
    "pg_dump": _by_job("pgDump", PgDump()),
    "rds": _by_calls("rds", RDS),
    "volume_snapshot": _by_calls("volumeSnapshot", VolumeSnapshots),
    "cloud_native_pg": _by_calls("cloudNativePG", CloudNativePGBackups),
    "job": _by_job("job", SnapshotJob()),
}
"""Attribute of `api.snapshots.Snapshot` to provider. `none` is not here: it takes no restore point."""


def capabilities_of(snapshot: Snapshot | None) -> Capabilities | None:
    """What the chosen provider can tell and do; None when there is none."""
    entry = entry_of(snapshot)
    return entry.capabilities if entry is not None else None


def entry_of(snapshot: Snapshot | None) -> Entry | None:
    """The provider that `snapshot` chooses; None when it waives the restore point."""
    if snapshot is None:
        return None
    return next((one for name, one in PROVIDERS.items() if getattr(snapshot, name, None) is not None), None)
