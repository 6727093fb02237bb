"""Reading the rows of another tool's table, in one snapshot with what proves later that they are the same."""

# ruff: noqa: S608 - names are quoted by `Table`, columns and orders are our own words

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import identifier, literal

if TYPE_CHECKING:
    import psycopg

    from switchback.runner.adoption.model import Table


class Rows(NamedTuple):
    """Rows, and an SQL expression that is true while the table holds the same."""

    rows: list[list[Any]]
    guard: str


def read(
    connection: psycopg.Connection[Any],
    tool: str,
    table: Table,
    columns: str,
    order: str = "1",
    *,
    may_be_null: bool = False,
) -> Rows:
    """All rows of a table.

    Args:
        connection: to read with.
        tool: whose table it is, for messages.
        table: where they are.
        columns: of `table`, separated by commas. Values of times are better cast to text.
        order: SQL of ORDER BY over `table`.
        may_be_null: whether the tool itself leaves any of these columns empty.

    Raises:
        RunnerError: `PermissionDenied`, with the statement that gives the right, also where the role would
            see some of the rows only; `AdoptionRefused` for a row that says nothing.
        psycopg.Error: it cannot be read.
    """
    listed = f"pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array({columns}) ORDER BY {order})"
    everything = f"coalesce({listed}, '[]'::pg_catalog.jsonb)"
    proof = (
        f"pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to({everything}::pg_catalog.text, 'UTF8')), "
        "'hex')"
    )
    try:
        row = connection.execute(
            f"SELECT {everything}, {proof}, pg_catalog.row_security_active({literal(table.sql)}) "
            f"FROM {table.sql}".encode()
        ).fetchone()
    except errors.InsufficientPrivilege:
        raise denied(connection, tool, table, "SELECT") from None
    assert row is not None  # noqa: S101 - an aggregate gives one row
    found, digest, filtered = row
    if filtered:
        raise _hidden(connection, tool, table)
    for name, *values in () if may_be_null else zip(columns.split(", "), *found, strict=True):
        if None in values:
            raise RunnerError(
                Reason.ADOPTION_REFUSED,
                f"{table.text} of {tool} has a row whose {name} is NULL, as {tool} never writes it.",
                "Look where it comes from; mend or delete that row, then run again.",
            )
    return Rows(found, f"(SELECT {proof} = '{digest}' FROM {table.sql})")


def may(connection: psycopg.Connection[Any], table: Table, rights: str) -> bool:
    """Whether the session's role has all of these rights to a table, such as `INSERT, DELETE`."""
    words = " AND ".join(
        f"pg_catalog.has_table_privilege(c.oid, {literal(right.strip())})" for right in rights.split(",")
    )
    row = connection.execute(
        f"SELECT {words} FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {literal(table.schema)} AND c.relname = {literal(table.name)}".encode()
    ).fetchone()
    return row is not None and bool(row[0])


def _hidden(connection: psycopg.Connection[Any], tool: str, table: Table) -> RunnerError:
    """The error where rows may be hidden: a history with gaps would have files run again."""
    role = _role(connection)
    return RunnerError(
        Reason.PERMISSION_DENIED,
        f"The role {role.strip(chr(34))} may not see all rows of {table.text}, the history of {tool}: "
        "row-level security is on for it.",
        f"Run as the owner of the table; or let a superuser run: ALTER ROLE {role} BYPASSRLS; or let the "
        f"owner run: ALTER TABLE {table.sql} DISABLE ROW LEVEL SECURITY;",
    )


def _role(connection: psycopg.Connection[Any]) -> str:
    """The session's role, quoted."""
    row = connection.execute(b"SELECT current_user::pg_catalog.text").fetchone()
    return identifier("" if row is None else row[0])


def denied(
    connection: psycopg.Connection[Any], tool: str, table: Table, rights: str, more: str = ""
) -> RunnerError:
    """The error for missing rights, with the statements that give them.

    Args:
        connection: whose role lacks them.
        tool: whose table it is.
        table: to which.
        rights: such as `SELECT`.
        more: a further statement, `{role}` in it stands for the role.
    """
    role = _role(connection)
    further = f" {more.format(role=role)}" if more else ""
    return RunnerError(
        Reason.PERMISSION_DENIED,
        f"The role {role.strip(chr(34))} lacks the right to {rights} in {table.text}, the history of {tool}.",
        f"Let its owner run: GRANT USAGE ON SCHEMA {identifier(table.schema)} TO {role}; "
        f"GRANT {rights} ON {table.sql} TO {role};{further}",
    )
