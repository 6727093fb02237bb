"""A file without a transaction of which a part has run: what was done is neither repeated nor skipped."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.policy import DownFrom
from switchback.runner.stepwise import Stepwise
from tests.postgres.running import Runner, write
from tests.postgres.test_crash import until

if TYPE_CHECKING:
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    made = Runner(database, folder)
    made.up()
    return made


def row(runner: Runner) -> tuple[int, int | None]:
    found = runner.query("SELECT statements_done, down_done FROM switchback.migrations WHERE id = '0002_b'")[
        0
    ]
    return found[0], found[1]


@pytest.fixture
def half_back(runner: Runner) -> Runner:
    """The first statement of a down half has run, the second has failed."""
    write(
        runner.folder,
        _0002_b_up="CREATE TABLE b (id int); CREATE TABLE c (id int); CREATE TABLE d (id int);",
        _0002_b_down=MARK + "DROP TABLE b;\nDROP TABLE c; SELECT 1/0;\nDROP TABLE d;",
    )
    down(runner, "DROP TABLE b;", "DROP TABLE nowhere;", "DROP TABLE d;")
    runner.up()
    assert runner.down().result.reason is Reason.FAILED_PARTLY
    assert row(runner) == (3, 1)
    return runner


def down(runner: Runner, *statements: str) -> None:
    write(runner.folder, _0002_b_down=MARK + "\n".join(statements))


def test_what_has_run_of_a_down_half_must_stay_in_it(half_back: Runner) -> None:
    down(half_back, "DROP TABLE c;", "DROP TABLE d;")
    ending = half_back.down(down_from=DownFrom.FILE)
    assert ending.result.reason is Reason.FILE_CHANGED
    assert "0002_b.down.sql" in ending.text
    assert half_back.tables == {"t_0001_a", "c", "d"}, "nothing is skipped, and nothing is run"
    assert row(half_back) == (3, 1)
    down(half_back, "DROP TABLE b;", "DROP TABLE c;", "DROP TABLE d;")
    assert half_back.down(down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED
    assert half_back.tables == {"t_0001_a"}


def test_the_other_source_of_a_down_half_may_have_begun_differently(half_back: Runner) -> None:
    """One run by the file, the next by the ledger."""
    down(half_back, "DROP TABLE b;", "DROP TABLE c;", "SELECT 1/0;", "DROP TABLE d;")
    assert half_back.down(down_from=DownFrom.FILE).result.reason is Reason.FAILED_PARTLY
    assert row(half_back) == (3, 2)
    assert half_back.down(down_from=DownFrom.LEDGER).result.reason is Reason.FILE_CHANGED
    assert half_back.tables == {"t_0001_a", "d"}


def test_what_ran_after_it_was_mended_must_stay_too(half_back: Runner) -> None:
    down(half_back, "DROP TABLE b;", "DROP TABLE c;", "SELECT 1/0;", "DROP TABLE d;")
    assert half_back.down(down_from=DownFrom.FILE).result.reason is Reason.FAILED_PARTLY
    down(half_back, "DROP TABLE b;", "SELECT 'another';", "DROP TABLE d;")
    assert half_back.down(down_from=DownFrom.FILE).result.reason is Reason.FILE_CHANGED
    down(half_back, "DROP TABLE b;", "DROP TABLE c;", "DROP TABLE d;")
    assert half_back.down(down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED


def test_half_of_it_has_run_without_a_transaction(half_back: Runner) -> None:
    """Run as one transaction it would begin anew."""
    write(half_back.folder, _0002_b_down="DROP TABLE c;\nDROP TABLE d;")
    ending = half_back.down(down_from=DownFrom.FILE)
    assert ending.result.reason is Reason.FILE_CHANGED
    assert "no-transaction" in ending.text
    assert half_back.tables == {"t_0001_a", "c", "d"}


def test_a_way_back_that_was_abandoned_changes_nothing(runner: Runner) -> None:
    """What has run of the up half is remembered, whatever a rollback had begun meanwhile."""
    write(
        runner.folder,
        _0002_b_up=MARK
        + "CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY b_id ON b (id);\nSELECT nonsense;",
        _0002_b_down=MARK + "DROP INDEX CONCURRENTLY wrong_name;\nDROP TABLE b;",
    )
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert runner.down(accept=frozenset(Risk)).result.reason is Reason.SQL_FAILED
    assert row(runner) == (2, None)
    write(
        runner.folder,
        _0002_b_up=MARK + "CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY b_id ON b (id);\nSELECT 1;",
    )
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert row(runner) == (3, None)


def test_what_has_run_must_stay_after_an_abandoned_way_back_too(runner: Runner) -> None:
    write(
        runner.folder,
        _0002_b_up=MARK + "CREATE TABLE b (id int);\nSELECT nonsense;",
        _0002_b_down=MARK + "DROP INDEX CONCURRENTLY wrong_name;\nDROP TABLE b;",
    )
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert runner.down(accept=frozenset(Risk)).result.reason is Reason.SQL_FAILED
    write(runner.folder, _0002_b_up=MARK + "CREATE TABLE other (id int);\nSELECT 1;")
    assert runner.up().result.reason is Reason.FILE_CHANGED


def test_an_index_that_an_earlier_run_has_left_is_still_its_own(runner: Runner) -> None:
    """A rollback begun and abandoned in between does not make a stranger of it."""
    runner.query("CREATE TABLE b (id int)")
    write(
        runner.folder,
        _0002_b_up=MARK + "SELECT 1;\nCREATE UNIQUE INDEX CONCURRENTLY b_id ON b (id);",
        _0002_b_down=MARK + "DROP INDEX CONCURRENTLY wrong_name;\nDROP TABLE b;",
    )
    with psycopg.connect(runner.url) as writer:
        writer.execute("INSERT INTO b VALUES (1)")
        process = runner.start("migrate", "--dir", str(runner.folder))
        until(lambda: building(runner))
        process.kill()
        runner.query(f"SELECT pg_terminate_backend({building(runner)})")
        process.communicate(timeout=20)
        writer.rollback()
    assert runner.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'b_id'::regclass") == [(False,)]
    assert runner.down(accept=frozenset(Risk)).result.reason is Reason.SQL_FAILED
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert "Dropping the invalid index" in words.text


def building(runner: Runner) -> int | None:
    """Pid of the server process that waits with its index."""
    rows = runner.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
        "AND query LIKE 'CREATE%INDEX CONC%'"
    )
    return rows[0][0] if rows else None


def test_steps_count_what_is_half_applied(runner: Runner) -> None:
    write(runner.folder, "0003_c", _0002_b_up=MARK + "CREATE TABLE b (id int);\nSELECT 1/0;\nSELECT 3;")
    assert runner.up(steps=1).result.reason is Reason.FAILED_PARTLY
    write(runner.folder, _0002_b_up=MARK + "CREATE TABLE b (id int);\nSELECT 2;\nSELECT 3;")
    ending = runner.up(steps=1)
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0002_b")
    assert row(runner) == (3, None)
    assert runner.up(steps=1).result.current == "0003_c"
    assert runner.up(steps=1).result.reason is Reason.UP_TO_DATE


def test_steps_with_nothing_but_a_half_applied_file(runner: Runner) -> None:
    write(runner.folder, _0002_b_up=MARK + "CREATE TABLE b (id int);\nSELECT 1/0;\nSELECT 3;")
    runner.up()
    assert runner.up(steps=1).result.reason is Reason.FAILED_PARTLY, "it is not up to date"


def signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal right after the first statement was committed together with its counter."""
    real = Stepwise._one  # noqa: SLF001 - the gap after it is what this is about

    def one(self: Stepwise, *words: Any) -> None:
        real(self, *words)
        self.session.stop.signum = signal.SIGTERM

    monkeypatch.setattr(Stepwise, "_one", one)


