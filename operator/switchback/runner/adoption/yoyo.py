"""yoyo: `_yoyo_migration(migration_hash, migration_id, applied_at_utc)`, a row for each applied migration.

The id is a file's name without its ending. No format here reads yoyo's folders: whoever converts them keeps
the names where that is possible, and then the ids say it all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.runner.adoption import rows
from switchback.runner.adoption.model import Entry, Reading

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.model import Table

NAME = "yoyo"
TABLES = frozenset({"_yoyo_migration"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS: frozenset[str] = frozenset()
NEEDS = frozenset({"migration_id", "applied_at_utc"})


def claims(table: Table) -> bool:
    """Whether it has yoyo's columns, as they are since its version 6."""
    return set(table.columns) == {"migration_hash", "migration_id", "applied_at_utc"}


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The ids in the order of application.

    Raises:
        RunnerError: `PermissionDenied`.
    """
    order = 'applied_at_utc, migration_id COLLATE "C"'
    found, guard = rows.read(connection, NAME, table, "migration_id", order)
    entries = tuple(Entry(str(name), source.by_id.get(str(name))) for (name,) in found)
    return Reading(f"at {entries[-1].version}" if entries else "nothing applied", entries, guard)
