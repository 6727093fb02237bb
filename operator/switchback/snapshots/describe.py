"""Reading from the server what a manifest says about the database: who it is and how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from switchback.runner.errors import RunnerError
from switchback.runner.ledger import read as ledger_read
from switchback.runner.ledger.changes import MARKER
from switchback.runner.ledger.names import Names
from switchback.snapshots.manifest import LedgerMark, Origin, Properties

if TYPE_CHECKING:
    from switchback.runner.ledger.model import Ledger

_SIZES = """
SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname::pg_catalog.text !~ '^pg_'
  AND n.nspname <> 'information_schema'
"""

# Columns for locales differ between 15, 16 and 17: as JSON a missing column is a missing key.
_PROPERTIES = """
SELECT pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding),
  d.datlocprovider::text, d.datcollate, d.datctype,
  coalesce(j ->> 'datlocale', j ->> 'daticulocale', ''), coalesce(j ->> 'daticurules', ''),
  (SELECT s.setconfig FROM pg_catalog.pg_db_role_setting s
    WHERE s.setdatabase = d.oid AND s.setrole = '0'::pg_catalog.oid),
  d.datacl IS NULL,
  ARRAY(SELECT ARRAY[CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
      a.privilege_type] FROM pg_catalog.aclexplode(d.datacl) a)
FROM pg_catalog.pg_database d, LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = current_database()
"""

# The bootstrap superuser has no rows in pg_shdepend, so the owners of the common kinds are asked for as well.
# Members of extensions are not dumped.
_ROLES = """
WITH named AS (
  SELECT s.classid, s.objid, s.refobjid AS role FROM pg_catalog.pg_shdepend s
    WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass::pg_catalog.oid
      AND s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND s.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid
  UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, oid, relowner
    FROM pg_catalog.pg_class
    WHERE oid >= '16384'::pg_catalog.oid AND relpersistence <> 't' AND relkind NOT IN ('t', 'i', 'I', 'c')
  UNION SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, oid, proowner
    FROM pg_catalog.pg_proc WHERE oid >= '16384'::pg_catalog.oid
  UNION SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, oid, nspowner
    FROM pg_catalog.pg_namespace
    WHERE oid >= '16384'::pg_catalog.oid AND nspname::pg_catalog.text !~ '^pg_'
)
SELECT DISTINCT r.rolname::text FROM named JOIN pg_catalog.pg_roles r ON r.oid = named.role
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
    WHERE e.classid = named.classid AND e.objid = named.objid AND e.deptype = 'e')
  AND r.rolname::pg_catalog.text !~ '^pg_'
ORDER BY 1
"""

_NOW = """
SELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""

_NO_SCHEMA = Names(schema="")
"""No schema has an empty name: read there, the server tells who it is and no ledger is found."""


def origin(connection: psycopg.Connection[Any], ledger: Ledger) -> Origin:
    """Which database this is, and how large. `ledger` is what `runner.ledger.read` gave."""
    database = ledger.identity.database
    try:
        size = _row(connection, "SELECT pg_catalog.pg_database_size(current_database())")[0]
    except psycopg.errors.InsufficientPrivilege:
        size = 0
    tables, rows = _row(connection, _SIZES)
    return Origin(database.name, database.system_identifier, database.version, size, tables, rows)


def properties(connection: psycopg.Connection[Any]) -> Properties:
    """What `CREATE DATABASE` and what follows it need to make such a database again."""
    row = _row(connection, _PROPERTIES)
    owner, encoding, provider, collate, ctype, locale, icu_rules, settings, is_default, access = row
    return Properties(
        owner=owner,
        encoding=encoding,
        provider=provider,
        collate=collate,
        ctype=ctype,
        locale=locale,
        icu_rules=icu_rules,
        settings=tuple(settings or ()),
        access=None if is_default else tuple((grantee, privilege) for grantee, privilege in access),
        roles=tuple(row[0] for row in connection.execute(_ROLES.encode()).fetchall()),
    )


def ledger_mark(
    connection: psycopg.Connection[Any], ledger: Ledger, names: Names, operation_id: str
) -> LedgerMark | None:
    """Where the migrations stand, and which events there are by now; None when there is no ledger."""
    if ledger.meta is None:
        return None
    query = (
        "SELECT coalesce(pg_catalog.max(seq), 0),"  # noqa: S608 - quoted
        f" coalesce(pg_catalog.max(seq) FILTER (WHERE kind = '{MARKER}' AND operation_id = %s), 0)"
        f" FROM {names.events}"
    )
    try:
        row = connection.execute(query.encode(), (operation_id,)).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = None
    event, marker = row or (0, 0)
    return LedgerMark(names.schema, ledger.current, len(ledger.rows), event, marker)


def restore_point(connection: psycopg.Connection[Any]) -> str:
    """The server's time now, RFC 3339 in UTC: a dump that begins later holds everything committed before."""
    return str(_row(connection, _NOW)[0])


def _row(connection: psycopg.Connection[Any], text: str) -> tuple[Any, ...]:
    row = connection.execute(text.encode()).fetchone()
    assert row is not None  # noqa: S101 - aggregates, functions and the current database always give a row
    return tuple(row)


def read_ledger(connection: psycopg.Connection[Any], names: Names) -> Ledger:
    """The ledger and which database this is. A ledger that cannot be read is left out, not an error.

    A restore point is wanted most when something is wrong; a ledger of a newer release is not in its way.
    """
    try:
        return ledger_read.read(connection, names)
    except (RunnerError, psycopg.errors.InsufficientPrivilege):
        return ledger_read.read(connection, _NO_SCHEMA)
