"""`transactional = False`: first the record, then the function; after a crash again from its start."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner import wire
from tests.postgres.running import Runner
from tests.postgres.test_crash import alive, end, until
from tests.postgres.test_python import ACCEPT, add
from tests.postgres.test_python_failing import give_way
from tests.postgres.test_python_stopped import SLEEP, asleep, start

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "transactional = False"
ONCE = """\
connection.execute('CREATE TABLE IF NOT EXISTS t (id int)')
connection.execute('INSERT INTO t VALUES (1)')"""


INSIDE = "with connection.transaction():\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def rows(runner: Runner) -> list[tuple[Any, ...]]:
    return runner.query("SELECT statements_done, statements_total, duration_ms FROM switchback.migrations")


def rewrite(runner: Runner, old: str, new: str) -> None:
    path = runner.folder / "0001_a.py"
    path.write_text(path.read_text().replace(old, new))


def test_there_and_back(runner: Runner) -> None:
    body = """
assert connection.autocommit
connection.execute('CREATE TABLE t (id int)')
connection.execute('CREATE INDEX CONCURRENTLY i ON t (id)')
connection.execute('VACUUM t')
with connection.transaction():
    connection.execute('INSERT INTO t VALUES (1)')
    with connection.transaction(force_rollback=True):
        connection.execute('INSERT INTO t VALUES (2)')
with connection.transaction(), connection.cursor('far') as far:
    far.execute('SELECT id FROM t')
    assert far.fetchall() == [(1,)]
