"""Looking for the tables of other tools. One query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.contract.reasons import Reason
from switchback.runner.adoption.model import Table
from switchback.runner.adoption.registry import TOOLS
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from switchback.runner.adoption.model import Tool
    from switchback.runner.adoption.wish import Wish

_TABLES = """
SELECT n.nspname::text, c.relname::text,
  pg_catalog.jsonb_object_agg(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)),
  n.nspname = ANY (pg_catalog.current_schemas(false))
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.relname = ANY (%s::text[]::name[])
GROUP BY 1, 2, n.nspname ORDER BY 1, 2
"""


class Found(NamedTuple):
    """A tool and its table."""

    tool: Tool
    table: Table


def find(connection: psycopg.Connection[Any]) -> tuple[Found, ...]:
    """Every table that is the history of a tool that is known here, wherever it is."""
    names = {name for tool in TOOLS for name in tool.TABLES}
    return tuple(
        Found(tool, table)
        for table in _tables(connection, names)
        for tool in TOOLS
        if table.name in tool.TABLES and tool.claims(table)
    )


def is_ours(found: Found) -> bool:
    """Whether the session would use that very table: of another schema, it is another application's."""
    return found.table.on_path or found.table.schema in found.tool.SCHEMAS


def chosen(connection: psycopg.Connection[Any], wish: Wish) -> tuple[Found, ...]:
    """The histories among which a person has chosen by tool, by table or by both.

    Raises:
        RunnerError: `AdoptionRefused` when there is no such table, or it is not what it is said to be.
    """
    if not wish.table:
        return tuple(one for one in find(connection) if not wish.tool or wish.tool == one.tool.NAME)
    schema, _, name = wish.table.rpartition(".")
    tables = [
        table
        for table in _tables(connection, {name})
        if (table.schema == schema if schema else table.on_path)
    ]
    if not tables:
        where = "" if schema else " on the search path"
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"There is no table {wish.table}{where}.",
            "Write --table SCHEMA.NAME as the server has it: case counts, and there are no quotes.",
        )
    if wish.tool:
        tool = next(tool for tool in TOOLS if wish.tool == tool.NAME)
        return tuple(Found(tool, _readable(tool, table)) for table in tables)
    claimed = tuple(Found(tool, table) for table in tables for tool in TOOLS if tool.claims(table))
    if not claimed:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{tables[0].text} has the columns {_columns(tables[0])}, as no tool's history has them that is "
            "known here.",
            "If it is one all the same, name the tool with --from.",
        )
    return claimed


def at(connection: psycopg.Connection[Any], schema: str, name: str) -> Table | None:
    """The table of that name; None when there is none."""
    return next((table for table in _tables(connection, {name}) if table.schema == schema), None)


def _readable(tool: Tool, table: Table) -> Table:
    missing = tool.NEEDS - set(table.columns)
    if missing:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} is no history of {tool.NAME}: it has no column {', '.join(sorted(missing))}, only "
            f"{_columns(table)}.",
            "Name the right table with --table SCHEMA.NAME, or the right tool with --from.",
        )
    return table


def _columns(table: Table) -> str:
    return ", ".join(sorted(table.columns))


def _tables(connection: psycopg.Connection[Any], names: Iterable[str]) -> list[Table]:
    rows = connection.execute(_TABLES.encode(), (sorted(names),)).fetchall()
    return [Table(*row) for row in rows]
