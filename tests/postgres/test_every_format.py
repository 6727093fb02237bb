"""The same ten steps in each format give the same schema and rows: to head, to every version and back."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, Risk
from switchback.migrations.formats import FORMATS
from tests.formats.examples import LAYOUTS, Layout
from tests.formats.steps import TEN
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.servers import Server

PARTS = {
    "columns": "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, "
    "pg_get_expr(adbin, adrelid), obj_description(c.oid) FROM pg_class c "
    "JOIN pg_attribute ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum "
    "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped "
    "AND relkind IN ('r', 'v')",
    "indexes": "SELECT pg_get_indexdef(indexrelid), indisvalid, indisready FROM pg_index JOIN pg_class c "
    "ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace",
    "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace AND contype <> 'n'",
    "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "types": "SELECT typname, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum "
    "JOIN pg_type t ON t.oid = enumtypid GROUP BY 1",
}
TABLES = ("customers", "orders")


def picture(url: str) -> dict[str, list[Any]]:
    """Everything that the steps change."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = {part: sorted(connection.execute(query.encode()), key=repr) for part, query in PARTS.items()}
        for table in TABLES:
            columns = sorted(row[1] for row in found["columns"] if row[0] == table)
            query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY id"
            found[table] = (
                [tuple(map(str, row)) for row in connection.execute(query.encode())] if columns else []
            )
    return found


@pytest.fixture(scope="module", params=["pg18", "pg15"])
def pictures(request: pytest.FixtureRequest) -> tuple[Server, list[dict[str, list[Any]]]]:
    """The picture at each version, as the bare statements make it: by no runner and of no format."""
    server: Server = request.getfixturevalue(request.param)
    name = server.create_database()
    url = server.url(name)
    found = [picture(url)]
    with psycopg.connect(url, autocommit=True) as connection:
        for step in TEN:
            for statement in step.up:
                connection.execute(statement.encode())
            found.append(picture(url))
    server.drop_database(name)
    return server, found


def test_each_step_is_seen() -> None:
    """Else the test below would not see whether it has run."""
    assert len(TEN) == 10
    assert {layout.format for layout in LAYOUTS} == {known.NAME for known in FORMATS}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_same_schema_at_every_version(
    pictures: tuple[Server, list[dict[str, list[Any]]]], folder: Path, layout: Layout
) -> None:
    server, expected = pictures
    assert all(before != after for before, after in pairwise(expected))
    name = server.create_database()
    try:
        walk(Runner(server.url(name), folder), layout.write(folder, TEN), expected, layout)
    finally:
        server.drop_database(name)


def walk(runner: Runner, ids: list[str], expected: list[dict[str, list[Any]]], layout: Layout) -> None:
    def move(way: str, version: int) -> None:
        target = ids[version - 1] if version else BASE
        ending = runner.run(way, target=target, accept=frozenset(Risk))
        assert ending.result.reason in {Reason.SUCCEEDED, Reason.UP_TO_DATE}, ending.text
        assert runner.applied == ids[:version]
        assert picture(runner.url) == expected[version], f"{layout.name}: {way} to {target}"

    for version in range(1, len(ids) + 1):
        move("migrate", version)
    for version in reversed(range(len(ids))):
        move("rollback", version)
        if version % 3 == 0:
            move("migrate", len(ids))
            move("rollback", version)
    move("migrate", len(ids))
    assert {row[0] for row in runner.query("SELECT DISTINCT format FROM switchback.migrations")} == {
        layout.format
    }
