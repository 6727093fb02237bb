"""What another run may do while this one has neither lock nor connection, and what this one then may not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner import lock, settle, wire
from switchback.runner.ledger.names import Names
from tests.postgres.running import Runner, write
from tests.postgres.test_crash import until

if TYPE_CHECKING:
    from pathlib import Path


MARK = "-- switchback: no-transaction\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    made.query("CREATE TABLE log (who text)")
    return made


def log(runner: Runner) -> list[str]:
    return [row[0] for row in runner.query("SELECT who FROM log ORDER BY 1")]


def waiting(connection: psycopg.Connection[Any]) -> bool:
    """Whether a file waits for a lock."""
    row = connection.execute(
        "SELECT FROM pg_stat_activity WHERE application_name LIKE 'switchback 0002_b %' "
        "AND wait_event_type = 'Lock' AND datname = current_database()"
    ).fetchone()
    return row is not None


def someone_takes_the_lock(runner: Runner, done: threading.Event) -> threading.Thread:
    """Another run takes the lock as soon as it is free while a file waits, and writes into the ledger."""

    def other() -> None:
        with psycopg.connect(runner.url, autocommit=True) as connection:
            number = lock.key(Names(), connection.info.dbname)
            until(lambda: waiting(connection))
            while not lock.attempt(connection, number):
                if done.wait(0.01):
                    return
            connection.execute(
                "INSERT INTO switchback.events (kind, operation_id, intent_digest, reason) "
                "VALUES ('Seen', 'bb-1', '', '')"
            )
            done.set()

    thread = threading.Thread(target=other)
    thread.start()
    return thread


def test_a_file_that_gives_the_lock_up_and_is_tried_again(runner: Runner) -> None:
    """No rollback gives the lock back: between two tries another run would begin."""
    write(
        runner.folder,
        _0002_b_up="SELECT pg_advisory_unlock_all();\nALTER TABLE t_0001_a ADD COLUMN v int;",
    )
    done = threading.Event()
    with psycopg.connect(runner.url) as blocker:
        blocker.execute("SELECT * FROM t_0001_a")
        other = someone_takes_the_lock(runner, done)
        ending = runner.with_limits(lock_timeout_ms=300, retries=30, first_pause=0.2).up()
        done.set()
        other.join()
        blocker.rollback()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.LOCK_TIMEOUT, 6)
    assert "gave up the lock" in ending.result.message
    assert runner.applied == ["0001_a"]


def test_the_lock_is_taken_again_where_nobody_has_used_the_gap(runner: Runner) -> None:
    write(
        runner.folder,
        _0002_b_up="SELECT pg_advisory_unlock_all();\nALTER TABLE t_0001_a ADD COLUMN v int;",
    )
    with psycopg.connect(runner.url) as blocker:
        blocker.execute("SELECT * FROM t_0001_a")
        free = threading.Timer(0.7, blocker.rollback)
        free.start()
        ending, words = runner.with_limits(lock_timeout_ms=300, retries=30).told("migrate")
        free.join()
    assert ending.result.reason is Reason.SUCCEEDED
    assert "it was taken again" in words.text


def test_a_procedure_that_gives_the_lock_up(runner: Runner) -> None:
    runner.query(
        "CREATE PROCEDURE careless() LANGUAGE plpgsql AS "
        "$$ BEGIN COMMIT; PERFORM pg_advisory_unlock_all(); END $$"
    )
    write(runner.folder, _0002_b_up=MARK + "CALL careless();\nVACUUM t_0001_a;")
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "gave up the lock" in words.text


@pytest.mark.parametrize(
    "first", ["CREATE INDEX CONCURRENTLY i_a ON t_0001_a (id)", "INSERT INTO log VALUES ('one')"]
)
def test_another_run_finishes_the_file_in_the_gap(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The connection broke, and a waiting run had the lock before this one was back: nothing runs twice."""
    write(runner.folder, _0002_b_up=MARK + f"SELECT 1;\n{first};\nINSERT INTO log VALUES ('last');")
    after_loss, sent = settle.after_loss, wire.exchange
    lost: list[str] = []
    word = first.partition(" ")[0]

    def lossy(connection: psycopg.Connection[Any], text: str, *rest: Any, **more: Any) -> Any:
        replies = list(sent(connection, text, *rest, **more))
        if not lost and (f"{word} INDEX CONC" in text or "VALUES ('one')" in text):
            lost.append(text)
            runner.query(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
            raise wire.LostError("the reply was lost")
        return iter(replies)

    def late(*words: Any, **more: Any) -> settle.Found:
        until(lambda: not runner.query("SELECT FROM pg_locks WHERE locktype = 'advisory'"))
        assert runner.up(by="bb-1").result.reason is Reason.SUCCEEDED
        return after_loss(*words, **more)

    monkeypatch.setattr(settle, "after_loss", late)
    monkeypatch.setattr(wire, "exchange", lossy)
    ending = runner.up(by="aa-1")
    assert log(runner).count("last") == 1
    assert log(runner).count("one") == first.count("one")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.PLAN_MOVED, 12), ending.text
    assert "another run has gone on" in ending.result.message
    assert runner.query(
        "SELECT statements_done, statements_total FROM switchback.migrations WHERE id = '0002_b'"
    ) == [(3, 3)]


