"""Reading the events of a ledger, newest first. Columns that a newer minor version adds are left alone."""

# ruff: noqa: S608 - names are quoted by `names`

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.amend import RENAMED

if TYPE_CHECKING:
    import psycopg

    from switchback.runner.ledger.names import Names

_COLUMNS = (
    "seq, coalesce(pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), at::text), "
    "kind, coalesce(migration_id, ''), duration_ms, done_by, operation_id, intent_digest, reason, details, "
    "coalesce(up_checksum, ''), coalesce(down_checksum, '')"
)


class Event(NamedTuple):
    """One thing that happened. Empty strings where there is nothing to say."""

    seq: int
    at: str
    kind: str
    migration_id: str
    duration_ms: int | None
    done_by: str
    operation_id: str
    intent_digest: str
    reason: str
    details: str
    up_checksum: str
    down_checksum: str


def ids(connection: psycopg.Connection[Any], names: Names) -> tuple[list[str], set[str]]:
    """Every migration that something is known of, applied or not; and which of them are old names."""
    text = (
        f"SELECT migration_id, CASE WHEN kind = '{RENAMED}' THEN details END FROM {names.events} "
        "WHERE migration_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1"
    )
    rows = _fetched(connection, names, text, None)
    return list(dict.fromkeys(row[0] for row in rows)), {row[1] for row in rows if row[1]}


def events(
    connection: psycopg.Connection[Any], names: Names, migration_id: str = "", limit: int = 0
) -> tuple[list[Event], int]:
    """The newest events, newest first, and how many there are in all.

    Args:
        connection: to read with.
        names: where the ledger is.
        migration_id: only about this one, under whatever ids its row had before; empty: all.
        limit: how many; 0: all.

    Raises:
        RunnerError: `LedgerNewer` when the events of a newer major version cannot be understood.
    """
    table = names.events.replace("%", "%%")
    with_id = (
        f"WITH RECURSIVE same (id) AS (SELECT %(id)s::text UNION SELECT e.details FROM {table} e "
        f"JOIN same ON e.migration_id = same.id WHERE e.kind = '{RENAMED}') "
    )
    only = "WHERE %(id)s = '' OR migration_id IN (SELECT id FROM same)"
    values = {"id": migration_id, "limit": limit or None}
    rows = _fetched(
        connection,
        names,
        f"{with_id}SELECT {_COLUMNS}, count(*) OVER () FROM {table} {only} ORDER BY seq DESC LIMIT %(limit)s",
        values,
    )
    return [Event(*row[:-1]) for row in rows], int(rows[0][-1]) if rows else 0


def _fetched(connection: psycopg.Connection[Any], names: Names, text: str, values: Any) -> list[Any]:
    try:
        return connection.execute(text.encode(), values).fetchall()
    except (errors.UndefinedColumn, errors.UndefinedTable) as error:
        raise RunnerError(
            Reason.LEDGER_NEWER,
            f"The events in schema {names.schema} have another shape than this release knows: "
            f"{error.diag.message_primary}.",
            sqlstate=error.sqlstate,
        ) from None
