"""Files of every format in a ConfigMap, forward and back by Jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from switchback.contract.words import SourceFormat
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.shop import Files
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster


def pairs(one: str, two: str) -> Files:
    return {
        "0001_one.up.sql": f"CREATE TABLE {one} (id int);",
        "0001_one.down.sql": f"DROP TABLE {one};",
        "0002_two.up.sql": f"CREATE TABLE {two} (id int);",
        "0002_two.down.sql": f"DROP TABLE {two};",
    }


def dbmate(one: str, two: str) -> Files:
    text = "-- migrate:up\nCREATE TABLE {0} (id int);\n-- migrate:down\nDROP TABLE {0};\n"
    return {f"{name}.sql": text.format(table) for name, table in (("0001_one", one), ("0002_two", two))}


def goose(one: str, two: str) -> Files:
    text = "-- +goose Up\nCREATE TABLE {0} (id int);\n-- +goose Down\nDROP TABLE {0};\n"
    return {f"{name}.sql": text.format(table) for name, table in (("0001_one", one), ("0002_two", two))}


def flyway(one: str, two: str) -> Files:
    return {
        "V1__one.sql": f"CREATE TABLE {one} (id int);",
        "U1__one.sql": f"DROP TABLE {one};",
        "V2__two.sql": f"CREATE TABLE {two} (id int);",
        "U2__two.sql": f"DROP TABLE {two};",
    }


def drizzle(one: str, two: str) -> Files:
    tags = ("0000_one", "0001_two")
    entries = [
        {"idx": at, "version": "7", "when": 1700000000000 + at, "tag": tag, "breakpoints": True}
        for at, tag in enumerate(tags)
    ]
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    return {
        "_journal.json": json.dumps(journal),
        "0000_one.sql": f"CREATE TABLE {one} (id int);\n--> statement-breakpoint\nSELECT 1;",
        "0000_one.down.sql": f"DROP TABLE {one};",
        "0001_two.sql": f"CREATE TABLE {two} (id int);",
        "0001_two.down.sql": f"DROP TABLE {two};",
    }


def python(one: str, two: str) -> Files:
    text = """
id = "{name}"
description = "a table"


def up(connection):
    connection.execute("CREATE TABLE {table} (id int)")


def down(connection):
    connection.execute("DROP TABLE {table}")
"""
    return {
        f"{name}.py": text.format(name=name, table=table)
        for name, table in (("0001_one", one), ("0002_two", two))
    }


FILES = {
    SourceFormat.PAIRS: pairs,
    SourceFormat.DBMATE: dbmate,
    SourceFormat.GOOSE: goose,
    SourceFormat.FLYWAY: flyway,
    SourceFormat.DRIZZLE: drizzle,
    SourceFormat.PYTHON: python,
}


def test_every_format_goes_forward_and_back(world: World, new_database: Callable[..., Database]) -> None:
    """One database each, all at once."""
    assert FILES.keys() == set(SourceFormat) - {SourceFormat.AUTO}
    databases = {chosen.lower(): new_database() for chosen in FILES}
    moves = {
        chosen.lower(): world.migration(
            databases[chosen.lower()],
            make("t_one", "t_two"),
            name=chosen.lower(),
            rollback=ALLOW_LOSS,
            snapshot=NO_SNAPSHOT,
        )
        for chosen, make in FILES.items()
    }
    firsts = {name: first_of(move.succeeded(seconds=120)) for name, move in moves.items()}
    assert {name: tables(one) for name, one in databases.items()} == {
        key: {"t_one", "t_two"} for key in moves
    }
    for name, move in moves.items():
        move.edit(target=firsts[name])
    for move in moves.values():
        move.succeeded(seconds=120)
    assert {name: tables(one) for name, one in databases.items()} == {key: {"t_one"} for key in moves}


def first_of(state: Object) -> str:
    return str(state["status"]["schema"]["appliedTail"][0])


def tables(database: Database) -> set[str]:
    rows = database.sql("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ '_(one|two)$'")
    return {str(row[0]) for row in rows}