def test_an_error_is_not_hidden_by_a_connection_that_breaks_after_it(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(runner.folder, _0002_b_up="SELECT 1;\nSELECT 1/0;")
    sent = wire.exchange

    def lossy(connection: psycopg.Connection[Any], text: str, *rest: Any, **more: Any) -> Any:
        if text.startswith("ROLLBACK"):
            monkeypatch.setattr(wire, "exchange", sent)
            runner.query(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        return sent(connection, text, *rest, **more)

    monkeypatch.setattr(wire, "exchange", lossy)
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "0002_b.up.sql:2" in ending.result.message
    assert runner.applied == ["0001_a"]


def test_no_lock_is_missed_where_the_connection_broke(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked after the last COMMIT has got no answer; the lock was taken anew meanwhile."""
    write(runner.folder, "0002_b")
    sent = wire.exchange

    def lossy(connection: psycopg.Connection[Any], text: str, *rest: Any, **more: Any) -> Any:
        for reply in sent(connection, text, *rest, **more):
            yield reply
            if reply.tag == "COMMIT":
                monkeypatch.setattr(wire, "exchange", sent)
            elif wire.exchange is sent and reply.tag == "RESET":
                runner.query(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
                raise wire.LostError("cut")

    monkeypatch.setattr(wire, "exchange", lossy)
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "asking the ledger" in words.text
    assert "gave up the lock" not in words.text


def test_a_locked_ledger_is_no_fault_of_the_file(runner: Runner) -> None:
    """The guard writes into the ledger: what fails there is not always the guard."""
    write(runner.folder, "0002_b")
    patient = runner.with_limits(lock_timeout_ms=200, retries=1)
    with psycopg.connect(runner.url) as person:
        person.execute("SELECT * FROM switchback.meta FOR UPDATE")
        ending = patient.up()
        person.rollback()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6), ending.text
    assert runner.applied == ["0001_a"]
    with psycopg.connect(runner.url) as person:
        person.execute("SELECT * FROM switchback.meta FOR UPDATE")
        free = threading.Timer(0.5, person.rollback)
        free.start()
        ending = runner.with_limits(lock_timeout_ms=200, retries=20).up()
        free.join()
    assert ending.result.reason is Reason.SUCCEEDED


def test_a_file_that_takes_the_ledger_away(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="CREATE TABLE b (id int);\nDROP SCHEMA switchback CASCADE;")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8), ending.text
    assert "cannot be recorded" in ending.result.message
    assert runner.applied == ["0001_a"]
    assert "b" not in runner.tables


def test_the_second_session_of_a_rollback_waits(runner: Runner) -> None:
    """The same gap on the way back."""
    write(
        runner.folder, "0002_b",
        _0002_b_down="SELECT pg_advisory_unlock_all();\nDROP TABLE t_0002_b;\nALTER TABLE log ADD v int;",
    )  # fmt: skip
    runner.up()
    done = threading.Event()
    with psycopg.connect(runner.url) as blocker:
        blocker.execute("SELECT * FROM log")
        other = someone_takes_the_lock(runner, done)
        patient = runner.with_limits(lock_timeout_ms=300, retries=30, first_pause=0.2)
        ending = patient.down(accept=frozenset(Risk))
        done.set()
        other.join()
        blocker.rollback()
    assert ending.result.reason is Reason.LOCK_TIMEOUT
    assert runner.applied == ["0001_a", "0002_b"]
    until(lambda: "t_0002_b" in runner.tables)


def test_a_ledger_that_is_locked_while_a_statement_is_counted(runner: Runner) -> None:
    """It ran alone, and is counted as soon as that can be."""
    write(runner.folder, _0002_b_up=MARK + "CREATE INDEX CONCURRENTLY i_a ON t_0001_a (id);\nSELECT 2;")
    with psycopg.connect(runner.url) as writer, psycopg.connect(runner.url) as person:
        writer.execute("INSERT INTO t_0001_a VALUES (1)")  # no index is finished before its end
        endings = []
        patient = runner.with_limits(lock_timeout_ms=200, retries=20)
        thread = threading.Thread(target=lambda: endings.append(patient.up()))
        thread.start()
        until(lambda: runner.query("SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' "
                                   "AND wait_event_type = 'Lock'"))  # fmt: skip
        person.execute("SELECT * FROM switchback.migrations FOR UPDATE")
        writer.rollback()
        until(
            lambda: runner.query("SELECT FROM pg_index WHERE indexrelid = to_regclass('i_a') AND indisvalid")
        )
        threading.Event().wait(0.5)
        person.rollback()
        thread.join(20)
    assert endings[0].result.reason is Reason.SUCCEEDED, endings[0].text


def test_a_ledger_that_is_locked_from_the_start(runner: Runner) -> None:
    write(runner.folder, "0002_b")
    with psycopg.connect(runner.url) as person:
        person.execute("LOCK TABLE switchback.meta")
        ending = runner.with_limits(lock_timeout_ms=200).up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6), ending.text
    assert runner.up().result.reason is Reason.SUCCEEDED
