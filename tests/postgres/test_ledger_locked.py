"""Somebody has locked the ledger between the statements of what runs without a transaction."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from tests.postgres.running import Runner, write
from tests.postgres.test_crash import end, until
from tests.postgres.test_python import ACCEPT, add
from tests.postgres.test_python_stopped import SLEEP, asleep

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"
HEAD = "transactional = False"
STOP_SECONDS = 8
"""Far below the 30 s of a pod."""
NAP = "connection.execute('SELECT pg_sleep(0.7)')"


@pytest.fixture
def runner(database: str, folder: Path, request: pytest.FixtureRequest) -> Runner:
    """A database with one migration, in Python for those tests."""
    made = Runner(database, folder)
    if request.cls is TestPython:
        add(made, "connection.execute('CREATE TABLE t_0001_a (id int)')", "0001_a.py")
    else:
        write(folder, "0001_a")
    assert made.up().error is None
    return made


@contextlib.contextmanager
def locked(runner: Runner, tables: str = "switchback.migrations") -> Iterator[psycopg.Connection[Any]]:
    """Nobody writes into the ledger; it can be read."""
    with psycopg.connect(runner.url, application_name="a-person") as person:
        person.execute(f"LOCK TABLE {tables} IN SHARE MODE".encode())
        yield person
        person.rollback()


def waiting(runner: Runner) -> bool:
    return bool(
        runner.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
            "AND application_name LIKE 'switchback%'"
        )
    )


def row(runner: Runner) -> list[tuple[Any, ...]]:
    return runner.query(
        "SELECT statements_done, statements_total, down_done FROM switchback.migrations WHERE id = '0002_b'"
    )


def stopped(process: subprocess.Popen[str]) -> str:
    """Send SIGTERM; what it said."""
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    code, out, err = end(process)
    assert time.monotonic() - begun < STOP_SECONDS
    assert code == 143, out + err
    assert "Traceback" not in out + err
    return out + err


@contextlib.contextmanager
def locked_meanwhile(runner: Runner) -> Iterator[None]:
    """Locked from the function's last statement on."""
    over = threading.Event()

    def lock() -> None:
        until(lambda: asleep(runner))
        with locked(runner):
            over.wait(30)

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class TestPython:
    """The function has run to its end, or has not begun."""

    @pytest.mark.parametrize("way", ["up", "down"])
    def test_what_has_run_to_its_end_is_not_said_to_have_failed(self, runner: Runner, way: str) -> None:
        body = f"connection.execute('CREATE TABLE t (id int)')\n{NAP}"
        add(runner, body, "0002_b.py", HEAD, down=f"connection.execute('DROP TABLE t')\n{NAP}")
        if way == "down":
            assert runner.up().error is None
        with locked_meanwhile(runner):
            wishes = {"accept": ACCEPT} if way == "down" else {}
            operation = "rollback" if way == "down" else "migrate"
            patient = runner.with_limits(lock_timeout_ms=1500, retries=1)
            ending, words = patient.told(operation, **wishes)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9), ending.text
        assert f"{way}() of 0002_b has run to its end, but that is not recorded" in ending.text
        assert "0002_b waits for the ledger: switchback.migrations is locked by pid" in words.text
        assert "a-person" in ending.text
        assert row(runner) == ([(0, 1, None)] if way == "up" else [(1, 1, 0)])
        assert ("t" in runner.tables) is (way == "up")
        repair = "--mark" if way == "up" else "--unmark"
        assert f"switchback repair {repair} 0002_b" in ending.advice
        done = runner.call("repair", repair, "0002_b", "--dir", str(runner.folder))
        assert done.returncode == 0, done.stderr
        assert row(runner) == ([(1, 1, None)] if way == "up" else [])

    def test_it_is_tried_again(self, runner: Runner) -> None:
        add(runner, f"connection.execute('CREATE TABLE t (id int)')\n{NAP}", "0002_b.py", HEAD)
        freed = threading.Event()

        def lock() -> None:
            until(lambda: asleep(runner))
            with locked(runner):
                until(lambda: waiting(runner))
                until(lambda: not waiting(runner))
            freed.set()

        thread = threading.Thread(target=lock)
        thread.start()
        ending = runner.with_limits(lock_timeout_ms=300, retries=10).up()
        thread.join()
        assert freed.is_set()
        assert ending.result.reason is Reason.SUCCEEDED, ending.text
        assert row(runner) == [(1, 1, None)]

    def test_stopped_after_its_end(self, runner: Runner) -> None:
        add(runner, f"connection.execute('CREATE TABLE t (id int)')\n{NAP}", "0002_b.py", HEAD)
        process = runner.start("migrate", "--dir", str(runner.folder), "--lock-timeout", "0")
        until(lambda: asleep(runner))
        with locked(runner):
            until(lambda: waiting(runner))
            said = stopped(process)
        assert "has run to its end, but that is not recorded" in said
        assert "repair --mark 0002_b" in said
        assert row(runner) == [(0, 1, None)]

    def test_stopped_before_anything_ran(self, runner: Runner) -> None:
        """Its record cannot be taken away: that does not turn the signal into something else."""
        add(runner, f"with connection.transaction():\n    {SLEEP}", "0002_b.py", HEAD)
        process = runner.start("migrate", "--dir", str(runner.folder), "--lock-timeout", "0")
        until(lambda: asleep(runner))
        with locked(runner):
            said = stopped(process)
        assert "The next run runs it again from its start." in said
        assert row(runner) == [(0, 1, None)]

    def test_stopped_before_it_was_called(self, runner: Runner) -> None:
        add(runner, "connection.execute('CREATE TABLE t (id int)')", "0002_b.py", HEAD)
        with locked(runner):
            process = runner.start("migrate", "--dir", str(runner.folder), "--lock-timeout", "0")
            until(lambda: waiting(runner))
            stopped(process)
        assert (row(runner), "t" in runner.tables) == ([], False)

    def test_it_is_not_called(self, runner: Runner) -> None:
        add(runner, "connection.execute('CREATE TABLE t (id int)')", "0002_b.py", HEAD)
        with locked(runner):
            ending = runner.with_limits(lock_timeout_ms=100, retries=1).up()
        assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6), ending.text
        assert "0002_b could not be recorded in the ledger in 2 tries" in ending.text
        assert (row(runner), "t" in runner.tables) == ([], False)


