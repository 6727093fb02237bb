"""Functions that raise, end their transaction, or leave something open: what is told, and what is left."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from tests.postgres.running import Runner
from tests.postgres.test_crash import until
from tests.postgres.test_python import ACCEPT, add

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "connection.execute('CREATE TABLE t (id int PRIMARY KEY)')"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def nothing_left(runner: Runner) -> bool:
    return runner.applied == [] and runner.tables == set()


MODULE = f"""\
import sys, psycopg
def deep(): return 1 / 0
class Silent(Exception):
    def __str__(self): raise KeyboardInterrupt
def up(connection):
    {TABLE}
"""
"""The body under test begins on line 7."""


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("connection.execute('TABLE gone')", 7, 'UndefinedTable: relation "gone" does not exist (SQLSTATE'),
        ("connection.execute('SELECT %s', (1, 2))", 7, "ProgrammingError: the query has 1 placeholder"),
        ("raise ValueError('card 4711 of \"Anna\"')", 7, 'ValueError: card *** of "***".'),
        ("raise ValueError", 7, "ValueError."),
        ("int('x')", 7, "ValueError: invalid literal for int() with base"),
        ("raise SystemExit(0)", 7, "SystemExit: 0."),
        ("1\n    sys.exit('enough')", 8, "SystemExit: enough."),
        ("raise KeyboardInterrupt", 7, "KeyboardInterrupt."),
        ("raise GeneratorExit", 7, "GeneratorExit."),
        ("def f(): f()\n    f()", 7, "RecursionError: maximum recursion depth exceeded"),
        ("raise MemoryError", 7, "MemoryError."),
        ("raise ExceptionGroup('both', [ValueError(1), TypeError(2)])", 7, "ExceptionGroup: both"),
        ("deep()", 2, "ZeroDivisionError: division by zero."),
        ("raise Silent", 7, "Silent."),
        ("raise Exception('x' * 10**7)", 7, "Exception: xxxx"),
        ("raise Exception('a\\x1b[31m\\ud800\\nb')", 7, "Exception: a?[31m? b."),
        ("return (x for x in 'ab')", 5, "NotRunError: up gave back a generator; its body has not run."),
        ("async def f(): pass\n    return f()", 5, "NotRunError: up gave back a coroutine; its body"),
        ("next(iter([]))", 7, "StopIteration."),
    ],
)  # fmt: skip
def test_told_with_file_and_line(runner: Runner, body: str, line: int, said: str, capfd: Any) -> None:
    (runner.folder / "0001_a.py").write_text(f"{MODULE}    {body}\n")
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SQL_FAILED
    assert ending.text.startswith(f"0001_a.py:{line}: 0001_a fails: {said}")
    assert len(ending.text) < 700
    assert "Traceback" not in words.text + "".join(capfd.readouterr())
    assert ending.result.message.isprintable()
    assert nothing_left(runner)


def test_an_error_while_the_module_is_run(runner: Runner) -> None:
    add(runner, TABLE, "0001_a.py", head="import psycopg.nowhere")
    ending = runner.up()
    assert ending.text.startswith("0001_a.py:2: 0001_a fails: ModuleNotFoundError: No module named ")
    assert nothing_left(runner)


def test_what_the_server_added_is_for_the_log(runner: Runner) -> None:
    add(runner, f'{TABLE}\nconnection.execute("INSERT INTO t VALUES (4711), (4711)")', "0001_a.py")
    said = runner.call("migrate")
    assert said.returncode == 8
    assert "UniqueViolation: duplicate key value violates unique constraint" in said.stderr
    assert "DETAIL: Key (id)=(4711) already exists." in said.stderr
    assert "Traceback" not in said.stderr
    assert "4711" not in runner.call("migrate", "--json").stdout


def test_the_way_back_fails(runner: Runner) -> None:
    add(runner, TABLE, "0001_a.py", down="connection.execute('DROP TABLE t')\nraise ValueError('no')")
    runner.up()
    ending = runner.down(accept=ACCEPT)
    assert ending.result.reason is Reason.SQL_FAILED
    assert ending.text.startswith("0001_a.py:8: 0001_a fails: ValueError: no.")
    assert (runner.applied, runner.tables) == (["0001_a"], {"t"})


def test_going_on_after_a_statement_that_failed(runner: Runner) -> None:
    add(
        runner,
        f"{TABLE}\ntry:\n    connection.execute('SELECT 1/0')\nexcept psycopg.Error:\n    pass",
        "0001_a.py",
    )
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "it went on after a statement had failed, so nothing could be committed" in ending.text
    assert "connection.transaction()" in ending.advice
    assert nothing_left(runner)


def test_what_fails_at_commit(runner: Runner) -> None:
    body = "connection.execute('CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)')"
    add(runner, f"{body}\nconnection.execute('INSERT INTO t VALUES (1), (1)')", "0001_a.py")
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "0001_a fails at COMMIT: duplicate key value" in ending.text
    assert nothing_left(runner)


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize("statement", ["COMMIT", "SELECT 1; COMMIT", "COMMIT; BEGIN", "END"])
def test_a_commit_inside(runner: Runner, statement: str, swallows: bool) -> None:  # noqa: FBT001 - two cases
    call = f"connection.execute('{statement}')\nconnection.execute('CREATE TABLE later ()')"
    if swallows:
        call = "try:\n    " + call.replace("\n", "\n    ") + "\nexcept BaseException:\n    pass"
    add(runner, f"{TABLE}\n{call}", "0001_a.py")
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert ending.result.exit_code == 9
    assert "what was before the COMMIT has taken effect and is recorded as applied in part" in ending.text
    assert (runner.applied, runner.tables) == (["0001_a"], {"t"})
    assert runner.query("SELECT statements_done FROM switchback.migrations") == [(0,)]
    again = runner.up()
    assert again.result.reason is Reason.FAILED_PARTLY
    assert again.advice.startswith("Bring the schema in line by hand"), "its file is there"
    assert runner.query("SELECT kind FROM switchback.events ORDER BY seq DESC LIMIT 1") == [
        ("AppliedPartly",)
    ]


def test_a_commit_inside_and_an_error_behind_it(runner: Runner) -> None:
    add(runner, f"{TABLE}\nconnection.execute('COMMIT; BEGIN')\nraise ValueError('x')", "0001_a.py")
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert runner.applied == ["0001_a"]


@pytest.mark.parametrize("statement", ["ROLLBACK", "ROLLBACK; BEGIN", "ROLLBACK AND CHAIN"])
def test_a_rollback_inside(runner: Runner, statement: str) -> None:
    add(
        runner,
        f"{TABLE}\nconnection.execute('{statement}')\nconnection.execute('CREATE TABLE u ()')",
        "0001_a.py",
    )
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "the ledger shows no trace of it" in ending.text
    assert nothing_left(runner)


def test_a_commit_inside_the_way_back(runner: Runner) -> None:
    add(runner, TABLE, "0001_a.py", down="connection.execute('DROP TABLE t')\nconnection.execute('COMMIT')")
    runner.up()
    ending = runner.down(accept=ACCEPT)
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "is recorded as rolled back in part" in ending.text
    assert (runner.applied, runner.tables) == (["0001_a"], set())
    assert runner.query("SELECT down_done FROM switchback.migrations") == [(0,)]
    refused = runner.up()
    assert refused.result.reason is Reason.FAILED_PARTLY
    assert "0001_a is rolled back in part" in refused.text


@pytest.mark.parametrize(
    "body",
    [
        "it = connection.cursor().copy('COPY t FROM STDIN')\nit.__enter__().write_row((1,))\nkept.append(it)",
        "copy = connection.cursor().copy('COPY t TO STDOUT')\ncopy.__enter__()\nkept.append(copy)",
        "it = connection.cursor().stream('SELECT generate_series(1, 99999)')\nnext(it)\nkept.append(it)",
        "open = connection.pipeline()\nopen.__enter__()\nconnection.execute('SELECT 1')\nkept.append(open)",
        "connection.execute('COPY t FROM STDIN')",
    ],
    ids=["COPY in", "COPY out", "stream", "pipeline", "COPY as a statement"],
)  # fmt: skip
@pytest.mark.parametrize("raises", [False, True])
def test_something_is_left_open(runner: Runner, body: str, raises: bool) -> None:  # noqa: FBT001 - two cases
    more = "\nraise ValueError('x')" if raises else ""
    add(runner, f"connection.execute('INSERT INTO t VALUES (1)')\n{body}{more}", "0002_b.py", "kept = []")
    add(runner, TABLE, "0001_a.py")
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED, ending.text
    assert runner.applied == ["0001_a"]
    assert runner.query("SELECT count(*) FROM t") == [(0,)]


def test_what_is_kept_is_dead(runner: Runner) -> None:
    kept = """
