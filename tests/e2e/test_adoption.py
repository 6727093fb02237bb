"""A database that another tool has migrated so far: its resource takes the history over, and goes on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT
from tests.e2e.test_formats import dbmate, drizzle, flyway, goose, pairs, tables
from tests.postgres.histories import DBMATE, DRIZZLE, FLYWAY, GOLANG_MIGRATE, GOOSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.postgres import Database
    from tests.e2e.shop import Files
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

BOTH = ("t_one", "t_two")


class Tool(NamedTuple):
    """What it has left: its table, and the row of the first migration."""

    files: Files
    ddl: str
    table: str
    row: str


DRIZZLE_FILES = drizzle(*BOTH)
DIGEST = hashlib.sha256(DRIZZLE_FILES["0000_one.sql"].encode()).hexdigest()
TOOLS = {
    "golang-migrate": Tool(pairs(*BOTH), GOLANG_MIGRATE, "schema_migrations", "(1, false)"),
    "dbmate": Tool(dbmate(*BOTH), DBMATE, "schema_migrations", "('0001')"),
    "goose": Tool(goose(*BOTH), GOOSE, "goose_db_version", "(1, 0, true), (2, 1, true)"),
    "flyway": Tool(
        flyway(*BOTH),
        FLYWAY,
        "flyway_schema_history",
        "(1, '1', 'one', 'SQL', 'V1__one.sql', NULL, 'app', now(), 3, true)",
    ),
    "drizzle": Tool(
        DRIZZLE_FILES, DRIZZLE, "drizzle.__drizzle_migrations", f"(1, '{DIGEST}', 1700000000000)"
    ),
}


def prepare(database: Database, tool: Tool) -> None:
    """As its own role: the tool's table with a row, and the table of the first migration."""
    ddl = tool.ddl.format(table=tool.table)
    database.sql(
        f'SET ROLE "{database.name}"; {ddl}; INSERT INTO {tool.table} VALUES {tool.row}; '
        "CREATE TABLE t_one (id int); RESET ROLE"
    )


def test_the_history_of_each_tool(world: World, new_database: Callable[..., Database]) -> None:
    """All at once, each in a database of its own."""
    databases = {name: new_database() for name in TOOLS}
    moves = {}
    for name, tool in TOOLS.items():
        prepare(databases[name], tool)
        moves[name] = world.migration(
            databases[name],
            tool.files,
            name=name,
            source={"configMapRefs": [{"name": f"{name}-files"}], "adoptionPolicy": "IfNoLedger"},
            rollback=ALLOW_LOSS,
            snapshot=NO_SNAPSHOT,
        )
    for name, move in moves.items():
        move.succeeded(seconds=120)
        kinds = [event.kind for event in databases[name].events()]
        assert (kinds.count("Adopted"), kinds.count("Applied")) == (1, 1), name
        assert tables(databases[name]) == set(BOTH)
    for move in moves.values():
        move.edit(target="base")
    for name, move in moves.items():
        move.succeeded(seconds=120)
        assert not tables(databases[name])
