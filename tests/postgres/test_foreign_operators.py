"""Operators of somebody else in a schema of the search path are not called by our own statements.

The server prefers an operator that fits the types exactly, wherever it is, to its own that needs a cast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation, Risk
from switchback.runner.connect import Wishes, connect
from switchback.runner.ledger.names import Names
from switchback.runner.url import read
from switchback.snapshots import describe
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

TRAPS = [
    ("~~", "name", "name", "boolean"),
    ("!~~", "name", "name", "boolean"),
    ("~", "name", "name", "boolean"),
    ("!~", "name", "name", "boolean"),
    ("=", "oid", "int4", "boolean"),
    ("=", "oid", "int8", "boolean"),
    (">=", "oid", "int4", "boolean"),
    ("=", "oid", "regclass", "boolean"),
    ("<>", "oid", "regclass", "boolean"),
    ("=", "oid", "regnamespace", "boolean"),
    ("*", "numeric", "int4", "numeric"),
]


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """A database in which such a call fails."""
    runner = Runner(database, folder)
    for number, (operator, left, right, result) in enumerate(TRAPS):
        runner.query(
            f"CREATE FUNCTION trap_{number}({left}, {right}) RETURNS {result} LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'called: {left} {operator} {right}'; END $$"
        )
        runner.query(
            f"CREATE OPERATOR public.{operator} "
            f"(LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = trap_{number})"
        )
    return runner


def test_there_and_back(runner: Runner) -> None:
    write(
        runner.folder,
        "0001_a",
        "0002_b",
        _0003_c_up="CREATE SCHEMA c;",
        _0003_c_down="DROP SCHEMA c CASCADE;",
    )
    there = runner.up()
    assert there.result.reason is Reason.SUCCEEDED, there.text
    for half in ("up", "down"):  # the half that the ledger keeps runs, after a look at who may write there
        (runner.folder / f"0002_b.{half}.sql").unlink()
    assert runner.run(Operation.RESERVE, target="base", by="aa-1").result.reason is Reason.SUCCEEDED
    back = runner.down(target="base", by="aa-1", own_reservation=True, accept=frozenset(Risk))
    assert back.result.reason is Reason.SUCCEEDED, back.text


def test_what_a_snapshot_asks(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    runner.up()
    with connect(read(runner.url, {}), Wishes(read_only=True)) as connection:
        ledger = describe.read_ledger(connection, Names())
        assert describe.origin(connection, ledger).tables == 4
        assert describe.properties(connection).roles
