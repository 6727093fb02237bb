"""SIGTERM, as a pod gets it 30 seconds before SIGKILL: whatever is under way ends, and the result says so."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner import lock
from switchback.runner.ledger.names import Names
from tests.postgres.jobs import job, result_of, started, words_of
from tests.postgres.running import Runner, write
from tests.postgres.test_crash import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchback.contract.result import Result

GRACE_SECONDS = 8
"""Far below the 30 s of a pod, and far above what a busy machine needs."""


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    return Runner(database, folder)


def ours(runner: Runner, condition: str = "true") -> list[tuple[object, ...]]:
    """Server processes of runs, but for those that only look."""
    return runner.query(
        "SELECT pid, state, wait_event_type, wait_event, query FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'switchback %' "
        f"AND application_name NOT LIKE 'switchback observe %' AND ({condition})"
    )


def stop(runner: Runner, process: subprocess.Popen[str]) -> tuple[Result, str]:
    """Send SIGTERM; the result, and what was said."""
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    out, err = process.communicate(timeout=30)
    took = time.monotonic() - begun
    assert took < GRACE_SECONDS, f"it took {took:.1f} s"
    assert process.returncode == 143, out + err
    assert "Traceback" not in err
    found = result_of(runner)
    assert (found.reason, found.exit_code) == (Reason.INTERRUPTED, 143)
    until(lambda: not ours(runner))
    return found, out + err


@contextlib.contextmanager
def holding(runner: Runner, statement: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session in whose transaction a statement has run."""
    with psycopg.connect(runner.url) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


def test_a_long_statement_in_a_batch(runner: Runner) -> None:
    write(runner.folder, "0003_c", _0002_b_up="CREATE TABLE slow (id int);\nSELECT pg_sleep(600);")
    process = started(runner, "migrate")
    until(lambda: ours(runner, "wait_event = 'PgSleep'"))
    found, _ = stop(runner, process)
    assert (found.current, runner.applied, runner.tables) == ("0001_a", ["0001_a"], {"t_0001_a"})


def test_waiting_for_another_run(runner: Runner) -> None:
    with psycopg.connect(runner.url, autocommit=True) as connection:
        assert lock.attempt(connection, lock.key(Names(), connection.info.dbname))
        process = started(runner, "migrate", "--advisory-lock-timeout-seconds", "600")
        assert process.stdout is not None
        assert "Waiting for the lock" in process.stdout.readline()
        stop(runner, process)
    assert runner.tables == set()


def test_waiting_for_a_table(runner: Runner) -> None:
    runner.up()
    write(runner.folder, _0002_b_up="CREATE TABLE b (id int);\nALTER TABLE t_0001_a ADD COLUMN v int;")
    with holding(runner, "SELECT * FROM t_0001_a"):
        process = started(runner, "migrate", "--lock-timeout-seconds", "600")
        until(lambda: ours(runner, "wait_event_type = 'Lock'"))
        stop(runner, process)
        runner.query("SELECT * FROM t_0001_a")
    assert (runner.applied, runner.tables) == (["0001_a"], {"t_0001_a"})


def test_between_two_tries(runner: Runner) -> None:
    """Nothing is held and nothing runs: only the pause has to end."""
    runner.up()
    write(runner.folder, _0002_b_up="ALTER TABLE t_0001_a ADD COLUMN v int;")
    with holding(runner, "SELECT * FROM t_0001_a"):
        process = started(runner, "migrate", "--lock-timeout-seconds", "0.05")
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("try 5 of 11" in line for line in lines), "by now the pauses take seconds"
        assert not ours(runner, "state <> 'idle'")
        stop(runner, process)
    assert runner.applied == ["0001_a"]


def test_an_index_that_is_built_concurrently(runner: Runner) -> None:
    runner.up()
    write(
        runner.folder,
        _0002_b_up="-- switchback: no-transaction\nCREATE INDEX CONCURRENTLY i ON t_0001_a (id);",
        _0002_b_down="DROP INDEX i;",
    )
    with holding(runner, "INSERT INTO t_0001_a VALUES (1)"):
        process = started(runner, "migrate")
        until(lambda: ours(runner, "query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"))
        found, _ = stop(runner, process)
    assert "rolled back" not in found.message, "that is not what has happened to it"
    assert "clears away" in found.message
    done = job(runner, "migrate")
    assert (done.reason, done.current) == (Reason.SUCCEEDED, "0002_b")
    assert runner.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [(True,)]


