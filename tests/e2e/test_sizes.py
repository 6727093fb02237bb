"""Large things: sources of three megabytes, errors of forty kilobytes, hundreds of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, SECOND, pair
from tests.e2e.states import condition
from tests.e2e.support import NO_SNAPSHOT

if TYPE_CHECKING:
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

ALMOST = 1_000_000
"""Bytes of a file. A ConfigMap holds 1 MiB, with the names of its keys."""


def large(name: str, table: str) -> dict[str, str]:
    rows = f"INSERT INTO {table} VALUES ('{'x' * 990}');\n"
    up = f"CREATE TABLE {table} (a text);\n" + rows * ((ALMOST - 100) // len(rows))
    return pair(name, up, f"DROP TABLE {table};")


def test_three_config_maps_of_almost_a_mebibyte(world: World, database: Database) -> None:
    for number in (1, 2, 3):
        world.files(f"part-{number}", large(f"000{number}_part", f"part_{number}"))
    source = {"configMapRefs": [{"name": f"part-{number}"} for number in (1, 2, 3)]}
    shop = world.migration(
        database, source=source, snapshot=NO_SNAPSHOT, rollback={"dataLossPolicy": "Allow"}
    )
    shop.succeeded()
    assert database.applied() == ["0001_part", "0002_part", "0003_part"]
    assert database.sql("SELECT count(*) > 900 FROM part_3") == [(True,)]

    shop.edit(target="0001_part")
    shop.succeeded()
    assert database.applied() == ["0001_part"]


def test_an_error_of_forty_kilobytes_is_told_in_five_hundred_bytes(world: World, database: Database) -> None:
    name = "é" * 20_000
    long = pair(SECOND, f"DO $$ BEGIN RAISE EXCEPTION '%', '{name}'; END $$;", "SELECT 1;")
    shop = world.migration(database, BOOKS | long)

    stalled = shop.stalled("SQLFailed")

    message = condition(stalled, "Ready")["message"]
    assert SECOND in message
    assert len(message.encode()) <= 512
    assert len(str(stalled["status"]).encode()) < 32 * 1024
    shop.refile(BOOKS)
    shop.succeeded(after=stalled["status"]["operation"]["id"])
    assert database.applied() == [FIRST]


def test_hundreds_of_files_and_a_plan_that_does_not_fit(world: World, database: Database) -> None:
    many: dict[str, str] = {}
    for number in range(300):
        name = f"{number:04}_{'long_name_' * 5}"
        many |= pair(name, f"CREATE TABLE t{number} (a int);", f"DROP TABLE t{number};")
    shop = world.migration(database, many, snapshot=NO_SNAPSHOT, approval={"rollbackPolicy": "Manual"})
    shop.succeeded()

    shop.edit(target="base")
    asked = shop.until("asks", lambda state: condition(state, "Ready").get("reason") == "AwaitingApproval")

    operation = asked["status"]["operation"]
    assert len(operation["steps"]) + operation["stepsOmitted"] == 300
    assert operation["stepsOmitted"] > 0
    assert len(str(asked["status"]).encode()) < 32 * 1024
    shop.annotate(approve=asked["status"]["approval"]["token"])
    shop.succeeded()
    assert database.applied() == []
