"""Who can write the ledger. SQL that is stored there runs with the rights of whoever rolls back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

    from switchback.runner.ledger.names import Names

_SCHEMA = "the schema"
_NAMED = 5

_WRITERS = """
WITH ledger AS (
  SELECT c.oid, c.relname::text AS what, c.relowner, c.relacl
  FROM pg_catalog.pg_class c
  WHERE c.relnamespace = {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND c.relname IN ('migrations', 'events', 'meta')
), granted AS MATERIALIZED (
  SELECT a.grantee, t.what, t.relowner
  FROM ledger t, pg_catalog.aclexplode(t.relacl) a
  WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
  UNION
  SELECT a.grantee, t.what, t.relowner
  FROM ledger t, pg_catalog.pg_attribute c, pg_catalog.aclexplode(c.attacl) a
  WHERE c.attrelid = t.oid AND a.privilege_type IN ('INSERT', 'UPDATE')
  UNION
  SELECT r.oid, t.what, t.relowner
  FROM ledger t, pg_catalog.pg_roles r
  WHERE r.rolname = 'pg_write_all_data'
  UNION
  SELECT n.nspowner, {whole}, t.relowner
  FROM ledger t, pg_catalog.pg_namespace n, pg_catalog.pg_roles r
  WHERE n.oid = {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND t.what = 'migrations' AND r.oid = n.nspowner AND NOT r.rolsuper
)
SELECT 'PUBLIC', g.what, 'PUBLIC', false, '' FROM granted g WHERE g.grantee = '0'::pg_catalog.oid
UNION
SELECT pg_catalog.quote_ident(r.rolname), g.what,
  pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)),
  EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = g.grantee AND m.member = r.oid),
  pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.relowner))
FROM granted g, pg_catalog.pg_roles r
WHERE g.grantee <> '0'::pg_catalog.oid AND pg_catalog.pg_has_role(r.oid, g.grantee, 'MEMBER')
  AND NOT r.rolsuper AND r.rolname::pg_catalog.text NOT LIKE 'pg\\_%'
  AND NOT pg_catalog.pg_has_role(r.oid, g.relowner, 'MEMBER')
ORDER BY 1, 2, 3 LIMIT 20
"""
"""Members of the owner's role are the owner; the owner of the schema can replace its tables. A member counts
whether it inherits or not: with SET ROLE it has what it does not inherit. The server's own roles
(pg_write_all_data) count by their members alone."""


class Writer(NamedTuple):
    """A role that can write, all names as SQL has them.

    Attributes:
        who: the role, or `PUBLIC`.
        what: the table, or `the schema`, whose owner can replace every table.
        through: the role that has the right: `who` itself, or one of which `who` is a member.
        is_direct: whether it is a member without another role between the two.
        owner: of the table.
    """

    who: str
    what: str
    through: str
    is_direct: bool
    owner: str

    @property
    def text(self) -> str:
        """Who can write what, for people."""
        return f"{self.who}: {self.what}" + ("" if self.who == self.through else f", as {self.through}")


def writers(connection: psycopg.Connection[Any], names: Names) -> list[Writer]:
    """Who, beside the owner and superusers, can write what; sorted, at most twenty."""
    text = _WRITERS.format(schema=literal(identifier(names.schema)), whole=literal(_SCHEMA))
    return [Writer(*row) for row in connection.execute(text.encode()).fetchall()]


def refuse_writable(connection: psycopg.Connection[Any], names: Names) -> None:
    """Stop before SQL from the ledger runs, when somebody else could have put it there.

    Raises:
        RunnerError: `LedgerWritableByOthers`, naming roles and tables.
    """
    found = writers(connection, names)
    if not found:
        return
    raise RunnerError(
        Reason.LEDGER_WRITABLE_BY_OTHERS,
        f"Down halves stored in {names.migrations} would run, but others than its owner can write there "
        f"({'; '.join(one.text for one in found[:_NAMED])}).",
        f"Look at the stored SQL, then take the rights away: {'; '.join(_remedies(found, names))}.",
    )


def _remedies(found: Sequence[Writer], names: Names) -> list[str]:
    """Statements that end it."""
    schema = identifier(names.schema)
    tables = _each(one.through for one in found if one.what != _SCHEMA and one.through != "pg_write_all_data")
    members = _each(one.who for one in found if one.through == "pg_write_all_data" and one.is_direct)
    remedies = [f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {tables}"] if tables else []
    if members:
        remedies.append(f"REVOKE pg_write_all_data FROM {members}")
    remedies += [f"ALTER SCHEMA {schema} OWNER TO {one.owner}" for one in found if one.what == _SCHEMA][:1]
    return remedies


def _each(roles: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(roles))
