"""Rolling back: in reverse order of application, after the whole range was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.migrations import script
from switchback.runner.errors import RunnerError
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    made = Runner(database, folder)
    write(folder, "0001_a", "0002_b", "0003_c")
    assert made.up().result.reason is Reason.SUCCEEDED
    return made


def gone(runner: Runner, name: str, *halves: str) -> None:
    for half in halves or ("up", "down"):
        (runner.folder / f"{name}.{half}.sql").unlink()


def test_one_step_by_default(runner: Runner) -> None:
    ending = runner.down()
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0002_b")
    assert runner.applied == ["0001_a", "0002_b"]
    assert runner.tables == {"t_0001_a", "t_0002_b"}
    assert runner.query("SELECT kind, migration_id, position, duration_ms IS NULL FROM switchback.events "
                        "WHERE kind = 'RolledBack'") == [("RolledBack", "0003_c", 3, False)]  # fmt: skip


def test_target_stays_applied_and_base_means_all(runner: Runner) -> None:
    assert runner.down(target="0001").result.current == "0001_a"
    assert runner.applied == ["0001_a"]
    assert runner.down(target="base").result.current == "base"
    assert runner.applied == []
    assert runner.tables == set()
    assert runner.down().result.reason is Reason.UP_TO_DATE


def test_in_reverse_order_of_application(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET position = position + 10 WHERE id = '0001_a'")
    ending = runner.down(steps=2)
    assert [step.id for step in ending.result.steps] == ["0001_a", "0003_c"]
    assert runner.applied == ["0002_b"]


def test_more_steps_than_applied(runner: Runner) -> None:
    ending = runner.down(steps=4)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.TOO_FEW_APPLIED, 11)
    assert len(runner.applied) == 3
    assert runner.down(steps=4, force=True).result.current == "base"


@pytest.mark.parametrize(
    ("break_it", "reason", "code"),
    [
        (lambda r: gone(r, "0002_b", "down"), Reason.SUCCEEDED, 0),
        (lambda r: gone(r, "0002_b"), Reason.SUCCEEDED, 0),
        (lambda r: (r.folder / "0002_b.down.sql").write_text("SELECT 1;"), Reason.FILE_CHANGED, 4),
        (lambda r: (r.folder / "0002_b.up.sql").write_text("-- switchback: irreversible\nSELECT;"), None, 0),
    ],
    ids=["down half gone", "file gone", "down half changed", "irreversible and down"],
)  # fmt: skip
def test_the_range_is_checked_before_anything_runs(
    runner: Runner, break_it: object, reason: Reason | None, code: int | None
) -> None:
    break_it(runner)  # type: ignore[operator]
    ending = runner.down(target="base")
    if reason is not None:
        assert (ending.result.reason, ending.result.exit_code) == (reason, code)
    if reason is Reason.SUCCEEDED:
        assert runner.applied == []
    else:
        assert "0002_b" in ending.result.message
        assert len(runner.applied) == 3


def test_no_down_anywhere_names_every_file(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_kind = 'None', down_checksum = '' "
                 "WHERE id IN ('0001_a', '0002_b')")  # fmt: skip
    gone(runner, "0001_a", "down")
    gone(runner, "0002_b", "down")
    ending = runner.down(target="base")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.NO_DOWN, 5)
    assert "0001_a" in ending.result.message
    assert "0002_b" in ending.result.message
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_irreversible_by_the_file_and_by_the_ledger(database: str, folder: Path) -> None:
    runner = Runner(database, folder)
    write(folder, _0001_a_up="-- switchback: irreversible\nCREATE TABLE a (id int);")
    runner.up()
    write(folder, "0002_b")
    assert runner.down(steps=1).result.reason is Reason.IRREVERSIBLE
    runner.up()
    gone(runner, "0001_a", "up")
    ending = runner.down(target="base")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.IRREVERSIBLE, 5)
    assert runner.applied == ["0001_a", "0002_b"]


def test_nothing_to_undo_as_declared(database: str, folder: Path) -> None:
    runner = Runner(database, folder)
    write(folder, _0001_a_up="CREATE TABLE a (id int);", _0001_a_down="-- switchback: down=none rows stay\n")
    runner.up()
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "rows stay" in words.text
    assert runner.tables == {"a"}
    assert runner.query("SELECT kind FROM switchback.events ORDER BY seq")[-1] == ("NotUndone",)


def test_file_missing_uses_the_ledger_and_says_so(runner: Runner) -> None:
    gone(runner, "0003_c")
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "the ledger keeps" in words.text
    assert runner.tables == {"t_0001_a", "t_0002_b"}


def test_file_missing_and_nothing_stored(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_kind = 'File' WHERE id = '0003_c'")
    gone(runner, "0003_c")
    ending = runner.down()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_MISSING, 4)
    forced, words = runner.told("rollback", force=True)
    assert forced.result.reason is Reason.DATA_LOSS_REFUSED, "forgetting is a risk that has to be accepted"
    assert [str(risk) for risk in forced.result.risks] == ["ForgetMissing"]
    forced, words = runner.told("rollback", force=True, accept=frozenset(forced.result.risks))
    assert forced.result.reason is Reason.SUCCEEDED
    assert "stays" in words.text
    assert "t_0003_c" in runner.tables
    assert runner.applied == ["0001_a", "0002_b"]


def test_changed_down_half_from_either_side(runner: Runner) -> None:
    path = runner.folder / "0003_c.down.sql"
    path.write_text("DROP TABLE t_0003_c; CREATE TABLE by_file (id int);")
    ending = runner.down()
    assert ending.result.reason is Reason.FILE_CHANGED
    stored = runner.query("SELECT down_checksum FROM switchback.migrations WHERE id = '0003_c'")[0][0]
    assert stored[:15] in ending.result.message
    assert "say whose down half runs: --down-from file or --down-from ledger" in ending.advice
    assert "in the resource spec.rollback.downSource: Source or Ledger" in ending.advice
    assert runner.down(down_from=DownFrom.LEDGER).result.reason is Reason.SUCCEEDED
    assert "by_file" not in runner.tables
    runner.up()
    path.write_text("DROP TABLE t_0003_c; CREATE TABLE by_file2 (id int);")
    assert runner.down(down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED
    assert "by_file2" in runner.tables


def test_a_down_half_written_later_counts(database: str, folder: Path) -> None:
    runner = Runner(database, folder)
    write(folder, _0001_a_up="CREATE TABLE a (id int);")
    runner.up()
    assert runner.down().result.reason is Reason.NO_DOWN
    write(folder, _0001_a_down="DROP TABLE a;")
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert runner.tables == set()


def test_failure_in_the_middle_stays_at_the_last_good_one(runner: Runner) -> None:
    (runner.folder / "0002_b.down.sql").write_text("DROP TABLE t_0002_b;\nDROP TABLE nowhere;")
    ending = runner.down(target="base", down_from=DownFrom.FILE)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8)
    assert isinstance(ending.error, RunnerError)
    assert ending.error.place == "0002_b.down.sql:2"
    assert ending.result.current == "0002_b"
    assert runner.applied == ["0001_a", "0002_b"]
    assert runner.tables == {"t_0001_a", "t_0002_b"}


def test_dependent_objects_are_named(runner: Runner) -> None:
    runner.query("CREATE VIEW v AS SELECT * FROM t_0003_c")
    ending = runner.down()
    assert isinstance(ending.error, RunnerError)
    assert ending.error.sqlstate == "2BP01"
    assert "view v depends on table t_0003_c" in (ending.error.detail or "")


@pytest.mark.parametrize("word", ["COMMIT", "ROLLBACK"])
def test_a_hidden_end_of_the_transaction_is_caught(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(script, "_control", lambda *_: None)
    (runner.folder / "0003_c.down.sql").write_text(f"DROP TABLE t_0003_c; {word}; DROP TABLE t_0002_b;")
    ending = runner.down(down_from=DownFrom.FILE)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert "t_0002_b" in runner.tables
    assert ("t_0003_c" in runner.tables) is (word == "ROLLBACK")
    begun = runner.query("SELECT down_done FROM switchback.migrations WHERE id = '0003_c'")
    assert begun == [(0 if word == "COMMIT" else None,)]


def test_target_ahead_is_no_rollback(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    ending = runner.down(target="0004_d")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.USAGE, 2)


def test_dry_run_changes_nothing(runner: Runner) -> None:
    ending = runner.down(target="base", dry_run=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert [step.id for step in ending.result.steps] == ["0003_c", "0002_b", "0001_a"]
    assert len(runner.applied) == 3


def test_a_ledger_that_others_can_write_runs_no_stored_sql(runner: Runner) -> None:
    gone(runner, "0003_c")
    role = "r_pytest_writer"
    with psycopg.connect(runner.url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        connection.execute(f"CREATE ROLE {role}".encode())
        try:
            connection.execute(f"GRANT UPDATE (down_sql) ON switchback.migrations TO {role}".encode())
            ending = runner.down()
            assert (ending.result.reason, ending.result.exit_code) == (Reason.LEDGER_WRITABLE_BY_OTHERS, 11)
            assert role in ending.result.message
            assert len(runner.applied) == 3
            connection.execute(f"REVOKE ALL (down_sql) ON switchback.migrations FROM {role}".encode())
            connection.execute(b"GRANT INSERT ON switchback.migrations TO PUBLIC")
            assert "PUBLIC" in runner.down().result.message
            connection.execute(b"REVOKE ALL ON switchback.migrations FROM PUBLIC")
            assert runner.down().result.reason is Reason.SUCCEEDED
        finally:
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())