import builtins
cursor = connection.cursor()
cursor.execute('SELECT 1')
far = connection.cursor('far', withhold=True)
far.execute('SELECT generate_series(1, 10)')
def later():
    yield connection.execute('CREATE TABLE later ()')
builtins.kept = [connection, cursor, far, later()]
"""
    look = """
import builtins
one, cursor, far, later = builtins.kept
assert one is not connection and one.closed
assert cursor.fetchone() == (1,)
for use in (lambda: one.execute('SELECT 1'), lambda: cursor.execute('SELECT 1'), far.fetchone,
            lambda: next(later), lambda: one.transaction().__enter__(), one.cursor):
    try:
        use()
    except psycopg.Error as error:
        assert 'closed' in str(error) or 'has returned' in str(error), error
    else:
        raise AssertionError(use)
"""
    add(runner, kept, "0001_a.py")
    add(runner, look, "0002_b.py")
    ending = runner.up()
    assert ending.error is None, ending.text
    assert "later" not in runner.tables


def test_a_thread_that_goes_on(runner: Runner) -> None:
    """Its statement is cut off with the transaction that it has no part in any more."""
    body = f"""
import threading, time
{TABLE}
threading.Thread(target=lambda: connection.execute('SELECT pg_sleep(60)'), daemon=True).start()
time.sleep(0.5)
"""
    add(runner, body, "0001_a.py")
    begun = time.monotonic()
    ending = runner.up()
    assert time.monotonic() - begun < 10
    assert ending.result.reason is Reason.SQL_FAILED
    assert nothing_left(runner)


def test_a_thread_that_is_waited_for(runner: Runner) -> None:
    body = "import threading\none = threading.Thread(target=connection.execute, args=('CREATE TABLE t ()',))"
    body += "\none.start()\none.join()"
    add(runner, body, "0001_a.py")
    assert runner.up().error is None
    assert runner.tables == {"t"}


@pytest.fixture
def locked(runner: Runner) -> Iterator[psycopg.Connection[Any]]:
    add(runner, TABLE, "0001_a.py")
    runner.up()
    with psycopg.connect(runner.url) as connection:
        connection.execute("LOCK TABLE t")
        yield connection


def give_way(runner: Runner, holder: psycopg.Connection[Any]) -> None:
    """Let go of the locks once a run has waited for them in vain."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until(lambda: runner.query(waiting), 30)
    until(lambda: not runner.query(waiting), 30)
    holder.rollback()


