"""Every snapshot provider, by the field of `spec.snapshot` that chooses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.snapshots.pgdump import PgDump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.api.spec import Snapshot
    from switchback.snapshots.provider import SnapshotProvider

PROVIDERS: Mapping[str, SnapshotProvider] = {
    "pg_dump": PgDump(),
}
"""Attribute of `api.spec.Snapshot` to provider. `none` is not here: it takes no restore point."""


def provider_of(snapshot: Snapshot) -> SnapshotProvider | None:
    """The provider that `snapshot` chooses; None when it waives the restore point."""
    return next((one for name, one in PROVIDERS.items() if getattr(snapshot, name, None) is not None), None)
