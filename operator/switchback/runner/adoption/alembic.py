"""Alembic: `alembic_version(version_num)`, one row for each head that the database is at.

Everything that a head goes back to is applied; the table does not name it. Revisions are hashes, and no
format here reads Alembic's modules, so a revision names a file only where somebody has kept it as the id, or
says which file it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.runner.adoption import rows
from switchback.runner.adoption.model import Entry, Reading

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.model import Table

NAME = "Alembic"
TABLES = frozenset({"alembic_version"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS: frozenset[str] = frozenset()
NEEDS = frozenset({"version_num"})

_MERGE = "Merge the branches first: alembic merge heads, then alembic upgrade head."


def claims(table: Table) -> bool:
    """Whether it has the one column."""
    return set(table.columns) == {"version_num"} and table.columns["version_num"].startswith("character")


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The head. Several are trouble: files in one line cannot say which of the branches has come how far.

    Raises:
        RunnerError: `PermissionDenied`.
    """
    found, guard = rows.read(connection, NAME, table, "version_num", 'version_num COLLATE "C"')
    heads = [str(head) for (head,) in found]
    several = f"it is at several heads, {', '.join(heads)}" if len(heads) > 1 else ""
    entries = tuple(Entry(head, source.by_id.get(head), several, _MERGE) for head in heads)
    word = "revision" if len(heads) == 1 else "revisions"
    version = f"{word} {', '.join(heads)}" if heads else "nothing applied"
    return Reading(version, entries, guard, high_water=True)
