"""Looking for the tables of other tools. One query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.runner.adoption.model import Table
from switchback.runner.adoption.registry import TOOLS

if TYPE_CHECKING:
    import psycopg

    from switchback.runner.adoption.model import Tool

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
    names = sorted({name for tool in TOOLS for name in tool.TABLES})
    rows = connection.execute(_TABLES.encode(), (names,)).fetchall()
    tables = [Table(*row) for row in rows]
    return tuple(
        Found(tool, table)
        for table in tables
        for tool in TOOLS
        if table.name in tool.TABLES and tool.claims(table)
    )


def is_ours(found: Found) -> bool:
    """Whether the session would use that very table: of another schema, it is another application's."""
    return found.table.on_path or found.table.schema in found.tool.SCHEMAS
