"""golang-migrate: `schema_migrations(version bigint, dirty boolean)` with one row, or none.

The row is a high-water mark: every file up to that version counts as applied. The mark `dirty` is committed
before a migration runs and taken away after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.adoption.model import History
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Migration, Source
    from switchback.runner.adoption.model import Table

NAME = "golang-migrate"
TABLES = frozenset({"schema_migrations"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS = frozenset({"Pairs"})

_COLUMNS = {"version": "bigint", "dirty": "boolean"}


def claims(table: Table) -> bool:
    """Whether it has the two columns. dbmate's table of this name has a version of text alone."""
    return dict(table.columns) == _COLUMNS


def history(connection: psycopg.Connection[Any], table: Table, source: Source) -> History:
    """The files up to the version of the one row.

    Raises:
        RunnerError: `AdoptionRefused`: dirty, a version without a file, or more than one row.
    """
    rows = connection.execute(f"SELECT version, dirty FROM {table.sql} LIMIT 2".encode()).fetchall()  # noqa: S608 - the name is quoted
    if not rows:
        return History("nothing applied", (), f"NOT EXISTS (SELECT FROM {table.sql})")
    if len(rows) > 1:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} of {NAME} has several rows, where it keeps one.",
            "Leave the row of the version that the schema is at, then run again.",
        )
    version, dirty = rows[0]
    if dirty:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} of {NAME} says that version {version} is dirty: that migration failed part-way.",
            "Look what of it has taken effect and mend the schema. Then say where it is with "
            "`migrate force VERSION`, and run again.",
        )
    guard = (
        f"(SELECT pg_catalog.count(*) = 1 AND pg_catalog.bool_and(version = {int(version)} AND NOT dirty) "  # noqa: S608 - same
        f"FROM {table.sql})"
    )
    return History(f"version {version}", _up_to(int(version), table, source), guard)


def _up_to(version: int, table: Table, source: Source) -> tuple[Migration, ...]:
    numbers = {_number(migration): migration.position for migration in source.migrations}
    if version not in numbers:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} of {NAME} is at version {version}, and no file has that number; the files go from "
            f"{source.migrations[0].id} to {source.migrations[-1].id}.",
            f"Use the files with which {NAME} has reached that version.",
        )
    return tuple(m for m in source.migrations if m.position <= numbers[version])


def _number(migration: Migration) -> int:
    """Pairs has its number among the short forms, without leading zeros as the last one."""
    return int(migration.short_forms[-1])