class TestSql:
    """Statements that run alone."""

    def test_stopped_while_it_is_recorded(self, runner: Runner) -> None:
        """What was waited for does not begin after the signal."""
        write(runner.folder, _0002_b_up=f"{MARK}VACUUM t_0001_a;", _0002_b_down="SELECT 1;")
        with locked(runner, "switchback.events"):
            process = runner.start("migrate", "--dir", str(runner.folder), "--lock-timeout", "0")
            until(lambda: waiting(runner))
            stopped(process)
        assert row(runner) == []
        assert runner.query(
            "SELECT count(last_vacuum) FROM pg_stat_user_tables WHERE relname = 't_0001_a'"
        ) == [(0,)]

    def test_it_does_not_begin(self, runner: Runner) -> None:
        write(runner.folder, _0002_b_up=f"{MARK}VACUUM t_0001_a;", _0002_b_down="SELECT 1;")
        with locked(runner):
            ending, words = runner.with_limits(lock_timeout_ms=1500, retries=1).told("migrate")
        assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6), ending.text
        assert "0002_b waits for the ledger: switchback.migrations is locked by pid" in words.text
        assert (
            "0002_b could not be recorded in the ledger in 2 tries: switchback.migrations is" in ending.text
        )
        assert row(runner) == []
        assert runner.up().error is None

    def test_it_has_run_and_is_not_counted(self, runner: Runner) -> None:
        runner.query(
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE IF NOT EXISTS b (id int); "
            "COMMIT; PERFORM pg_sleep(0.7); END $$"
        )
        write(runner.folder, _0002_b_up=f"{MARK}CALL p();\nSELECT 1;", _0002_b_down="SELECT 1;")
        with locked_meanwhile(runner):
            ending = runner.with_limits(lock_timeout_ms=300, retries=1).up()
        assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6), ending.text
        assert "0 of 2 statements are counted as done, and the next one has run, too." in ending.text
        assert row(runner) == [(0, 2, None)]
        assert runner.up().error is None
        assert row(runner) == [(2, 2, None)]
