"""Writes into the ledger outside any migration's transaction. Under the lock; each raises the revision."""

# ruff: noqa: S608 - names and values are quoted by `names`

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.contract.result import Marker
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import literal

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.model import Identity
    from switchback.runner.ledger.names import Names

RESERVED = "Reserved"
RELEASED = "Released"
REBOUND = "Rebound"
MARKER = "Marker"
"""Event right before a restore point: what holds it holds everything that was committed before."""

_HERE = (
    "pg_catalog.pg_current_wal_lsn()::text AS lsn, pg_catalog.pg_current_xact_id()::text AS transaction, "
    "pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
)


def event(names: Names, kind: str, author: Author, migration_id: str | None = None, details: str = "") -> str:
    """INSERT of one event."""
    return (
        f"INSERT INTO {names.events} (kind, migration_id, operation_id, intent_digest, reason, details) "
        f"VALUES ({literal(kind)}, {literal(migration_id)}, {author.values}, {literal(details)})"
    )


def bump(names: Names) -> str:
    """UPDATE that gives the ledger a new revision."""
    return f"UPDATE {names.meta} SET revision = revision + 1"


def nothing(names: Names) -> str:
    """UPDATE that changes nothing, and whose commit waits for the disk like any other, with its semicolon."""
    return f"UPDATE {names.meta} SET revision = revision;"


def note(
    connection: psycopg.Connection[Any],
    names: Names,
    author: Author,
    kind: str,
    *,
    migration_id: str | None = None,
    details: str = "",
) -> None:
    """Add one event."""
    text = f"BEGIN;{event(names, kind, author, migration_id, details)};{bump(names)};COMMIT"
    connection.execute(text.encode())


def mark_partial(
    connection: psycopg.Connection[Any], names: Names, author: Author, migration_id: str, done: int
) -> None:
    """Write down that only `done` statements of an applied migration have taken effect.

    They are always fewer than it has: it had not come to its end, whoever has counted what in another way.
    """
    total = "greatest(statements_total, 1)"
    text = (
        f"BEGIN;UPDATE {names.migrations} SET statements_total = {total}, "
        f"statements_done = least({done}, {total} - 1) WHERE id = {literal(migration_id)};"
        f"{event(names, 'AppliedPartly', author, migration_id)};{bump(names)};COMMIT"
    )
    connection.execute(text.encode())


def reserve(
    connection: psycopg.Connection[Any],
    names: Names,
    author: Author,
    *,
    plan: str,
    seconds: float,
    revision: int,
) -> tuple[datetime, Marker]:
    """Write the reservation of `author`'s operation, and a marker. Gives its end, by the server's clock.

    Args:
        connection: that holds the lock.
        names: where the ledger is.
        author: whose operation.
        plan: digest of the plan that it will run.
        seconds: its life.
        revision: of the ledger that the plan was made from.

    Raises:
        RunnerError: `PlanMoved` when the ledger has another revision by now.
    """
    row = connection.execute(
        (
            f"WITH m AS (UPDATE {names.meta} SET reserved_by = %(by)s, reserved_plan = %(plan)s, "
            "reserved_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s), "
            "revision = revision + 1 WHERE revision = %(revision)s RETURNING reserved_until), "
            f"k AS (SELECT {_HERE} FROM m), "
            f"e AS (INSERT INTO {names.events} (kind, operation_id, intent_digest, reason, details) "
            f"SELECT kind, {author.values.replace('%', '%%')}, details FROM (SELECT '{RESERVED}', %(plan)s "
            "FROM m UNION ALL SELECT "
            f"'{MARKER}', 'lsn ' || lsn || ', transaction ' || transaction FROM k) x (kind, details) "
            "RETURNING 1) SELECT reserved_until, k.* FROM m, k, (SELECT count(*) FROM e) n"
        ).encode(),
        {"by": author.operation_id, "plan": plan, "seconds": seconds, "revision": revision},
    ).fetchone()
    if row is None:
        raise RunnerError(Reason.PLAN_MOVED, "The ledger changed between the plan and its reservation.")
    until, lsn, transaction, moment = row
    return until, Marker(moment, lsn, transaction)


def begun_since(connection: psycopg.Connection[Any], transaction: str) -> int:
    """How many transactions that write the server has begun after the one with this xid8; -1: not known.

    They are counted over all databases of the server, and those that were rolled back are among them.
    """
    if not transaction.isdigit():
        return -1
    row = connection.execute(
        b"SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text"
    ).fetchone()
    return max(0, int(row[0]) - int(transaction) - 1) if row is not None else -1


def rebind(connection: psycopg.Connection[Any], names: Names, author: Author, here: Identity) -> None:
    """Write down that the ledger belongs to the database that it is in. A reservation does not come along."""
    database = here.database
    text = (
        f"BEGIN;UPDATE {names.meta} SET system_identifier = {literal(database.system_identifier)}, "
        f"database_oid = {here.oid}, database_name = {literal(database.name)}, reserved_by = NULL, "
        f"reserved_until = NULL, reserved_plan = NULL, revision = revision + 1;"
        f"{event(names, REBOUND, author)};COMMIT"
    )
    connection.execute(text.encode())


def release(
    connection: psycopg.Connection[Any], names: Names, author: Author, *, of_anybody: bool = False
) -> bool:
    """Clear the reservation if it is this operation's, one of the same resource, or `of_anybody`.

    Returns:
        Whether there was such a one.
    """
    mine = author.operation_id.partition("-")[0]
    row = connection.execute(
        (
            f"WITH m AS (UPDATE {names.meta} SET reserved_by = NULL, reserved_plan = NULL, "
            "reserved_until = NULL, revision = revision + 1 "
            "WHERE reserved_by = %(id)s OR (%(anybody)s AND reserved_by IS NOT NULL) "
            "OR (%(mine)s <> 'cli' AND "
            "pg_catalog.split_part(reserved_by, '-', 1) = %(mine)s) RETURNING 1), "
            f"e AS (INSERT INTO {names.events} (kind, operation_id, intent_digest, reason) "
            f"SELECT '{RELEASED}', {author.values.replace('%', '%%')} FROM m RETURNING 1) "
            "SELECT count(*) FROM e"
        ).encode(),
        {"id": author.operation_id, "mine": mine, "anybody": of_anybody},
    ).fetchone()
    return row is not None and bool(row[0])
