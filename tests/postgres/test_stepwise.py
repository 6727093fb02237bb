"""Files without a transaction: every statement counted, and gone on with after an interruption."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner import own, stepwise, wire
from switchback.runner.errors import RunnerError
from switchback.runner.policy import DownFrom
from switchback.runner.stop import Stop, Stopped
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    made = Runner(database, folder)
    made.up()
    made.query("INSERT INTO t_0001_a SELECT generate_series(1, 1000)")
    return made


def counts(runner: Runner, name: str = "0002_b") -> tuple[int, int, int | None]:
    row = runner.query(
        f"SELECT statements_done, statements_total, down_done FROM switchback.migrations WHERE id = '{name}'"
    )[0]
    return row[0], row[1], row[2]


def valid(runner: Runner, name: str) -> bool | None:
    rows = runner.query(f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{name}')")
    return rows[0][0] if rows else None


def test_index_concurrently_between_others(runner: Runner) -> None:
    write(
        runner.folder, "0003_c",
        _0002_b_up=MARK + "CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY i_a ON t_0001_a (id);\n"
        "INSERT INTO b VALUES (1);\nVACUUM t_0001_a;",
        _0002_b_down=MARK + "DROP INDEX CONCURRENTLY i_a;\nDROP TABLE b;",
    )  # fmt: skip
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    assert counts(runner) == (4, 4, None)
    assert valid(runner, "i_a") is True
    assert runner.query("SELECT count(*) FROM b") == [(1,)]
    assert runner.down(target="0001_a", accept=frozenset(Risk)).result.reason is Reason.SUCCEEDED
    assert valid(runner, "i_a") is None
    assert runner.tables == {"t_0001_a"}


def test_without_the_directive_the_advice_names_it(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="CREATE INDEX CONCURRENTLY i_a ON t_0001_a (id);")
    ending = runner.up()
    assert isinstance(ending.error, RunnerError)
    assert ending.error.sqlstate == "25001"
    assert "no-transaction" in ending.error.advice


def test_failure_in_the_first_statement_leaves_nothing(runner: Runner) -> None:
    write(runner.folder, _0002_b_up=MARK + "SELECT 1/0;\nSELECT 2;")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8)
    assert runner.applied == ["0001_a"]


def test_failure_later_goes_on_where_it_stopped(runner: Runner) -> None:
    path = runner.folder / "0002_b.up.sql"
    path.write_text(MARK + "CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\nSELECT 1/0;\n")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert isinstance(ending.error, RunnerError)
    assert ending.error.place == "0002_b.up.sql:4"
    assert counts(runner) == (2, 3, None)
    path.write_text(MARK + "CREATE TABLE b (id int);\nINSERT INTO b VALUES (2);\nSELECT 1;\n")
    changed = runner.up()
    assert changed.result.reason is Reason.FILE_CHANGED, "what has run must stay as it is"
    path.write_text(MARK + "CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\nSELECT 1;\nSELECT 2;\n")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert counts(runner) == (4, 4, None)
    assert runner.query("SELECT count(*) FROM b") == [(1,)]
    assert runner.up().result.reason is Reason.UP_TO_DATE


def test_unique_index_that_fails_leaves_no_invalid_one(runner: Runner) -> None:
    runner.query("CREATE TABLE d (id int); INSERT INTO d VALUES (1), (1)")
    write(runner.folder, _0002_b_up=MARK + 'CREATE UNIQUE INDEX CONCURRENTLY "I d" ON d (id);')
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8)
    assert valid(runner, '"I d"') is None
    runner.query("DELETE FROM d WHERE ctid = '(0,1)'")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert valid(runner, '"I d"') is True


def test_an_invalid_index_that_was_there_is_not_ours(runner: Runner) -> None:
    runner.query("CREATE TABLE d (id int); INSERT INTO d VALUES (1), (1)")
    with pytest.raises(psycopg.Error):
        runner.query("CREATE UNIQUE INDEX CONCURRENTLY i_d ON d (id)")
    assert valid(runner, "i_d") is False
    write(runner.folder, _0002_b_up=MARK + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i_d ON d (id);")
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "i_d" in ending.result.message
    assert valid(runner, "i_d") is False


@pytest.mark.parametrize("left", ["nothing", "invalid", "valid"])
def test_a_run_killed_during_an_index_is_settled_by_looking(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    runner.query("CREATE TABLE d (id int); INSERT INTO d VALUES (1), (1)")
    write(
        runner.folder,
        _0002_b_up=MARK + "SELECT 1;\nCREATE UNIQUE INDEX CONCURRENTLY i_d ON d (id);\nSELECT 3;",
    )

    class Killed(BaseException):
        pass

    def die(self: stepwise.Stepwise, index: int, _statement: object) -> None:
        if left == "valid":
            runner.query("TRUNCATE d")
        if left != "nothing":
            try:
                runner.query("CREATE UNIQUE INDEX CONCURRENTLY i_d ON d (id)")
            except psycopg.Error:
                assert left == "invalid"
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(stepwise.Stepwise, "_alone", die)
        with pytest.raises(Killed):
            runner.up()
    assert counts(runner) == (1, 3, None)
    assert valid(runner, "i_d") is {"nothing": None, "invalid": False, "valid": True}[left]
    runner.query("TRUNCATE d")
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert valid(runner, "i_d") is True
    assert counts(runner) == (3, 3, None)
    assert ("done by an earlier run" in words.text) is (left == "valid")
    assert ("Dropping the invalid index" in words.text) is (left == "invalid")


def test_a_rollback_killed_half_way_goes_on(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        runner.folder,
        _0002_b_up="CREATE TABLE b (id int); CREATE TABLE c (id int);",
        _0002_b_down=MARK + "DROP TABLE b;\nSELECT 1/0;\nDROP TABLE c;",
    )
    runner.up()
    ending = runner.down()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert counts(runner) == (2, 2, 1)
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    (runner.folder / "0002_b.down.sql").write_text(MARK + "DROP TABLE b;\nSELECT 1;\nDROP TABLE c;")
    assert runner.down(down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED
    assert runner.tables == {"t_0001_a"}


def test_settings_hold_for_the_statements_after_them(runner: Runner) -> None:
    runner.query("CREATE SCHEMA s")
    write(
        runner.folder,
        _0002_b_up=MARK + "SET search_path = s;\nCREATE TABLE inside (id int);\n"
        "CREATE INDEX CONCURRENTLY i_in ON inside (id);",
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.query("SELECT schemaname FROM pg_tables WHERE tablename = 'inside'") == [("s",)]


def test_stopped_before_anything_ran(runner: Runner) -> None:
    write(runner.folder, _0002_b_up=MARK + "SELECT pg_sleep(60);\nSELECT 1;")
    process = runner.start("migrate", "--dir", str(runner.folder))
    time.sleep(0.1)
    deadline = time.monotonic() + 15
    while not runner.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=15)
    assert process.returncode == 143
    assert runner.applied == ["0001_a"]


def test_connection_lost_during_an_index(runner: Runner) -> None:
    write(runner.folder, _0002_b_up=MARK + "SELECT 1;\nCREATE INDEX CONCURRENTLY i_a ON t_0001_a (id);")
    blocker = psycopg.connect(runner.url)
    blocker.execute(b"UPDATE t_0001_a SET id = id WHERE id = 1")
    endings = []
    thread = threading.Thread(target=lambda: endings.append(runner.up()))
    thread.start()
    pid = None
    deadline = time.monotonic() + 15
    while pid is None:
        assert time.monotonic() < deadline
        rows = runner.query(
            "SELECT pid FROM pg_stat_activity "
            "WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'"
        )
        pid = rows[0][0] if rows else None
    runner.query(f"SELECT pg_terminate_backend({pid})")
    thread.join(20)
    blocker.close()
    assert endings[0].result.reason is Reason.CONNECTION_LOST
    assert counts(runner) == (1, 2, None)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert valid(runner, "i_a") is True


def test_wire_is_what_is_sent(runner: Runner) -> None:
    """A statement that must travel alone is the whole string: anything beside it would be refused."""
    with runner_connection(runner) as connection:
        replies = list(wire.exchange(connection, "SELECT 1; VACUUM t_0001_a", Stop()))
    assert replies[-1].error is not None
    assert replies[-1].error.sqlstate == "25001"


def runner_connection(runner: Runner) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(runner.url, autocommit=True)


def test_a_signal_while_its_record_is_taken_away_says_what_is_left(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke when the record was committed; a signal comes while nobody has taken it back."""
    write(runner.folder, _0002_b_up=f"{MARK}VACUUM t_0001_a;\nSELECT 1;")
    exchange, send = wire.exchange, own.send

    def lossy(connection: Any, text: str, *rest: Any, **more: Any) -> Any:
        found = list(exchange(connection, text, *rest, **more))
        if "'Started'" in text:
            connection.close()
            raise wire.LostError("the cable was cut")
        yield from found

    def stopped(session: Any, migration_id: str, text: str, **more: Any) -> None:
        if "'Abandoned'" in text:
            raise Stopped(signal.SIGTERM)
        send(session, migration_id, text, **more)

    monkeypatch.setattr(wire, "exchange", lossy)
    monkeypatch.setattr(own, "send", stopped)
    ending = runner.up()
    assert ending.result.reason is Reason.INTERRUPTED
    assert "0 of 2 statements have taken effect. The next run goes on there." in ending.text
    assert counts(runner) == (0, 2, None)