def test_a_file_without_a_transaction(runner: Runner) -> None:
    write(
        runner.folder,
        _0002_b_up="-- switchback: no-transaction\nCREATE TABLE one (id int);\nSELECT pg_sleep(600);\n"
        "CREATE TABLE two (id int);",
    )
    process = started(runner, "migrate")
    until(lambda: ours(runner, "wait_event = 'PgSleep'"))
    found, _ = stop(runner, process)
    assert "0002_b" in found.message
    assert "1 of 3 statements" in found.message
    assert "rolled back" not in found.message
    assert runner.query("SELECT statements_done, statements_total FROM switchback.migrations "
                        "WHERE id = '0002_b'") == [(1, 3)]  # fmt: skip
    write(runner.folder, _0002_b_up="-- switchback: no-transaction\nCREATE TABLE one (id int);\nSELECT 1;\n"
          "CREATE TABLE two (id int);")  # fmt: skip
    assert job(runner, "migrate").reason is Reason.SUCCEEDED
    assert {"one", "two"} <= runner.tables


def test_a_file_without_a_transaction_at_its_first_statement(runner: Runner) -> None:
    write(runner.folder, _0002_b_up="-- switchback: no-transaction\nSELECT pg_sleep(600);")
    process = started(runner, "migrate")
    until(lambda: ours(runner, "wait_event = 'PgSleep'"))
    found, _ = stop(runner, process)
    assert "rolled back" in found.message
    assert runner.applied == ["0001_a"]


def test_a_rollback_gives_its_reservation_back(runner: Runner) -> None:
    write(runner.folder, "0002_b", _0002_b_down="DROP TABLE t_0002_b;\nSELECT pg_sleep(600);")
    runner.up()
    words = ("--target", "1", "--accept", "Unknown")
    assert job(runner, "reserve", *words).reason is Reason.SUCCEEDED
    process = started(runner, "rollback", *words)
    until(lambda: ours(runner, "wait_event = 'PgSleep'"))
    stop(runner, process)
    assert runner.applied == ["0001_a", "0002_b"]
    assert runner.query("SELECT reserved_by FROM switchback.meta") == [(None,)]


EARLY = """
import os, signal, sys
from switchback.cli import main
class Finder:
    def find_spec(self, name, *_):
        if name == "switchback.cli.run_work":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
main.main()
"""
"""The signal comes while the driver is being imported, which is most of a start."""


def test_a_signal_while_the_program_starts(runner: Runner) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY, *words_of(runner, "migrate")], env=runner.environment(), text=True,
        capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 143, done.stderr
    assert result_of(runner).reason is Reason.INTERRUPTED
    assert runner.tables == set()


def test_connecting_to_a_host_that_does_not_answer(runner: Runner) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        where = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=60"
        process = Runner(where, runner.folder).start(
            "run", "--operation", "migrate", "--operation-id", "aa-1", "--dir", str(runner.folder),
            "--result-file", str(runner.folder.parent / "result"),
        )  # fmt: skip
        connection, _ = silent.accept()
        with connection:
            stop(runner, process)


def test_a_network_that_is_gone(runner: Runner) -> None:
    """Neither statement nor cancel gets through: the run ends in time, and says that it does not know."""
    write(runner.folder, _0002_b_up="CREATE TABLE slow (id int);\nSELECT pg_sleep(40);")
    with Wire(psycopg.conninfo.conninfo_to_dict(runner.url)) as wire:
        through = Runner(wire.url(runner.url), runner.folder)
        process = started(through, "migrate")
        until(lambda: ours(runner, "wait_event = 'PgSleep'"))
        wire.cut.set()
        time.sleep(2.5)  # by now it looks who blocks it, and gets no answer either
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        process.communicate(timeout=30)
        assert time.monotonic() - begun < 22
    found = result_of(runner)
    assert (found.reason, found.exit_code) == (Reason.OUTCOME_UNKNOWN, 13)


class Wire:
    """Passes bytes on until it is cut; then it takes them, and connections, and is silent."""

    def __init__(self, server: dict[str, object]) -> None:
        self.server = (str(server["host"]), int(str(server["port"])))
        self.cut = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))

    def url(self, text: str) -> str:
        return text.replace(f":{self.server[1]}/", f":{self._listener.getsockname()[1]}/")

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                if self.cut.is_set():
                    continue
                far = socket.create_connection(self.server)
                self._sockets.append(far)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.cut.is_set():
                    return
                sink.sendall(data)
