"""goose: `goose_db_version(id, version_id, is_applied, tstamp)`, where the newest row of a version counts.

An older goose adds a row with `is_applied = false` for a rollback, a newer one deletes the row. The row of
version 0 stands for the empty database. The order of the ids is that of application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.runner.adoption import numbers, rows
from switchback.runner.adoption.model import Entry, Reading

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.model import Table

NAME = "goose"
TABLES = frozenset({"goose_db_version"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS = numbers.FORMATS
NEEDS = frozenset({"id", "version_id", "is_applied"})

_SENTINEL = 0


def claims(table: Table) -> bool:
    """Whether it has goose's columns."""
    return set(table.columns) == {"id", "version_id", "is_applied", "tstamp"}


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The versions whose newest row says that they are applied.

    Raises:
        RunnerError: `PermissionDenied`.
    """
    found, guard = rows.read(connection, NAME, table, "version_id, is_applied", "id")
    applied: dict[int, bool] = {}
    for version, is_applied in found:
        applied.pop(version, None)  # its place is that of the newest row
        applied[version] = is_applied
    files = numbers.by_number(source)
    entries = tuple(
        Entry(str(version), files.get(numbers.plain(str(version))))
        for version, is_applied in applied.items()
        if is_applied and version != _SENTINEL
    )
    version = f"version {entries[-1].version}" if entries else "nothing applied"
    return Reading(version, entries, guard)
