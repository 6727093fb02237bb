"""The server crashes while a string of transactions is under way: nothing is told as applied that is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from tests.postgres.running import QUICK, Runner, write
from tests.postgres.servers import DEBIAN_15, STOP_SECONDS, embedded_18, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchback.runner.operations.perform import Ending
    from tests.postgres.running import Words
    from tests.postgres.servers import Server

FIRST = tuple(f"000{number}_t" for number in range(1, 6))
UNTIL = 30.0


@pytest.fixture(params=["18", "15"])
def careful(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that waits for its disk where it is asked to, and else writes as late as it can."""
    programs = DEBIAN_15 if request.param == "15" else embedded_18()
    if not (programs / "postgres").exists():
        pytest.skip(f"there is no PostgreSQL {request.param}")
    with running(programs, synchronous_commit="on", wal_writer_delay="10s") as server:
        yield server


def crash(server: Server) -> None:
    """End it as a failing machine would: nothing is written any more."""
    assert server.process is not None
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(STOP_SECONDS)
    server.start()


def committed(runner: Runner) -> list[str]:
    with contextlib.suppress(psycopg.Error):
        return [row[0] for row in runner.query("SELECT id FROM switchback.migrations ORDER BY position")]
    return []


def wait_for(runner: Runner, ids: tuple[str, ...]) -> None:
    deadline = time.monotonic() + UNTIL
    while committed(runner) != list(ids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_crash_undoes_is_not_told_as_applied(careful: Server, folder: Path) -> None:
    runner = Runner(careful.url(careful.create_database()), folder, QUICK)
    write(folder, *FIRST, _0006_six_up="SELECT pg_sleep(60);", _0006_six_down="SELECT 1;")
    endings: list[tuple[Ending, Words]] = []
    pid = runner.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")[0][0]
    os.kill(pid, signal.SIGSTOP)  # it would write now and then what no commit waits for
    thread = threading.Thread(target=lambda: endings.append(runner.told(Operation.MIGRATE)))
    thread.start()
    wait_for(runner, FIRST)
    crash(careful)
    thread.join(UNTIL)
    (ending, words), left = endings[0], committed(runner)
    assert ending.result.reason is Reason.CONNECTION_LOST, words.text
    assert ending.result.done == len(left)
    assert len(left) < len(FIRST), "nothing was lost: this test has shown nothing"
    for lost in FIRST[len(left) :]:
        assert (
            lost
            in words.text.split("warning: The server crashed before it had written ")[1].split(" to its")[0]
        )
    tables = runner.query(
        "SELECT relname FROM pg_class WHERE relname LIKE 't\\_00%' AND relkind = 'r' ORDER BY 1"
    )
    assert [name for (name,) in tables] == [f"t_{each}" for each in left]
    write(folder, _0006_six_up="SELECT 1;")
    assert runner.up().error is None


def test_what_is_committed_before_a_failure_survives_a_crash_after_it(careful: Server, folder: Path) -> None:
    runner = Runner(careful.url(careful.create_database()), folder, QUICK)
    write(folder, *FIRST, _0006_six_up="SELECT 1 / 0;", _0006_six_down="SELECT 1;")
    ending = runner.up()
    assert ending.result.done == len(FIRST)
    crash(careful)
    assert committed(runner) == list(FIRST)


def test_what_is_committed_before_a_signal_survives_a_crash_after_it(careful: Server, folder: Path) -> None:
    """The signal has cancelled what was under way; what makes the rest sure comes after it, and is not."""
    runner = Runner(careful.url(careful.create_database()), folder, QUICK)
    write(folder, *FIRST, _0006_six_up="SELECT pg_sleep(60);", _0006_six_down="SELECT 1;")
    writer = runner.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")[0][0]
    os.kill(writer, signal.SIGSTOP)
    with runner.start("migrate", "--dir", str(folder)) as process:
        wait_for(runner, FIRST)
        with psycopg.connect(runner.url) as person:  # so that it takes a moment
            person.execute("SELECT FROM switchback.meta FOR UPDATE")
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
            person.rollback()  # a commit would make all before it sure
        out, err = process.communicate(timeout=UNTIL)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "may not be on the server's disk" not in out + err
    crash(careful)
    assert committed(runner) == list(FIRST)


def test_that_nobody_can_make_it_sure_is_said(careful: Server, folder: Path) -> None:
    runner = Runner(careful.url(careful.create_database()), folder, QUICK)
    write(folder, *FIRST, _0006_six_up="SELECT pg_sleep(1.5);\nSELECT 1 / 0;", _0006_six_down="SELECT 1;")
    endings: list[tuple[Ending, Words]] = []
    thread = threading.Thread(target=lambda: endings.append(runner.told(Operation.MIGRATE)))
    thread.start()
    wait_for(runner, FIRST)
    with psycopg.connect(runner.url) as person:
        person.execute("SELECT FROM switchback.meta FOR UPDATE")
        thread.join(UNTIL)
    ending, words = endings[0]
    assert ending.result.reason is Reason.SQL_FAILED, ending.text
    assert "warning: What was committed last may not be on the server's disk yet" in words.text


def test_what_a_run_has_done_survives_a_crash_after_it(careful: Server, folder: Path) -> None:
    runner = Runner(careful.url(careful.create_database()), folder, QUICK)
    write(folder, *FIRST)
    assert runner.up().error is None
    crash(careful)
    assert committed(runner) == list(FIRST)


@pytest.mark.parametrize("word", ["SET", "SET LOCAL"])
def test_a_file_has_no_say_in_what_happens_to_others(careful: Server, folder: Path, word: str) -> None:
    """The last one of a string, on whose commit all rely, would not wait."""
    runner = Runner(careful.url(careful.create_database()), folder, QUICK)
    write(folder, *FIRST, _0006_six_up=f"{word} synchronous_commit = off; SELECT 1;")
    pid = runner.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")[0][0]
    os.kill(pid, signal.SIGSTOP)
    assert runner.up().error is None
    crash(careful)
    assert committed(runner) == [*FIRST, "0006_six"]