def test_locks_are_waited_for_again(runner: Runner, locked: psycopg.Connection[Any]) -> None:
    body = "connection.execute('CREATE TABLE u ()')\nconnection.execute('PREPARE p AS SELECT 1')\n"
    body += "connection.execute('ALTER TABLE t ADD x int')"
    add(runner, body, "0002_b.py", "# switchback: lock-timeout=1500ms\n")
    giving_way = threading.Thread(target=give_way, args=(runner, locked))
    giving_way.start()
    ending, words = runner.told("migrate")
    giving_way.join()
    assert ending.error is None, ending.text
    assert "0002_b waits for locks: t is locked by pid " in words.text
    assert runner.tables == {"t", "u"}


def test_locks_that_never_come(runner: Runner, locked: psycopg.Connection[Any]) -> None:
    body = "connection.execute('CREATE TABLE u ()')\nconnection.execute('ALTER TABLE t ADD x int')"
    add(runner, body, "0002_b.py", "# switchback: lock-timeout=200ms\n")
    ending = runner.with_limits(retries=2).up()
    assert ending.result.reason is Reason.OBJECTS_LOCKED
    assert "0002_b could not get its locks in 3 tries: t is locked by pid " in ending.text
    assert ending.text.startswith("0002_b.py:6: ")
    assert runner.tables == {"t"}