assert connection.execute("SELECT statements_done FROM switchback.migrations").fetchall() == [(0,)]
assert connection.execute("SHOW application_name").fetchone()[0].startswith('switchback 0001_a ')
"""
    add(runner, body, "0001_a.py", HEAD, down="connection.execute('DROP TABLE t')")
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.error is None, ending.text
    assert words.lines == ["Forward 0001_a"]
    ((done, total, spent),) = rows(runner)
    assert (done, total) == (1, 1)
    assert spent > 0
    assert runner.query("SELECT directives FROM switchback.migrations") == [("no-transaction",)]
    ending = runner.down(accept=ACCEPT)
    assert ending.error is None, ending.text
    assert (runner.applied, runner.tables) == ([], set())
    kinds = runner.query("SELECT kind FROM switchback.events WHERE migration_id = '0001_a' ORDER BY seq")
    assert kinds == [("Begun",), ("Applied",), ("Begun",), ("RolledBack",)]


@pytest.mark.parametrize(
    "call", ["connection.commit()", "connection.rollback()", "connection.autocommit = False"]
)
def test_the_same_is_refused(runner: Runner, call: str) -> None:
    add(runner, call, "0001_a.py", HEAD)
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "NotSupportedError" in ending.text
    assert runner.applied == []


def test_killed_in_the_middle_it_runs_again_from_its_start(runner: Runner) -> None:
    add(runner, f"{ONCE}\n{SLEEP}", "0001_a.py", HEAD, down=f"connection.execute('TRUNCATE t')\n{SLEEP}")
    process = start(runner)
    until(lambda: asleep(runner))
    pid = asleep(runner)
    assert pid is not None
    process.kill()
    end(process)
    until(lambda: not alive(runner, pid))
    assert rows(runner) == [(0, 1, None)]
    assert runner.query("SELECT * FROM t") == [(1,)]
    assert "0001_a" in runner.call("status").stdout
    rewrite(runner, SLEEP, "pass")
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.error is None, ending.text
    assert words.lines[0] == "0001_a: an earlier run did not come to its end; it runs again from its start."
    assert words.lines[-1] == "Forward 0001_a"
    assert runner.query("SELECT * FROM t") == [(1,), (1,)]
    assert rows(runner)[0][:2] == (1, 1)
    assert runner.up().result.reason is Reason.UP_TO_DATE


def test_killed_in_the_middle_of_the_way_back(runner: Runner) -> None:
    add(runner, ONCE, "0001_a.py", HEAD, down=f"connection.execute('TRUNCATE t')\n{SLEEP}")
    runner.up()
    process = runner.start("rollback", "--dir", str(runner.folder), "--accept-data-loss")
    until(lambda: asleep(runner))
    pid = asleep(runner)
    assert pid is not None
    process.kill()
    end(process)
    until(lambda: not alive(runner, pid))
    assert runner.query("SELECT down_done FROM switchback.migrations") == [(0,)]
    process = runner.start("rollback", "--dir", str(runner.folder), "--accept-data-loss")
    until(lambda: asleep(runner))
    runner.query(f"SELECT pg_cancel_backend({asleep(runner)})")
    code, _, err = end(process)
    assert code == 9
    assert "QueryCanceled" in err
    assert runner.applied == ["0001_a"]


@pytest.mark.parametrize(
    ("body", "reason", "applied"),
    [
        ("raise ValueError('x')", Reason.SQL_FAILED, []),
        (f"{INSIDE}    connection.execute('CREATE TABLE t ()')\n    1 / 0", Reason.SQL_FAILED, []),
        ("connection.execute('CREATE TABLE t ()')\nraise ValueError('x')", Reason.FAILED_PARTLY, ["0001_a"]),
        (f"{INSIDE}    connection.execute('SELECT 1')\n1 / 0", Reason.FAILED_PARTLY, ["0001_a"]),
        ("connection.execute('BEGIN')\nconnection.execute('CREATE TABLE t ()')", Reason.SQL_FAILED, []),
        ("connection.execute('SELECT 1')\nconnection.execute('BEGIN')", Reason.FAILED_PARTLY, ["0001_a"]),
    ],
)  # fmt: skip
def test_whether_anything_may_have_taken_effect(
    runner: Runner, body: str, reason: Reason, applied: list[str]
) -> None:
    add(runner, body, "0001_a.py", HEAD)
    ending = runner.up()
    assert ending.result.reason is reason, ending.text
    assert ending.text.startswith("0001_a.py:")
    assert runner.applied == applied
    if reason is Reason.FAILED_PARTLY:
        assert "It runs without a transaction: a part of it may have taken effect." in ending.text
        assert "it runs again from its start" in ending.advice
        assert runner.up().result.reason is Reason.FAILED_PARTLY
        rewrite(runner, body.replace("\n", "\n    "), "connection.execute('SELECT 1')")
        assert runner.up().result.reason is Reason.SUCCEEDED
        assert rows(runner)[0][:2] == (1, 1)


def test_a_part_can_be_rolled_back(runner: Runner) -> None:
    add(runner, f"{ONCE}\nraise ValueError", "0001_a.py", HEAD, down="connection.execute('DROP TABLE t')")
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    ending, words = runner.told(Operation.ROLLBACK, accept=ACCEPT)
    assert ending.error is None, ending.text
    assert "was applied in part" in words.text
    assert (runner.applied, runner.tables) == ([], set())


@pytest.mark.parametrize("late", [False, True], ids=["before anything", "after something"])
@pytest.mark.parametrize("swallows", [False, True])
def test_stopped(runner: Runner, late: bool, swallows: bool) -> None:  # noqa: FBT001 - two cases each
    sleep = f"with connection.transaction():\n    {SLEEP}"
    if swallows:
        sleep = "try:\n    " + sleep.replace("\n", "\n    ") + "\nexcept BaseException:\n    pass"
    add(runner, f"{ONCE}\n{sleep}" if late else sleep, "0001_a.py", HEAD)
    process = start(runner)
    until(lambda: asleep(runner))
    process.send_signal(signal.SIGTERM)
    code, out, err = end(process)
    assert code == 143, err
    assert "Traceback" not in err
    assert runner.applied == (["0001_a"] if late else [])
    assert ("The next run runs it again from its start." in out + err) is late
    assert ("what was under way was rolled back" in out + err) is not late


def test_locks_are_waited_for_again(runner: Runner) -> None:
    add(runner, ONCE, "0001_a.py", HEAD)
    runner.up()
    add(
        runner,
        f"{ONCE}\nconnection.execute('ALTER TABLE t ADD x int')",
        "0002_b.py",
        f"{HEAD}\n# switchback: lock-timeout=1500ms\n",
    )
    with psycopg.connect(runner.url) as connection:
        connection.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
        giving_way = threading.Thread(target=give_way, args=(runner, connection))
        giving_way.start()
        ending, words = runner.told("migrate")
        giving_way.join()
    assert ending.error is None, ending.text
    assert "0002_b waits for locks: t is locked by pid " in words.text
    assert len(runner.query("SELECT * FROM t")) > 2


def test_locks_that_never_come(runner: Runner) -> None:
    add(runner, ONCE, "0001_a.py", HEAD)
    runner.up()
    alter = "with connection.transaction():\n    connection.execute('ALTER TABLE t ADD x int')"
    add(runner, alter, "0002_b.py", f"{HEAD}\n# switchback: lock-timeout=100ms\n")
    with psycopg.connect(runner.url) as connection:
        connection.execute("LOCK TABLE t")
        ending = runner.with_limits(retries=1).up()
    assert ending.result.reason is Reason.OBJECTS_LOCKED, ending.text
    assert runner.applied == ["0001_a"]


def test_the_connection_is_cut(runner: Runner) -> None:
    call = "connection.execute('SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(9)')"
    add(runner, f"{ONCE}\n{call}", "0001_a.py", HEAD)
    ending = runner.up()
    assert ending.result.reason is Reason.CONNECTION_LOST
    assert "a part of it may have taken effect" in ending.text
    assert rows(runner) == [(0, 1, None)]
    rewrite(runner, call, "pass")
    assert runner.up().result.reason is Reason.SUCCEEDED


@pytest.mark.parametrize("committed", [True, False])
def test_the_last_reply_is_lost(runner: Runner, monkeypatch: pytest.MonkeyPatch, committed: bool) -> None:  # noqa: FBT001 - two cases
    add(runner, ONCE, "0001_a.py", HEAD)
    exchange = wire.exchange

    def lossy(connection: Any, text: str, *rest: Any, **more: Any) -> Any:
        if "COMMIT" in text and "duration_ms = " in text:
            if committed:
                list(exchange(connection, text, *rest, **more))
            connection.close()
            raise wire.LostError("the cable was cut")
        yield from exchange(connection, text, *rest, **more)

    monkeypatch.setattr(wire, "exchange", lossy)
    ending = runner.up()
    assert ending.result.reason is (Reason.SUCCEEDED if committed else Reason.CONNECTION_LOST), ending.text
    assert rows(runner)[0][:2] == ((1, 1) if committed else (0, 1))


def test_something_is_left_open(runner: Runner) -> None:
    body = f"{ONCE}\nit = connection.cursor().copy('COPY t FROM STDIN')\nit.__enter__()\nkept.append(it)"
    add(runner, body, "0001_a.py", f"{HEAD}\nkept = []")
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "left a COPY, a stream, a pipeline" in ending.text
    assert runner.query("SELECT count(*) FROM t") == [(1,)]


def test_a_lock_given_up_is_taken_again(runner: Runner) -> None:
    add(runner, "connection.execute('SELECT pg_advisory_unlock_all()')", "0001_a.py", HEAD)
    ending, words = runner.told("migrate")
    assert ending.error is None
    assert "it was taken again, and nobody had used the gap" in words.text
