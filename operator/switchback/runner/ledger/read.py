"""Reading the ledger: two round trips, no lock, nothing created."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.contract.result import Database
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.entries import ADOPTED, BASELINED, ENDS, MARKED
from switchback.runner.ledger.model import MAJOR, Identity, Ledger, Meta, Reservation, Row
from switchback.runner.ledger.names import TABLES, literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.names import Names

OLDEST = 15
"""Oldest major version that is supported and tested."""

HOST_LENGTH = 253

LONGEST_NAME = 63
"""Bytes of a name that the server keeps; it cuts off the rest with a notice."""

_LOOK = """
SELECT current_database(), d.oid::bigint, session_user, current_setting('server_version_num')::int,
  {system_identifier}, coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), ''),
  ARRAY(SELECT c.relname::text FROM pg_catalog.pg_class c
    WHERE c.relnamespace = n.oid AND c.relname IN ('migrations', 'events', 'meta')),
  EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = n.oid AND c.relname = 'meta' AND a.attname = 'ledger_uuid'),
  n.oid IS NOT NULL,
  CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'meta')
    THEN false
    ELSE EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
        AND s.nspname::pg_catalog.text NOT LIKE 'pg\\_%' AND s.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
          WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
            AND x.objid = c.oid AND x.deptype = 'e'))
  END,
  EXISTS (SELECT FROM pg_catalog.pg_event_trigger t WHERE t.evtenabled <> 'D'
    AND t.evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop')
    AND ('DROP TABLE' = ANY (t.evttags)) IS NOT FALSE)
FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = {schema}
WHERE d.datname = current_database()
"""
_SYSTEM_IDENTIFIER = "(SELECT system_identifier::text FROM pg_catalog.pg_control_system())"

_META = """
SELECT major, minor, revision, ledger_uuid::text, system_identifier, database_oid, database_name,
  protected_for, reserved_by, (1000000 * extract(epoch FROM
    greatest(least(reserved_until, '9999-12-30 00:00Z'), '1970-01-01 00:00Z')))::bigint,
  reserved_until > pg_catalog.clock_timestamp() FROM {meta}
"""
_ROWS = """
SELECT id, position, description, up_checksum, down_checksum, fingerprint, down_kind, directives,
  statements_done, statements_total, down_done,
  coalesce(pg_catalog.to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), applied_at::text),
  duration_ms
FROM {migrations} ORDER BY position
"""


def read(connection: psycopg.Connection[Any], names: Names) -> Ledger:
    """What the ledger holds, and which database it is in.

    The revision is read before the rows: whoever then takes the lock and finds the revision unchanged knows
    that the rows are still the ones read here.

    Raises:
        RunnerError: `ServerUnsupported`; `LedgerNewer` when a newer ledger cannot be understood; `Usage` when
            the schema holds tables of somebody else under our names.
        psycopg.Error: rights are missing or the connection broke.
    """
    identity, exists = _look(connection, names)
    if not exists:
        return Ledger(identity)
    text = _META.format(meta=names.meta) + ";" + _ROWS.format(migrations=names.migrations)
    try:
        cursor = connection.execute(text.encode())
    except (errors.UndefinedColumn, errors.UndefinedTable) as error:
        raise RunnerError(
            Reason.LEDGER_NEWER,
            f"The ledger in schema {names.schema} has another shape than this release knows: "
            f"{error.diag.message_primary}.",
            sqlstate=error.sqlstate,
        ) from None
    first = cursor.fetchone()
    if first is None:
        raise RunnerError(
            Reason.DATABASE_CHANGED,
            f"{names.meta} is empty: somebody has deleted the ledger's own row.",
            "Bring the row back from a backup.",
        )
    cursor.nextset()
    meta = _meta(first)
    database = replace(identity.database, ledger=meta.ledger_uuid)
    return Ledger(replace(identity, database=database), meta, tuple(map(Row._make, cursor.fetchall())))


def _look(connection: psycopg.Connection[Any], names: Names) -> tuple[Identity, bool]:
    found = _first(connection, names, _SYSTEM_IDENTIFIER)
    database, oid, role, version, system, address, tables, is_ours, schema_exists, others, watches = found
    reached = _reached(connection, Database(database, system, version, server_address=address))
    identity = Identity(reached, oid, role, schema_exists, others, watches)
    if version // 10000 < OLDEST:
        raise RunnerError(
            Reason.SERVER_UNSUPPORTED,
            f"The server is PostgreSQL {version // 10000}; Switchback needs {OLDEST} or newer.",
        )
    if is_ours and len(tables) == len(TABLES):
        return identity, True
    if tables:
        raise _foreign(names, tables, is_ours=is_ours)
    return identity, False


def _reached(connection: psycopg.Connection[Any], database: Database) -> Database:
    """The database, with the way that led to it. A socket has no address."""
    info = connection.info
    if not info.host or info.host.startswith(("/", "@")):
        return database
    return replace(database, host=info.host[:HOST_LENGTH], port=info.port, address=info.hostaddr)


def _first(connection: psycopg.Connection[Any], names: Names, system: str) -> tuple[Any, ...]:
    text = _LOOK.format(schema=literal(names.schema), system_identifier=system)
    try:
        row = connection.execute(text.encode()).fetchone()
    except errors.InsufficientPrivilege:
        if system == "''":
            raise
        # Some providers keep pg_control_system() to themselves; then oid and name tell databases apart.
        return _first(connection, names, "''")
    assert row is not None  # noqa: S101 - the current database is in pg_database
    return tuple(row)


def _foreign(names: Names, tables: Iterable[str], *, is_ours: bool) -> RunnerError:
    listed = ", ".join(sorted(tables))
    if is_ours:
        missing = ", ".join(sorted(set(TABLES) - set(tables)))
        return RunnerError(
            Reason.DATABASE_CHANGED,
            f"The ledger in schema {names.schema} has lost its table {missing}.",
            "Bring it back from a backup; without it nobody knows what is applied.",
        )
    return RunnerError(
        Reason.USAGE,
        f"Schema {names.schema} holds {listed}, which Switchback did not make.",
        "Choose another schema for the ledger with --ledger-schema.",
    )


def _meta(row: tuple[Any, ...]) -> Meta:
    major, minor, revision, uuid, system, oid, name, protected_for, reserved_by, until, live = row
    # In microseconds: how a time or a fraction is written depends on the session's settings.
    end = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=until)
    reservation = Reservation(reserved_by, end, live) if reserved_by is not None else None
    return Meta(major, minor, revision, uuid, system, oid, name, protected_for, reservation)


def stored_downs(connection: psycopg.Connection[Any], names: Names, ids: Iterable[str]) -> dict[str, str]:
    """Down SQL that the ledger keeps, by id; ids without one are left out."""
    wanted = list(ids)
    if not wanted:
        return {}
    text = f"SELECT id, down_sql FROM {names.migrations} WHERE down_sql IS NOT NULL AND id = ANY(%s)"  # noqa: S608 - the name is quoted
    return dict(connection.execute(text.encode(), (wanted,)).fetchall())


def revision(connection: psycopg.Connection[Any], names: Names) -> tuple[int, int]:
    """The ledger's revision and its last event; (-1, 0) when there is no ledger. Under the lock."""
    text = f"SELECT revision, (SELECT coalesce(max(seq), 0) FROM {names.events}) FROM {names.meta}"  # noqa: S608 - quoted
    try:
        row = connection.execute(text.encode()).fetchone()
    except errors.UndefinedTable:
        return -1, 0
    return (-1, 0) if row is None else (int(row[0]), int(row[1]))


