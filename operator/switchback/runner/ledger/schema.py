"""Creating the ledger, version 1.0.

The text below is frozen by a fixture (`tests/postgres/fixtures/ledger-1.0.sql`): within major 1 columns are
only ever added, with defaults, by statements that an older ledger gets under the lock on its first write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner.ledger.model import MAJOR, MINOR
from switchback.runner.ledger.names import identifier, literal

if TYPE_CHECKING:
    from switchback.runner.ledger.model import Identity
    from switchback.runner.ledger.names import Names

_TABLES = """
CREATE TABLE {migrations} (
  id text NOT NULL PRIMARY KEY,
  position bigint NOT NULL UNIQUE,
  description text NOT NULL,
  format text NOT NULL,
  up_checksum text NOT NULL,
  down_checksum text NOT NULL,
  fingerprint text NOT NULL,
  down_kind text NOT NULL CHECK (down_kind IN ('SQL', 'File', 'None')),
  down_sql text,
  directives text NOT NULL,
  statements_done integer NOT NULL,
  statements_total integer NOT NULL,
  down_done integer,
  applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  duration_ms bigint,
  applied_by text NOT NULL DEFAULT session_user,
  operation_id text NOT NULL,
  intent_digest text NOT NULL,
  reason text NOT NULL
);
CREATE TABLE {events} (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  kind text NOT NULL,
  migration_id text,
  position bigint,
  up_checksum text,
  down_checksum text,
  duration_ms bigint,
  done_by text NOT NULL DEFAULT session_user,
  operation_id text NOT NULL,
  intent_digest text NOT NULL,
  reason text NOT NULL,
  details text NOT NULL DEFAULT ''
);
CREATE TABLE {meta} (
  singleton boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (singleton),
  major integer NOT NULL,
  minor integer NOT NULL,
  revision bigint NOT NULL,
  ledger_uuid uuid NOT NULL,
  system_identifier text NOT NULL,
  database_oid bigint NOT NULL,
  database_name text NOT NULL,
  protected_for text NOT NULL DEFAULT '',
  reserved_by text,
  reserved_until timestamptz,
  reserved_plan text,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
INSERT INTO {meta} (major, minor, revision, ledger_uuid, system_identifier, database_oid, database_name)
  VALUES ({major}, {minor}, 1, pg_catalog.gen_random_uuid(), {system_identifier}, {oid}, {name});
INSERT INTO {events} (kind, operation_id, intent_digest, reason)
  VALUES ('Created', {operation_id}, {intent}, '');
"""

_REVOKE = """
DO $switchback$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT pg_catalog.format('REVOKE ALL ON %s %s FROM %s',
        CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::pg_catalog.regclass,
        CASE a.grantee WHEN '0'::pg_catalog.oid THEN 'PUBLIC'
          ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END)
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
      WHERE c.relnamespace = {schema}::pg_catalog.regnamespace::pg_catalog.oid AND a.grantee <> c.relowner
        AND c.relname IN ('migrations', 'events', 'meta', 'events_seq_seq')
    UNION
    SELECT pg_catalog.format('REVOKE ALL ON SCHEMA %s FROM %s', n.oid::pg_catalog.regnamespace,
        CASE a.grantee WHEN '0'::pg_catalog.oid THEN 'PUBLIC'
          ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END)
      FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
      WHERE n.oid = {schema}::pg_catalog.regnamespace::pg_catalog.oid AND a.grantee <> n.nspowner AND {is_new}
  LOOP
    EXECUTE command;
  END LOOP;
END
$switchback$;
"""
"""Default privileges grant rights on new tables to whomever they name, PUBLIC included. Stored SQL runs with
the rights of whoever rolls back, so nobody else may write it. A schema that was there before is not ours."""


def creation(names: Names, identity: Identity, operation_id: str, intent_digest: str, more: str = "") -> str:
    """SQL that makes a ledger in one transaction. To be run under the lock.

    Args:
        names: where.
        identity: the database that the ledger belongs to.
        operation_id: what creates it.
        intent_digest: of that operation; may be empty.
        more: statements at the end of the transaction, each with its semicolon.
    """
    schema = identifier(names.schema)
    tables = _TABLES.format(
        migrations=names.migrations,
        events=names.events,
        meta=names.meta,
        major=MAJOR,
        minor=MINOR,
        system_identifier=literal(identity.database.system_identifier),
        oid=identity.oid,
        name=literal(identity.database.name),
        operation_id=literal(operation_id),
        intent=literal(intent_digest),
    )
    revoke = _REVOKE.format(schema=literal(schema), is_new="false" if identity.schema_exists else "true")
    # The right to make a schema is asked for even where IF NOT EXISTS finds one.
    make = "" if identity.schema_exists else f"CREATE SCHEMA IF NOT EXISTS {schema};"
    return f"BEGIN;{make}{tables}{revoke}{more}COMMIT"
