"""A COMMIT that the reader overlooks: whatever was counted, a file that did not end is never complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

HIDING = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 case; END;"
"""`case` is a label here. Taken for the beginning of a CASE, it hides what follows behind an END."""

ALL = frozenset(Risk)


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


BACK = f"DROP TABLE a;\n{HIDING}\nCOMMIT;\n"
TWO = "CREATE TABLE a ();\nCREATE TABLE b ();"


@pytest.mark.parametrize(
    ("ends", "before"),
    [("", 0), ("SELECT pg_terminate_backend(pg_backend_pid());\n", 0), ("", 1)],
    ids=["guard", "cut", "behind another"],
)
def test_on_the_way_back_its_record_stays(runner: Runner, folder: Path, ends: str, before: int) -> None:
    write(folder, _0001_a_up=TWO, _0001_a_down=f"{BACK}{ends}DROP TABLE b;\n")
    write(folder, *["0002_b"][:before])
    assert runner.up().error is None
    ending = runner.down(target="base", accept=ALL)
    assert ending.result.exit_code == ExitCode.PARTIAL
    assert "is recorded as rolled back in part" in ending.text
    assert ending.result.done == before
    assert runner.query("SELECT to_regclass('a') IS NULL, to_regclass('b') IS NOT NULL") == [(True, True)]
    assert runner.query("SELECT id, down_done FROM switchback.migrations") == [("0001_a", 0)]
    assert runner.query("SELECT count(*) FROM switchback.events WHERE kind = 'RolledBack'") == [(before,)]


def test_a_way_back_that_ended_itself_does_not_run_again(runner: Runner, folder: Path) -> None:
    write(folder, _0001_a_up=TWO, _0001_a_down=f"{BACK}SELECT pg_terminate_backend(pg_backend_pid());\n")
    runner.up()
    runner.down(accept=ALL)
    forward = runner.up()
    assert (forward.result.reason, forward.result.exit_code) == (Reason.FAILED_PARTLY, ExitCode.PARTIAL)
    assert "0001_a is rolled back in part" in forward.text
    assert "repair --unmark 0001_a" in forward.advice
    again = runner.down(accept=ALL)
    assert (again.result.reason, again.result.exit_code) == (Reason.FAILED_PARTLY, ExitCode.PARTIAL)
    assert "0001_a is rolled back in part" in again.text
    assert "repair --unmark 0001_a" in again.advice
    status = runner.call("status").stdout
    assert "its rollback has begun" in status
    assert "0 statements" not in status, "nobody has counted them"
    runner.query("CREATE TABLE a ()")
    marked = runner.call("repair", "--mark", "0001")
    assert "(its rollback had begun)" in marked.stdout, marked.stderr
    write(folder, _0001_a_down="DROP TABLE a, b;\nDROP FUNCTION f;\n")
    ending = runner.down(accept=ALL, down_from=DownFrom.FILE)
    assert ending.error is None, ending.text
    assert (runner.applied, runner.tables) == ([], set())


def test_a_rollback_inside_the_way_back_leaves_it_as_it_was(runner: Runner, folder: Path) -> None:
    write(folder, _0001_a_up=TWO, _0001_a_down=BACK.replace("COMMIT", "ROLLBACK") + "DROP TABLE b;")
    runner.up()
    ending = runner.down(accept=ALL)
    assert "the ledger shows no trace of it" in ending.text
    assert runner.query("SELECT id, down_done FROM switchback.migrations") == [("0001_a", None)]
    assert runner.tables == {"a", "b"}


def test_a_block_that_commits_and_loses_its_connection_may_have_done_a_part(
    runner: Runner, folder: Path
) -> None:
    text = "DO $$ BEGIN CREATE TABLE x (); COMMIT; PERFORM pg_terminate_backend(pg_backend_pid()); END $$;"
    write(folder, _0001_a_up=f"-- switchback: no-transaction\nCREATE TABLE a ();\n{text}")
    ending = runner.up()
    assert ending.result.exit_code == ExitCode.PARTIAL
    assert "part of it may have taken effect. 1 before it has taken effect." in ending.text
    assert runner.query("SELECT to_regclass('x') IS NOT NULL") == [(True,)]


def test_an_error_with_a_place_behind_it_is_told_as_a_part(runner: Runner, folder: Path) -> None:
    write(folder, _0001_a_up=f"CREATE TABLE a ();\n{HIDING}\nCOMMIT;\nSELECT nix;\n")
    ending = runner.up()
    assert ending.result.exit_code == ExitCode.PARTIAL, ending.text
    assert runner.query("SELECT to_regclass('a') IS NOT NULL") == [(True,)]
    assert runner.query("SELECT statements_done < statements_total FROM switchback.migrations") == [(True,)]