def test_a_lock_given_up_is_taken_again(runner: Runner) -> None:
    add(runner, "connection.execute('SELECT pg_advisory_unlock_all()')", "0001_a.py")
    ending, words = runner.told("migrate")
    assert ending.error is None
    assert "it was taken again, and nobody had used the gap" in words.text


def test_the_ledger_is_not_the_module_s(runner: Runner) -> None:
    add(runner, f"{TABLE}\nconnection.execute('DELETE FROM switchback.migrations')", "0001_a.py")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9), ending.text
    assert "the ledger shows no trace of it" in ending.text
    assert nothing_left(runner)


def test_a_rollback_inside_is_seen_though_the_ledger_is_locked(runner: Runner) -> None:
    add(runner, TABLE, "0001_a.py")
    runner.up()
    add(runner, "connection.execute('ROLLBACK; CREATE TABLE u (); BEGIN')", "0002_b.py")
    with psycopg.connect(runner.url) as person:
        person.execute("SELECT * FROM switchback.meta FOR UPDATE")
        ending = runner.with_limits(lock_timeout_ms=200, retries=3).up()
        person.rollback()
    assert ending.result.reason is Reason.FAILED_PARTLY, ending.text
    assert (runner.applied, runner.tables) == (["0001_a"], {"t"})


def test_a_locked_ledger_is_no_fault_of_the_module(runner: Runner) -> None:
    """What fails where the record is written is not always the function."""
    add(runner, TABLE, "0001_a.py")
    runner.up()
    add(
        runner,
        "connection.execute('CREATE TABLE u ()')",
        "0002_b.py",
        down="connection.execute('DROP TABLE u')",
    )
    for way, applied, tables in (
        ("migrate", ["0001_a"], {"t"}),
        ("rollback", ["0001_a", "0002_b"], {"t", "u"}),
    ):
        patient = runner.with_limits(lock_timeout_ms=200, retries=1)
        with psycopg.connect(runner.url) as person:
            person.execute("SELECT * FROM switchback.meta FOR UPDATE")
            ending = patient.run(way, accept=ACCEPT)
            person.rollback()
        assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6), ending.text
        assert (runner.applied, runner.tables) == (applied, tables)
        with psycopg.connect(runner.url) as person:
            person.execute("SELECT * FROM switchback.meta FOR UPDATE")
            free = threading.Timer(0.5, person.rollback)
            free.start()
            ending = runner.with_limits(lock_timeout_ms=200, retries=20).run(way, accept=ACCEPT)
            free.join()
        assert ending.result.reason is Reason.SUCCEEDED, ending.text


def test_read_only(runner: Runner) -> None:
    add(runner, f"{TABLE}\nconnection.execute('SET TRANSACTION READ ONLY')", "0001_a.py")
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "cannot be recorded" in ending.text
    assert nothing_left(runner)


def test_consent_covers_it(runner: Runner) -> None:
    add(runner, TABLE, "0001_a.py", down="connection.execute('DROP TABLE t')")
    runner.up()
    assert runner.down(accept=frozenset({Risk.DATA_LOSS})).result.reason is Reason.DATA_LOSS_REFUSED
    assert runner.call("rollback", "--accept-data-loss").returncode == 0
