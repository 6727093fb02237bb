"""Runners that are killed, stopped, cut off, or beside each other: done or not done, never both."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner import lock, transact, wire
from switchback.runner.ledger.names import Names
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from switchback.runner.plan import PlannedStep

SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep(60);"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0003_c", _0002_b_up=SLOW)
    return Runner(database, folder)


def until(condition: Callable[[], object], seconds: float = 15) -> float:
    """Wait until something holds; the seconds that it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it never came"
        time.sleep(0.02)
    return time.monotonic() - begun


def busy(runner: Runner, migration: str = "0002_b") -> int | None:
    """Pid of the server process that runs a migration."""
    rows = runner.query(
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() "
        f"AND application_name LIKE 'switchback {migration} %' AND wait_event = 'PgSleep'"
    )
    return rows[0][0] if rows else None


def alive(runner: Runner, pid: int) -> bool:
    return bool(runner.query(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"))


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def run(runner: Runner, *words: str) -> subprocess.Popen[str]:
    result = str(runner.folder.parent / "result")
    return runner.start("run", "--operation", "migrate", "--operation-id", "aa-1",
                        "--dir", str(runner.folder), "--result-file", result, *words)  # fmt: skip


def result(runner: Runner) -> dict[str, object]:
    lines = (runner.folder.parent / "result").read_text().splitlines()
    core: dict[str, object] = json.loads(lines[0])
    return core


def test_killed_runner_leaves_no_server_process(runner: Runner) -> None:
    process = run(runner)
    until(lambda: busy(runner))
    pid = busy(runner)
    assert pid is not None
    process.kill()
    took = until(lambda: not alive(runner, pid))
    assert took < 2
    end(process)
    assert runner.applied == ["0001_a"]
    assert runner.tables == {"t_0001_a"}


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_stopped_runner_rolls_back_and_says_so(runner: Runner, signum: int, code: int) -> None:
    process = run(runner)
    until(lambda: busy(runner))
    process.send_signal(signum)
    begun = time.monotonic()
    returned, said, told = end(process)
    assert time.monotonic() - begun < 3
    assert returned == code
    assert (said + told).count("what was under way was rolled back") == 1
    assert result(runner)["reason"] == "Interrupted"
    assert result(runner)["exit_code"] == code
    assert result(runner)["current"] == "0001_a"
    assert runner.applied == ["0001_a"]


def test_a_signal_that_comes_too_late_stops_nothing(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives with the last COMMIT: everything is applied, and that is what the result says."""
    write(runner.folder, _0002_b_up="SELECT 1;")
    finished = transact.Transactor.finished

    def late(self: transact.Transactor, step: PlannedStep, milliseconds: int | None) -> None:
        finished(self, step, milliseconds)
        if step.id == "0003_c":
            self.session.stop.signum = signal.SIGTERM

    monkeypatch.setattr(transact.Transactor, "finished", late)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_stopped_while_waiting_for_the_lock(runner: Runner) -> None:
    with psycopg.connect(runner.url, autocommit=True) as connection:
        assert lock.attempt(connection, lock.key(Names(), connection.info.dbname))
        process = run(runner)
        assert process.stdout is not None
        assert "Waiting for the lock" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert end(process)[0] == 143
    assert result(runner)["reason"] == "Interrupted"
    assert runner.tables == set()


def test_two_at_once_apply_everything_once(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="CREATE TABLE slow (id int);\nSELECT pg_sleep(1);")
    processes = [run(runner), run(runner)]
    endings = [end(process) for process in processes]
    assert [code for code, _, _ in endings] == [0, 0]
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    applied = sorted(out.count("applied  ") for _, out, _ in endings)
    assert applied == [0, 3]


def test_a_held_lock_is_named(runner: Runner) -> None:
    with psycopg.connect(runner.url, autocommit=True, application_name="switchback aa-1") as connection:
        assert lock.attempt(connection, lock.key(Names(), connection.info.dbname))
        pid = str(connection.info.backend_pid)
        other = runner.up(by="bb-1")
        assert (other.result.reason, other.result.exit_code) == (Reason.LOCK_TIMEOUT, 6)
        assert pid in other.result.message
        orphan = runner.up(by="aa-2")
        assert (orphan.result.reason, orphan.result.exit_code) == (Reason.ORPHAN_RUNNING, 6)
        assert pid in orphan.result.message
    assert runner.tables == set()


@pytest.mark.parametrize("at", ["0001_a", "0002_b", "0003_c"])
def test_connection_ended_in_the_middle(runner: Runner, at: str) -> None:
    write(runner.folder, _0002_b_up="CREATE TABLE slow (id int);")
    path = runner.folder / f"{at}.up.sql"
    path.write_text(path.read_text() + "SELECT pg_sleep(20);")
    endings = []
    thread = threading.Thread(target=lambda: endings.append(runner.up(by="aa-1")))
    thread.start()
    until(lambda: busy(runner, at))
    runner.query(f"SELECT pg_terminate_backend({busy(runner, at)})")
    thread.join(20)
    ending = endings[0]
    before = ["0001_a", "0002_b", "0003_c"][: ["0001_a", "0002_b", "0003_c"].index(at)]
    assert (ending.result.reason, ending.result.exit_code) == (Reason.CONNECTION_LOST, 7)
    assert "rolled back" in ending.result.message
    assert runner.applied == before
    assert ending.result.current == (before[-1] if before else "base")


def test_committed_although_the_reply_was_lost(runner: Runner) -> None:
    """The server process ends right after COMMIT, before it can say so: the ledger knows."""
    write(runner.folder, _0002_b_up="SELECT pg_terminate_backend(pg_backend_pid()) FROM t_0001_a;")
    runner.query("CREATE EXTENSION IF NOT EXISTS plpgsql")
    (runner.folder / "0003_c.up.sql").unlink()
    (runner.folder / "0003_c.down.sql").unlink()
    (runner.folder / "0002_b.up.sql").write_text(
        "CREATE FUNCTION bye() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;\n"
        "CREATE TABLE b (id int);\n"
        "CREATE CONSTRAINT TRIGGER bye AFTER INSERT ON b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION bye();\nINSERT INTO b VALUES (1);"
    )
    ending = runner.up()
    committed = "0002_b" in runner.applied
    assert ("b" in runner.tables) is committed
    assert ending.result.reason is (Reason.SUCCEEDED if committed else Reason.CONNECTION_LOST)
    assert (ending.result.current == "0002_b") is committed


def test_reply_lost_after_commit(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is committed, and the connection breaks before the first result arrives."""
    write(runner.folder, _0002_b_up="CREATE TABLE slow (id int);")
    exchange = wire.exchange

    def lossy(connection: object, text: str, *rest: object, **more: object) -> object:
        replies = list(exchange(connection, text, *rest, **more))  # type: ignore[arg-type]
        if "0001_a" in text and "COMMIT" in text:
            runner.query(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            raise wire.LostError("the reply was lost")
        return iter(replies)

    monkeypatch.setattr(wire, "exchange", lossy)
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "asking the ledger" in words.text
    assert [line for line in words.lines if line.startswith("Forward")] == [
        "Forward 0001_a", "Forward 0002_b", "Forward 0003_c",
    ]  # fmt: skip
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_outcome_unknown_when_nobody_can_say(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke, and the old server process still holds the lock: nobody runs beside it."""
    held: list[psycopg.Connection[tuple[object, ...]]] = []

    def cut(connection: psycopg.Connection[tuple[object, ...]], *_: object, **__: object) -> object:
        runner.query(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        other = psycopg.connect(runner.url, autocommit=True, application_name="switchback 0001_a aa-1")
        number = lock.key(Names(), other.info.dbname)
        until(lambda: lock.attempt(other, number))
        held.append(other)
        raise wire.LostError("cut")

    monkeypatch.setattr(wire, "exchange", cut)
    ending = runner.with_limits(settle=1.0).up(by="aa-1")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.OUTCOME_UNKNOWN, 13)
    assert str(held[0].info.backend_pid) in ending.result.message
    held[0].close()


def test_a_file_that_drops_the_lock(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="SELECT pg_advisory_unlock_all();")
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "gave up the lock" in words.text


def test_a_file_that_drops_the_lock_while_another_waits(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="SELECT pg_advisory_unlock_all(); SELECT pg_sleep(1.5);")
    taken = threading.Event()

    def other() -> None:
        with psycopg.connect(runner.url, autocommit=True) as connection:
            number = lock.key(Names(), connection.info.dbname)
            until(lambda: busy(runner))
            until(lambda: lock.attempt(connection, number))
            taken.set()
            time.sleep(3)

    thread = threading.Thread(target=other)
    thread.start()
    ending = runner.up()
    thread.join()
    assert taken.is_set()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.LOCK_TIMEOUT, 6)
    assert "gave up the lock" in ending.result.message
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_objects_locked_by_others_are_retried_and_their_holder_named(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="ALTER TABLE t_0001_a ADD COLUMN v int;")
    runner.up(target="0001_a")
    patient = runner.with_limits(lock_timeout_ms=1500, retries=1)
    with psycopg.connect(runner.url, application_name="a-cron-job") as connection:
        connection.execute(b"SELECT * FROM t_0001_a")
        ending, words = patient.told("migrate")
        assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6)
        assert f"pid {connection.info.backend_pid}" in ending.result.message
        assert "a-cron-job" in ending.result.message
        assert "t_0001_a" in ending.result.message
        assert "try 2 of 2" in words.text
    assert runner.applied == ["0001_a"]
    assert runner.up().result.reason is Reason.SUCCEEDED


def test_locks_that_are_freed_in_time(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="ALTER TABLE t_0001_a ADD COLUMN v int;")
    runner.up(target="0001_a")
    with psycopg.connect(runner.url) as connection:
        connection.execute(b"SELECT * FROM t_0001_a")
        timer = threading.Timer(0.8, connection.rollback)
        timer.start()
        ending = runner.with_limits(lock_timeout_ms=300, retries=10).up()
        timer.join()
    assert ending.result.reason is Reason.SUCCEEDED


def test_rows_are_waited_for_in_files_without_ddl(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="UPDATE t_0001_a SET id = 2;")
    runner.up(target="0001_a")
    runner.query("INSERT INTO t_0001_a VALUES (1)")
    with psycopg.connect(runner.url) as connection:
        connection.execute(b"UPDATE t_0001_a SET id = 1")
        timer = threading.Timer(1.0, connection.rollback)
        timer.start()
        ending = runner.with_limits(lock_timeout_ms=100, retries=0).up()
        timer.join()
    assert ending.result.reason is Reason.SUCCEEDED


def test_statement_timeout(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="-- switchback: statement-timeout=200ms\nSELECT 1;\nSELECT pg_sleep(30);")
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "0002_b.up.sql:3" in ending.result.message
    assert "57014" in ending.result.message


def test_progress_is_told_while_it_happens(runner: Runner) -> None:
    """What is committed is said while the next file runs, although both travel in one string."""
    process = run(runner)
    assert process.stdout is not None
    lines: list[str] = []
    thread = threading.Thread(target=lambda: lines.append(process.stdout.readline()))  # type: ignore[union-attr]
    thread.start()
    until(lambda: busy(runner))
    thread.join(5)
    assert lines == [lines[0]]
    assert lines[0].startswith("applied  0001_a")
    process.kill()
    process.communicate(timeout=10)