def test_a_signal_right_after_the_first_statement(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        runner.folder,
        _0002_b_up=MARK + "CREATE TABLE b (id int);\nSELECT 2;",
        _0002_b_down=MARK + "DROP TABLE b;\nSELECT 2;",
    )
    with monkeypatch.context() as patch:
        signalled(patch)
        ending = runner.up()
    assert ending.result.reason is Reason.INTERRUPTED
    assert "1 of 2 statements" in ending.result.message
    assert "b" in runner.tables
    assert row(runner) == (1, None), "what has run keeps its record"
    assert runner.up().result.exit_code == 0
    with monkeypatch.context() as patch:
        signalled(patch)
        assert runner.down().result.reason is Reason.INTERRUPTED
    assert "b" not in runner.tables
    assert row(runner)[1] == 1
    assert runner.query("SELECT count(*) FROM switchback.events WHERE kind = 'Abandoned'") == [(0,)]
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert runner.applied == ["0001_a"]


def test_a_signal_right_after_the_last_statement(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step was ended with it, and nothing is left to be stopped."""
    write(runner.folder, _0002_b_up=MARK + "CREATE TABLE b (id int);", _0002_b_down=MARK + "DROP TABLE b;")
    signalled(monkeypatch)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert row(runner) == (1, None)
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert runner.applied == ["0001_a"]


BREAKS = "SELECT pg_terminate_backend(pg_backend_pid());"


def test_what_a_broken_connection_leaves_is_not_called_rolled_back(runner: Runner) -> None:
    write(
        runner.folder,
        _0002_b_up=MARK + f"CREATE TABLE b ();\n{BREAKS}\nCREATE TABLE c ();",
        _0002_b_down=MARK + f"DROP TABLE c;\n{BREAKS}\nDROP TABLE b;",
    )
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert "0002_b.up.sql:3" in ending.text
    assert "a part of it has taken effect: 1 of 3 statements" in ending.result.message
    assert "goes on at statement 2" in ending.result.message
    assert "rolled back" not in ending.result.message
    assert row(runner) == (1, None)
    write(runner.folder, _0002_b_up=MARK + "CREATE TABLE b ();\nSELECT 2;\nCREATE TABLE c ();")
    assert runner.up().result.reason is Reason.SUCCEEDED

    ending = runner.down(accept=frozenset(Risk))
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert "1 of 3 statements" in ending.result.message
    assert runner.tables == {"t_0001_a", "b"}
    assert row(runner) == (3, 1)
    down(runner, "DROP TABLE c;", "SELECT 2;", "DROP TABLE b;")
    assert runner.down(down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED
    assert runner.tables == {"t_0001_a"}


def test_a_connection_that_breaks_before_anything_ran_leaves_no_part(runner: Runner) -> None:
    write(runner.folder, _0002_b_up=MARK + f"{BREAKS}\nCREATE TABLE b ();")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.CONNECTION_LOST, 7)
    assert "rolled back" in ending.result.message
    assert runner.applied == ["0001_a"], "nothing of it is applied, so that it has no row"


def test_plans_show_what_is_left_of_it(runner: Runner) -> None:
    """What has run is counted; only what would run is shown."""
    write(runner.folder, _0002_b_up=f"{MARK}CREATE TABLE b (id int);\nCREATE TABLE c (id int);\nSELECT 1/0;")
    down(runner, "DROP TABLE c;", "DROP TABLE nowhere;", "DROP TABLE b;")
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    for words in (("plan",), ("migrate", "--dry-run")):
        said = runner.call(*words).stdout
        assert "goes on at statement 3; 2 have run" in said, words
        assert ("CREATE TABLE" in said, "SELECT 1/0" in said) == (False, True), words
    (step,) = json.loads(runner.call("plan", "--json").stdout)["steps"]
    assert (step["statementsDone"], step["statements"]) == (2, [{"line": 4, "text": "SELECT 1/0"}])
    assert runner.down().result.reason is Reason.FAILED_PARTLY
    assert row(runner)[1] == 1
    said = runner.call("rollback", "--dry-run").stdout
    assert "goes on at statement 2; 1 has run" in said
    assert ("DROP TABLE c" in said, "DROP TABLE b" in said) == (False, True)


def test_a_plan_of_what_has_not_begun_counts_nothing(runner: Runner) -> None:
    down(runner, "SELECT 1;")
    write(runner.folder, _0002_b_up="SELECT 1;")
    assert "goes on" not in runner.call("plan").stdout
    assert json.loads(runner.call("plan", "--json").stdout)["steps"][0]["statementsDone"] == 0
