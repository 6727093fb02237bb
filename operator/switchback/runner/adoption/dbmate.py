"""dbmate: `schema_migrations(version varchar)`, a row for each version that is applied.

dbmate keeps nothing else: neither the order nor the time of application, nor a checksum. It applies in the
order of the file names.

golang-migrate's table of this name has two columns. Rails' is the same as dbmate's, down to the type: what
tells them apart is whether its versions have files, and Rails' second table, `ar_internal_metadata`.
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

NAME = "dbmate"
TABLES = frozenset({"schema_migrations"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS = numbers.FORMATS
NEEDS = frozenset({"version"})

_MAYBE = "Rails keeps its history in a table like this."
_SURELY = "It is that of Rails, whose table ar_internal_metadata is beside it."


def claims(table: Table) -> bool:
    """Whether it has the one column, of text."""
    return set(table.columns) == {"version"} and table.columns["version"].startswith("character varying")


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The versions, in the order of the files that they name.

    Raises:
        RunnerError: `AdoptionRefused` for an empty table that is Rails'; `PermissionDenied`.
    """
    of_rails = _is_beside_rails(connection, table)
    found, guard = rows.read(connection, NAME, table, "version", 'version COLLATE "C"')
    files = numbers.by_number(source)
    entries = [Entry(str(version), files.get(numbers.plain(str(version)))) for (version,) in found]
    entries.sort(key=lambda entry: 0 if entry.migration is None else entry.migration.position)
    if not entries and of_rails:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} is empty, and nothing says that it is of {NAME}: Rails' table "
            "ar_internal_metadata is beside it.",
            "If everything is pending: switchback migrate --allow-non-empty.",
        )
    version = f"version {entries[-1].version}" if entries else "nothing applied"
    return Reading(version, tuple(entries), guard, stranger=_SURELY if of_rails else _MAYBE)


def _is_beside_rails(connection: psycopg.Connection[Any], table: Table) -> bool:
    row = connection.execute(
        b"SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        b"ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = 'ar_internal_metadata')",
        (table.schema,),
    ).fetchone()
    return row is not None and bool(row[0])
