"""A COMMIT that the reader overlooks: whatever was counted, a file that did not end is never complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.exits import ExitCode
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

HIDING = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 case; END;"
"""`case` is a label here. Taken for the beginning of a CASE, it hides what follows behind an END."""


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def test_it_is_recorded_as_applied_in_part(runner: Runner, folder: Path) -> None:
    text = f"{HIDING}\nCREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();\nSELECT 1;\nSELECT 2;\n"
    write(folder, _0001_a_up=text)
    ending = runner.up()
    assert ending.result.exit_code == ExitCode.PARTIAL
    assert runner.query("SELECT statements_done < statements_total FROM switchback.migrations") == [(True,)]
    assert runner.up().error is not None


def test_on_the_way_back_its_record_is_gone(runner: Runner, folder: Path) -> None:
    back = f"DROP TABLE a;\n{HIDING}\nCOMMIT;\nDROP TABLE b;\n"
    write(folder, _0001_a_up="CREATE TABLE a ();\nCREATE TABLE b ();", _0001_a_down=back)
    assert runner.up().error is None
    ending = runner.down(accept=frozenset(runner.down(dry_run=True).result.risks))
    assert ending.result.exit_code == ExitCode.PARTIAL
    assert "its record is gone: the ledger counts it as not applied" in ending.text
    assert runner.query("SELECT to_regclass('a') IS NULL, to_regclass('b') IS NOT NULL") == [(True, True)]
    assert runner.query("SELECT count(*) FROM switchback.migrations") == [(0,)]


def test_a_block_that_commits_and_loses_its_connection_may_have_done_a_part(
    runner: Runner, folder: Path
) -> None:
    text = "DO $$ BEGIN CREATE TABLE x (); COMMIT; PERFORM pg_terminate_backend(pg_backend_pid()); END $$;"
    write(folder, _0001_a_up=f"-- switchback: no-transaction\nCREATE TABLE a ();\n{text}")
    ending = runner.up()
    assert ending.result.exit_code == ExitCode.PARTIAL
    assert "part of it may have taken effect. 1 before it has taken effect." in ending.text
    assert runner.query("SELECT to_regclass('x') IS NOT NULL") == [(True,)]
