"""golang-migrate: `schema_migrations(version bigint, dirty boolean)` with one row, or none.

The row is a high-water mark: every file up to that version counts as applied. The mark `dirty` is committed
before a migration runs and taken away after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.adoption import numbers, rows
from switchback.runner.adoption.model import Entry, Reading
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.model import Table

NAME = "golang-migrate"
TABLES = frozenset({"schema_migrations"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS = numbers.FORMATS
NEEDS = frozenset({"version", "dirty"})

_COLUMNS = {"version": "bigint", "dirty": "boolean"}


def claims(table: Table) -> bool:
    """Whether it has the two columns. dbmate's table of this name has a version of text alone."""
    return dict(table.columns) == _COLUMNS


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The one row.

    Raises:
        RunnerError: `AdoptionRefused`: dirty, or more than one row; `PermissionDenied`.
    """
    found, guard = rows.read(connection, NAME, table, "version, dirty")
    if not found:
        return Reading("nothing applied", (), guard)
    if len(found) > 1:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} of {NAME} has several rows, where it keeps one.",
            "Leave the row of the version that the schema is at, then run again.",
        )
    version, dirty = found[0]
    if dirty:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} of {NAME} says that version {version} is dirty: that migration failed part-way.",
            "Look what of it has taken effect and mend the schema. Then say where it is with "
            "`migrate force VERSION`, and run again.",
        )
    file = numbers.by_number(source).get(numbers.plain(str(version)))
    return Reading(f"version {version}", (Entry(str(version), file),), guard, high_water=True)
