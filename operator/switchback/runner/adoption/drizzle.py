"""Drizzle: `drizzle.__drizzle_migrations(id, hash, created_at)`; its version 1 adds `name` and `applied_at`.

A row names its file by `created_at`, which is the journal's `when`, and by the hash; since version 1 by
`name`, the folder. Before that Drizzle itself looks at the newest `created_at` alone: a file that came late
with an older time was never applied. Here it is pending, for it has no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.runner.adoption import drizzle_files, rows
from switchback.runner.adoption.model import Entry, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.drizzle_files import Known
    from switchback.runner.adoption.model import Table

NAME = "Drizzle"
TABLES = frozenset({"__drizzle_migrations"})
SCHEMAS = frozenset({"drizzle"})
FORMATS = frozenset({drizzle_files.FORMAT})
NEEDS = frozenset({"id", "hash", "created_at"})

_SECOND = 1000
_CHANGED = "Bring the text back as it was applied; nothing but line ends may differ."


class Row(NamedTuple):
    """One row. `name` is None in a table or in a row of the time before version 1."""

    id: int
    hash: str
    created_at: int | None
    name: str | None = None


def claims(table: Table) -> bool:
    """Whether it has Drizzle's columns, of any version."""
    return set(table.columns) >= NEEDS and table.columns["hash"] == "text"


def load(connection: psycopg.Connection[Any], table: Table) -> tuple[list[Row], str]:
    """The rows in the order of application, and the guard.

    Raises:
        RunnerError: `PermissionDenied`.
    """
    columns = "id, hash, created_at, name" if "name" in table.columns else "id, hash, created_at"
    found, guard = rows.read(connection, NAME, table, columns, "id", may_be_null=True)
    return [Row(*row) for row in found], guard


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The rows, each with the file that it names.

    Raises:
        RunnerError: `PermissionDenied`; `SourceMoved`.
    """
    found, guard = load(connection, table)
    known = drizzle_files.known(source) if source.format == drizzle_files.FORMAT else {}
    files = Files(known)
    entries = tuple(_entry(row, files, source) for row in found)
    version = f"at {entries[-1].version}" if entries else "nothing applied"
    return Reading(version, entries, guard)


class Files:
    """Which file a row is about."""

    def __init__(self, known: Mapping[str, Known]) -> None:
        self.known = known
        self._by_text: dict[str, list[str]] = {}
        self._by_time: dict[int, list[str]] = {}
        for migration_id, file in known.items():
            for text in {file.hash, *file.others}:
                self._by_text.setdefault(text, []).append(migration_id)
            if file.when is not None:
                self._by_time.setdefault(file.when, []).append(migration_id)

    def of(self, row: Row) -> str:
        """Id of the migration; empty when there is none."""
        if row.name is not None:
            return row.name if row.name in self.known else ""
        same_text = self._by_text.get(row.hash, [])
        timed = self._at(row.created_at)
        both = [one for one in timed if one in same_text]
        for candidates in (both, timed, same_text):
            if len(candidates) == 1:
                return candidates[0]
        return ""

    def _at(self, created_at: int | None) -> list[str]:
        """Files of that time. Folders of version 1 have lost the fraction of a second."""
        if created_at is None:
            return []
        exact = [one for one in self._by_time.get(created_at, []) if not self.known[one].name]
        second = self._by_time.get(created_at // _SECOND * _SECOND, [])
        return [*exact, *(one for one in second if self.known[one].name)]


def _entry(row: Row, files: Files, source: Source) -> Entry:
    name, known = files.of(row), files.known
    if not name:
        return Entry(row.name or f"{row.created_at} (hash {row.hash[:12]})", None)
    file = source.by_id[name]
    if known[name].has(row.hash):
        return Entry(name, file)
    hashes = f"its hash is {known[name].hash}, Drizzle has recorded {row.hash}"
    trouble = f"{file.up.path} is not what was applied: {hashes}"
    return Entry(name, file, trouble, _CHANGED)
