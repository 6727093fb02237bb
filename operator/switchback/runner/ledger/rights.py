"""Who can write the ledger. SQL that is stored there runs with the rights of whoever rolls back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import identifier, literal

if TYPE_CHECKING:
    import psycopg

    from switchback.runner.ledger.names import Names

_WRITERS = """
SELECT DISTINCT CASE WHEN public THEN 'PUBLIC' ELSE who END, what FROM (
  SELECT false AS public, r.rolname::text AS who, c.relname::text AS what
  FROM pg_catalog.pg_class c, pg_catalog.pg_roles r
  WHERE c.relnamespace = {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND c.relname IN ('migrations', 'events', 'meta')
    AND NOT r.rolsuper AND r.rolname::pg_catalog.text NOT LIKE 'pg\\_%'
    AND NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')
    AND (pg_catalog.has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
      OR pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER'))
  UNION ALL
  SELECT a.grantee = '0'::pg_catalog.oid, coalesce(pg_catalog.pg_get_userbyid(a.grantee), ''), c.relname::text
  FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
  WHERE c.relnamespace = {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND c.relname IN ('migrations', 'events', 'meta')
    AND a.grantee = '0'::pg_catalog.oid
    AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
  UNION ALL
  SELECT false, r.rolname::text, 'the schema'
  FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c, pg_catalog.pg_roles r
  WHERE n.oid = {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND c.relnamespace = n.oid AND c.relname = 'migrations'
    AND r.oid = n.nspowner AND NOT r.rolsuper AND NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')
) AS writers ORDER BY 1, 2 LIMIT 20
"""
"""Members of the owner's role are the owner; the owner of the schema can replace its tables. The server's own
roles (pg_write_all_data) count by their members, who have what these have."""


def writers(connection: psycopg.Connection[Any], names: Names) -> list[tuple[str, str]]:
    """Who, beside the owner and superusers, can write what: (role, table), sorted."""
    text = _WRITERS.format(schema=literal(identifier(names.schema)))
    return [(str(who), str(what)) for who, what in connection.execute(text.encode()).fetchall()]


def refuse_writable(connection: psycopg.Connection[Any], names: Names) -> None:
    """Stop before SQL from the ledger runs, when somebody else could have put it there.

    Raises:
        RunnerError: `LedgerWritableByOthers`, naming roles and tables.
    """
    found = writers(connection, names)
    if not found:
        return
    named = "; ".join(f"{who}: {what}" for who, what in found[:5])
    raise RunnerError(
        Reason.LEDGER_WRITABLE_BY_OTHERS,
        f"Down halves stored in {names.migrations} would run, but others than its owner can write there "
        f"({named}).",
        f"Look at the stored SQL, then REVOKE ALL ON ALL TABLES IN SCHEMA {names.schema} FROM each of them.",
    )