def last_event(
    connection: psycopg.Connection[Any], names: Names, migration_id: str, *kinds: str
) -> str | None:
    """Details of the newest event of some kinds about a migration; None when there is none.

    What was begun and abandoned, in whichever direction, does not count: it has left nothing. Nor does what
    is older than the end of a step, or than the end that somebody has given it by hand.
    """
    row = connection.execute(
        f"SELECT details FROM {names.events} e WHERE migration_id = %s AND kind = ANY(%s) "  # noqa: S608 - quoted
        f"AND NOT EXISTS (SELECT FROM {names.events} a WHERE a.migration_id = e.migration_id "
        "AND a.kind = 'Abandoned' AND a.seq > e.seq "
        f"AND NOT EXISTS (SELECT FROM {names.events} b WHERE b.migration_id = e.migration_id "
        "AND b.kind = 'Begun' AND b.seq > e.seq AND b.seq < a.seq)) "
        f"AND NOT EXISTS (SELECT FROM {names.events} o WHERE o.migration_id = e.migration_id "
        "AND o.kind = ANY(%s) AND o.seq > e.seq) ORDER BY seq DESC LIMIT 1".encode(),
        (migration_id, list(kinds), list(ENDS)),
    ).fetchone()
    return None if row is None else str(row[0])


def applied_by(connection: psycopg.Connection[Any], names: Names, operation_id: str) -> list[str]:
    """Ids that an operation has begun to apply, and that are applied still; in order of application.

    What was taken over from another tool, or only counted as applied, belongs to nobody.
    """
    text = (
        f"SELECT m.id FROM {names.migrations} m WHERE m.operation_id = %s AND NOT EXISTS "  # noqa: S608 - quoted
        f"(SELECT FROM {names.events} e WHERE e.kind = ANY(%s) AND e.migration_id = m.id "
        "AND e.operation_id = m.operation_id) ORDER BY m.position"
    )
    return [
        row[0]
        for row in connection.execute(text.encode(), (operation_id, [ADOPTED, BASELINED, MARKED])).fetchall()
    ]


def written_by_others(
    connection: psycopg.Connection[Any], names: Names, author: Author, last_event: int
) -> bool:
    """Whether another operation has written since `last_event`."""
    row = connection.execute(
        f"SELECT EXISTS (SELECT FROM {names.events} WHERE operation_id <> %s AND seq > %s)".encode(),  # noqa: S608 - quoted
        (author.operation_id, last_event),
    ).fetchone()
    return row is None or bool(row[0])


def refuse_odd_name(schema: str) -> None:
    """Stop at a name that the server would shorten: two of them would be one ledger under two locks.

    Raises:
        RunnerError: `Usage`.
    """
    why = ""
    if not schema:
        why = "it is empty"
    elif len(schema.encode()) > LONGEST_NAME:
        why = f"it has more than {LONGEST_NAME} bytes"
    elif schema.startswith("pg_"):
        why = "names that begin with pg_ are PostgreSQL's own"
    if why:
        raise RunnerError(
            Reason.USAGE,
            f"{schema or 'Nothing'} can be no schema of the ledger: {why}.",
            "Choose another one with --ledger-schema, in the resource spec.database.ledgerSchema.",
        )


def refuse_newer(ledger: Ledger, names: Names) -> None:
    """Stop before writing into a ledger of a newer major version.

    Raises:
        RunnerError: `LedgerNewer`.
    """
    if ledger.meta is not None and ledger.meta.major > MAJOR:
        raise RunnerError(
            Reason.LEDGER_NEWER,
            f"The ledger in schema {names.schema} is version {ledger.meta.major}.{ledger.meta.minor}; "
            f"this release writes version {MAJOR}.",
        )
