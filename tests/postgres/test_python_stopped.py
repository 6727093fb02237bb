"""Functions that are stopped, killed or cut off, and what they print meanwhile."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner import transact, wire
from switchback.runner.bundle import GUARD
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner
from tests.postgres.test_crash import alive, end, until
from tests.postgres.test_python import ACCEPT, add

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

TABLE = "connection.execute('CREATE TABLE t (id int)')"
SLEEP = "connection.execute('SELECT pg_sleep(60)')"
COMPUTE = "open({mark!r}, 'w').close()\nwhile True: sum(range(1000))"
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def asleep(runner: Runner) -> int | None:
    """Pid of the server process that runs a migration's pg_sleep."""
    rows = runner.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep' "
        "AND application_name LIKE 'switchback 000%'"
    )
    return rows[0][0] if rows else None


def start(runner: Runner, *words: str) -> subprocess.Popen[str]:
    return runner.start("migrate", "--dir", str(runner.folder), *words)


@pytest.mark.parametrize("signum", CODES, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("swallows", [False, True], ids=["lets it pass", "swallows it"])
def test_a_signal_cancels_its_statement(runner: Runner, signum: int, swallows: bool) -> None:  # noqa: FBT001 - two cases
    body = f"{TABLE}\n{SLEEP}"
    if swallows:
        again = "\ntry:\n    connection.execute('CREATE TABLE again ()')\nexcept BaseException:\n    pass"
        body = f"{TABLE}\ntry:\n    {SLEEP}\nexcept BaseException:\n    pass{again}"
    add(runner, body, "0001_a.py")
    process = start(runner)
    until(lambda: asleep(runner))
    process.send_signal(signum)
    begun = time.monotonic()
    code, out, err = end(process)
    assert time.monotonic() - begun < 8
    assert code == CODES[signal.Signals(signum)], err
    assert "what was under way was rolled back" in out + err
    assert "Traceback" not in err
    assert (runner.applied, runner.tables) == ([], set())


ROWS = """\
def rows():
    open({mark!r}, 'w').close()
    while True: sum(range(1000))
    yield
connection.cursor().executemany('INSERT INTO t VALUES (%s)', rows())"""
COPY = """\
with connection.transaction(), connection.cursor().copy('COPY t FROM STDIN') as copy:
    open({mark!r}, 'w').close()
    while True: copy.write_row((1,))"""


@pytest.mark.parametrize(
    "body",
    [
        COMPUTE,
        "try:\n    " + COMPUTE.replace("\n", "\n    ") + "\nexcept BaseException:\n    pass",
        "import time\nopen({mark!r}, 'w').close()\ntime.sleep(60)",
        ROWS,
        COPY,
    ],
    ids=["computes", "computes and swallows", "sleeps", "makes up rows", "COPY"],
)
def test_a_signal_ends_what_is_no_statement(runner: Runner, body: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    add(runner, f"{TABLE}\n{body.format(mark=str(mark))}", "0001_a.py")
    process = start(runner)
    until(mark.exists)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    code, _, err = end(process)
    assert time.monotonic() - begun < 8
    assert code == 143, err
    assert "Traceback" not in err
    assert (runner.applied, runner.tables) == ([], set())


STUBBORN = """\
while True:
    try:
        open({mark!r}, 'a').close()
        sum(range(10**6))
    except BaseException:
        pass"""


def test_a_second_signal_ends_at_once(runner: Runner, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    body = STUBBORN
    add(runner, f"{TABLE}\n{body.format(mark=str(mark))}", "0001_a.py")
    process = start(runner)
    until(mark.exists)
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 143
    until(
        lambda: (
            not runner.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'switchback 0001%'")
        )
    )
    assert (runner.applied, runner.tables) == ([], set())


@pytest.mark.parametrize("direction", ["migrate", "rollback"])
def test_killed_in_the_middle(runner: Runner, direction: str) -> None:
    add(runner, f"{TABLE}\n{SLEEP}", "0001_a.py", down=f"connection.execute('DROP TABLE t')\n{SLEEP}")
    if direction == "rollback":
        text = (runner.folder / "0001_a.py").read_text()
        (runner.folder / "0001_a.py").write_text(text.replace(SLEEP, "pass", 1))
        runner.up()
    before = (runner.applied, runner.tables) if direction == "rollback" else ([], set())
    words = ("--accept-data-loss",) if direction == "rollback" else ()
    process = runner.start(direction, "--dir", str(runner.folder), *words)
    until(lambda: asleep(runner))
    pid = asleep(runner)
    assert pid is not None
    process.kill()
    end(process)
    until(lambda: not alive(runner, pid))
    assert (runner.applied, runner.tables) == before
    text = (runner.folder / "0001_a.py").read_text()
    (runner.folder / "0001_a.py").write_text(text.replace(SLEEP, "pass"))
    ending = runner.up() if direction == "migrate" else runner.down(accept=ACCEPT, down_from=DownFrom.FILE)
    assert ending.error is None, ending.text


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize("by", ["itself", "somebody"])
def test_the_connection_is_cut(runner: Runner, by: str, swallows: bool) -> None:  # noqa: FBT001 - two cases
    call = "connection.execute('SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(9)')"
    call = SLEEP if by == "somebody" else call
    if swallows:
        call = f"try:\n    {call}\nexcept Exception:\n    pass"
    add(runner, f"{TABLE}\n{call}", "0001_a.py")
    cutting = threading.Thread(target=_cut, args=(runner,)) if by == "somebody" else threading.Thread()
    cutting.start()
    ending = runner.up()
    cutting.join()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.CONNECTION_LOST, 7)
    assert "The ledger shows that it was rolled back." in ending.text
    assert (runner.applied, runner.tables) == ([], set())


def _cut(runner: Runner) -> None:
    until(lambda: asleep(runner))
    runner.query(f"SELECT pg_terminate_backend({asleep(runner)})")


@pytest.mark.parametrize("committed", [True, False])
def test_the_last_reply_is_lost(runner: Runner, monkeypatch: pytest.MonkeyPatch, committed: bool) -> None:  # noqa: FBT001 - two cases
    add(runner, TABLE, "0001_a.py")
    exchange = wire.exchange

    def lossy(connection: Any, text: str, *rest: Any) -> Any:
        if "COMMIT;" in text:
            if committed:
                list(exchange(connection, text, *rest))
            connection.close()
            raise wire.LostError("the cable was cut")
        yield from exchange(connection, text, *rest)

    monkeypatch.setattr(wire, "exchange", lossy)
    ending = runner.up()
    assert ending.result.reason is (Reason.SUCCEEDED if committed else Reason.CONNECTION_LOST), ending.text
    assert runner.applied == (["0001_a"] if committed else [])
    assert runner.tables == ({"t"} if committed else set())


COMMIT = "connection.pgconn.exec_(b'COMMIT')"
KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"


def test_killed_after_a_commit_that_nobody_saw(runner: Runner) -> None:
    """Whoever calls libpq himself passes everything; the ledger still does not say that all is done."""
    add(runner, f"{TABLE}\n{COMMIT}\n{KILL}", "0001_a.py", down="connection.execute('DROP TABLE t')")
    process = start(runner)
    assert end(process)[0] == -signal.SIGKILL
    until(lambda: not ours(runner))
    assert runner.tables == {"t"}
    assert runner.query("SELECT statements_done, statements_total FROM switchback.migrations") == [(0, 1)]
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "0001_a is applied in part (0 of 1 statements)" in ending.text


def test_killed_after_a_commit_on_the_way_back(runner: Runner) -> None:
    drop = "connection.execute('DROP TABLE t')"
    add(runner, TABLE, "0001_a.py", down=f"{drop}\n{COMMIT}\n{KILL}")
    assert runner.up().error is None
    process = runner.start("rollback", "--dir", str(runner.folder), "--accept-data-loss")
    assert end(process)[0] == -signal.SIGKILL
    until(lambda: not ours(runner))
    assert runner.tables == set()
    assert runner.query("SELECT id, down_done FROM switchback.migrations") == [("0001_a", 0)]
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "0001_a is rolled back in part" in ending.text
    assert "repair --unmark 0001_a" in ending.advice
    cut = "connection.execute('CREATE TABLE n (); COMMIT; SELECT pg_terminate_backend(pg_backend_pid())')"
    add(runner, TABLE, "0001_a.py", down=cut)
    again = runner.down(accept=ACCEPT, down_from=DownFrom.FILE)
    assert again.result.reason is Reason.FAILED_PARTLY, again.text
    assert "0001_a is rolled back in part" in again.text
    assert runner.tables == set(), "what ran in part does not run again from its start"


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_commit_that_nobody_saw_and_a_cut_in_ours(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The guard would have failed, and nobody has heard of it."""
    again = f"{COMMIT}\nconnection.pgconn.exec_(b'BEGIN')"
    up = f"{TABLE}\n{again}" if way == "up" else TABLE
    add(runner, up, "0001_a.py", down=f"connection.execute('DROP TABLE t')\n{again}")
    if way == "down":
        assert runner.up().error is None
    exchange = wire.exchange

    def lossy(connection: Any, text: str, *rest: Any, **more: Any) -> Any:
        if GUARD in text:
            list(exchange(connection, text, *rest, **more))
            connection.close()
            raise wire.LostError("the cable was cut")
        yield from exchange(connection, text, *rest, **more)

    monkeypatch.setattr(wire, "exchange", lossy)
    ending = runner.up() if way == "up" else runner.down(accept=ACCEPT)
    assert ending.result.reason is Reason.FAILED_PARTLY, ending.text
    assert ending.result.done == 0
    assert "ended the transaction that keeps it and its record together" in ending.text


def ours(runner: Runner) -> bool:
    return bool(
        runner.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE 'switchback%'"
        )
    )


def test_what_it_says_goes_to_stderr_with_its_id(runner: Runner) -> None:
    body = """
import logging, os, subprocess, sys, warnings
print("one\\ntwo", end="")
print(" and a half")
logging.info("read %s rows", 3)
logging.getLogger("deep.down").warning("careful")
logging.error("%d", "no number")
sys.stderr.write("three\\n")
sys.stdout.buffer.write(b"raw \\xff\\n")
print("\\ud800", os.environ["DATABASE_URL"])
subprocess.run(["echo", "from a process of its own"], check=True)
warnings.warn("old")
connection.execute("DO $$ BEGIN RAISE NOTICE 'from the server'; END $$")
print("no end", end="")
"""
    add(runner, body, "0001_a.py")
    said = runner.call("migrate", "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["reason"] == "Succeeded"
    told = said.stderr.splitlines()
    for line in (
        "one",
        "two and a half",
        "INFO read 3 rows",
        "WARNING careful",
        "three",
        "raw \ufffd",
        "no end",
    ):
        assert f"0001_a: {line}" in told
    assert "from a process of its own" in told
    assert "0001_a: a log record could not be written: '%d'" in told
    assert any(line.startswith("0001_a: \\ud800 ") and "***" in line for line in told)
    assert "canary" not in said.stderr
    assert "Traceback" not in said.stderr
    assert any("from the server" in line for line in told)
    plain = runner.call("status")
    assert "0001_a: " not in plain.stdout + plain.stderr


def test_what_it_raises_is_without_secrets(runner: Runner) -> None:
    add(runner, "import os\nraise ValueError(os.environ['DATABASE_URL'] + ' is the url')", "0001_a.py")
    for words in ((), ("--json",)):
        said = runner.call("migrate", *words)
        assert said.returncode == 8
        assert "is the url" in said.stderr
        assert "canary" not in said.stdout + said.stderr


def test_streams_and_logging_are_as_before(runner: Runner) -> None:
    import logging  # noqa: PLC0415 - what the module is about to change

    before = sys.stdout, sys.stderr, sys.stdin, logging.getLogger().handlers[:], logging.getLogger().level
    handlers = {signum: signal.getsignal(signum) for signum in CODES}
    body = "import logging, signal\nlogging.getLogger().setLevel(5)\nlogging.getLogger().handlers.clear()\n"
    body += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nraise ValueError"
    add(runner, body, "0001_a.py")
    assert runner.up().result.reason is Reason.SQL_FAILED
    assert before == (
        sys.stdout, sys.stderr, sys.stdin, logging.getLogger().handlers[:], logging.getLogger().level,
    )  # fmt: skip
    assert handlers == {signum: signal.getsignal(signum) for signum in CODES}


def test_a_question_gets_no_answer(runner: Runner) -> None:
    add(runner, "input('Sure? ')", "0001_a.py")
    assert "0001_a fails: EOFError" in runner.up().text


def _let_go(runner: Runner, holder: psycopg.Connection[Any]) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until(lambda: runner.query(waiting), 30)
    time.sleep(3)
    holder.rollback()


def test_that_it_is_running_is_told(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transact, "TELL_EVERY_SECONDS", 2)
    add(runner, TABLE, "0001_a.py")
    runner.up()
    add(
        runner,
        "import time\ntime.sleep(2.5)\nconnection.execute('LOCK TABLE t')",
        "0002_b.py",
        "# switchback: lock-timeout=0\n",
    )
    with psycopg.connect(runner.url) as connection:
        connection.execute("LOCK TABLE t")
        giving_way = threading.Thread(target=_let_go, args=(runner, connection))
        giving_way.start()
        ending, words = runner.told("migrate")
        giving_way.join()
    assert ending.error is None, ending.text
    assert "0002_b is running for 2 s." in words.lines
    assert re.search(r"^0002_b is running for \d+ s; t is locked by pid ", words.text, re.MULTILINE), (
        words.text
    )
