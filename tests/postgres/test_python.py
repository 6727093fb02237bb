"""Migrations in Python, there and back: what the connection offers, what is recorded, what is left behind."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation, Risk
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from pathlib import Path

ACCEPT = frozenset({Risk.UNKNOWN})
BOOKS = """
description = "Books, and a shelf"

def up(connection):
    connection.execute("CREATE TABLE books (id int PRIMARY KEY, title text)")

def down(connection):
    connection.execute("DROP TABLE books")
"""


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    (folder / "0001_books.py").write_text(BOOKS)
    return Runner(database, folder)


def add(runner: Runner, body: str, name: str = "0002_x.py", head: str = "", down: str = "") -> None:
    """Write a migration with this body of `up`, and perhaps of `down`."""
    text = f"import psycopg\n{head}\ndef up(connection):\n"
    text += "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    if down:
        text += "\ndef down(connection):\n" + "".join(f"    {line}\n" for line in down.split("\n"))
    (runner.folder / name).write_text(text)


def test_there_and_back(runner: Runner) -> None:
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.result.reason is Reason.SUCCEEDED
    assert words.lines == ["Forward 0001_books"]
    (row,) = runner.query(
        "SELECT id, description, format, down_kind, down_sql, statements_done, statements_total, "
        "duration_ms, directives, up_checksum, down_checksum FROM switchback.migrations"
    )
    assert row[:7] == ("0001_books", "Books, and a shelf", "Python", "File", None, 1, 1)
    assert row[7] > 0
    assert row[8] == ""
    assert row[9] != row[10]
    assert all(checksum.startswith("s1:") for checksum in row[9:])
    assert runner.up().result.reason is Reason.UP_TO_DATE
    ending, words = runner.told(Operation.ROLLBACK, accept=ACCEPT)
    assert ending.result.reason is Reason.SUCCEEDED
    assert (runner.applied, runner.tables) == ([], set())
    events = runner.query(
        "SELECT kind, migration_id, duration_ms FROM switchback.events WHERE position > 0 ORDER BY seq"
    )
    assert [event[:2] for event in events] == [("Applied", "0001_books"), ("RolledBack", "0001_books")]
    assert all(event[2] > 0 for event in events)


def test_what_is_lost_is_unknown(runner: Runner) -> None:
    runner.up()
    ending = runner.down()
    assert ending.result.reason is Reason.DATA_LOSS_REFUSED
    assert ending.result.steps[0].losses == ("a function in Python cannot be judged",)
    assert runner.applied == ["0001_books"]


def test_the_connection_is_psycopg_s(runner: Runner) -> None:
    add(
        runner,
        """
from psycopg.rows import dict_row
from psycopg.types import TypeInfo
from psycopg.types.json import Jsonb
assert isinstance(connection, psycopg.Connection)
connection.execute("CREATE TABLE t (id int, v jsonb)")
with connection.cursor() as cursor:
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", ((n, Jsonb({"n": n})) for n in range(500)))
    assert cursor.rowcount == 500
    cursor.executemany("INSERT INTO t VALUES (%s, NULL) RETURNING id", [(1,), (2,)], returning=True)
    assert [row[0] for each in cursor.results() for row in each] == [1, 2]
    with cursor.copy("COPY t (id) FROM STDIN") as copy:
        for n in range(20000):
            copy.write_row((n,))
    with cursor.copy("COPY (SELECT id FROM t) TO STDOUT") as copy:
        assert sum(1 for _ in copy.rows()) == 20502
    assert sum(1 for _ in cursor.stream("SELECT generate_series(1, 1000)")) == 1000
with connection.cursor("far", row_factory=dict_row) as far:
    far.execute("SELECT id FROM t ORDER BY id")
    assert far.fetchmany(2) == [{"id": 0}, {"id": 0}]
    assert len(far.fetchall()) == 20500
with connection.pipeline():
    one = connection.execute("SELECT 1")
    connection.execute("UPDATE t SET v = '1' WHERE id = 1")
assert one.fetchone() == (1,)
assert TypeInfo.fetch(connection, "jsonb").name == "jsonb"
assert psycopg.sql.Identifier("a b").as_string(connection) == '"a b"'
assert connection.info.server_version >= 150000 and not connection.closed and not connection.autocommit
connection.execute("SELECT 1; SELECT 2")
""",
        head="import psycopg.sql",
    )
    ending = runner.up()
    assert ending.error is None, ending.text
    assert runner.query("SELECT count(*), count(v) FROM t") == [(20502, 502)]


def test_savepoints(runner: Runner) -> None:
    add(
        runner,
        """
connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
for n in (1, 1, 2):
    try:
        with connection.transaction():
            connection.execute("INSERT INTO t VALUES (%s)", (n,))
    except psycopg.errors.UniqueViolation:
        pass
with connection.transaction(force_rollback=True), connection.transaction():
    connection.execute("DELETE FROM t")
""",
    )
    assert runner.up().error is None
    assert runner.query("SELECT id FROM t") == [(1,), (2,)]


@pytest.mark.parametrize(
    "call",
    [
        "connection.commit()", "connection.rollback()", "connection.close()", "connection.cancel()",
        "connection.cancel_safe()", "connection.autocommit = True", "connection.set_autocommit(False)",
        "connection.isolation_level = 1", "connection.read_only = True", "connection.deferrable = True",
        "connection.tpc_begin('x')", "connection.cursor().connection.commit()", "with connection: pass",
    ],
)  # fmt: skip
def test_what_would_end_the_transaction_is_refused(runner: Runner, call: str) -> None:
    add(runner, f"connection.execute('CREATE TABLE t ()')\n{call}")
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert "0002_x fails: NotSupportedError: " in ending.text
    assert "is refused: Switchback keeps its record in this transaction" in ending.text
    assert ending.text.startswith("0002_x.py:")
    assert (runner.applied, runner.tables) == (["0001_books"], {"books"})


def test_nothing_of_its_session_is_left_to_the_next(runner: Runner) -> None:
    role = f"r_{os.urandom(4).hex()}"
    runner.query(f"CREATE ROLE {role}")
    runner.query(f"GRANT ALL ON SCHEMA public TO {role}")
    path = runner.query("SHOW search_path")[0][0]
    leaving = f"""
connection.execute("SET search_path = pg_catalog; SET lock_timeout = 1; SET work_mem = '1MB'")
connection.execute("SET ROLE {role}")
connection.execute("CREATE TEMP TABLE books (id int)")
connection.execute("PREPARE kept AS SELECT 1; LISTEN news")
connection.execute("DECLARE held CURSOR WITH HOLD FOR SELECT 1")
connection.prepare_threshold = 0
connection.execute("SELECT 1")
connection.execute("SET default_transaction_read_only = on")
connection.execute("SET default_transaction_isolation = serializable")
"""
    looking = f"""
def one(text):
    return connection.execute(text).fetchone()[0]
assert one("SHOW search_path") == {path!r}
assert one("SHOW work_mem") == '4MB' and one("SHOW lock_timeout") == '2s'
assert one("SELECT current_user") == one("SELECT session_user") != {role!r}
assert one("SELECT count(*) FROM pg_prepared_statements") == 0
assert one("SELECT count(*) FROM pg_cursors WHERE name <> ''") == 0
assert one("SELECT count(*) FROM pg_listening_channels()") == 0
assert one("SHOW transaction_isolation") == 'read committed'
assert one("SELECT to_regclass('books')::text") == 'books'
"""
    try:
        add(runner, leaving, "0002_a.py")
        add(runner, looking, "0003_b.py")
        add(runner, leaving, "0004_c.py", "transactional = False")
        add(runner, looking, "0005_d.py")
        ending = runner.up()
        assert ending.error is None, ending.text
        assert len(runner.applied) == 5
    finally:
        runner.query(f"DROP OWNED BY {role}")
        runner.query(f"DROP ROLE {role}")


def test_with_directives(runner: Runner) -> None:
    add(
        runner,
        "assert connection.execute('SHOW lock_timeout').fetchone() == ('7s',)\n"
        "assert connection.execute('SHOW statement_timeout').fetchone() == ('9s',)",
        head="# switchback: lock-timeout=7s\n# switchback: statement-timeout=9s\n"
        "# switchback: phase=contract\n",
    )
    ending = runner.up()
    assert ending.error is None, ending.text
    assert runner.query("SELECT directives FROM switchback.migrations WHERE position = 2") == [
        ("phase=contract\nlock-timeout=7000ms\nstatement-timeout=9000ms",)
    ]


def test_declared_ways_back(runner: Runner) -> None:
    add(runner, "connection.execute('SELECT 1')", head="# switchback: down=none it only looks\n")
    runner.up()
    ending, words = runner.told(Operation.ROLLBACK, accept=ACCEPT)
    assert ending.result.reason is Reason.SUCCEEDED
    assert "not undone, as declared (it only looks)" in words.text
    add(runner, "connection.execute('SELECT 1')", head="# switchback: irreversible\n")
    runner.up()
    assert runner.down(accept=ACCEPT).result.reason is Reason.IRREVERSIBLE
    assert runner.applied == ["0001_books", "0002_x"]


def test_the_way_back_needs_its_file(runner: Runner, tmp_path: Path) -> None:
    runner.up()
    add(runner, "connection.execute('SELECT 1')", down="connection.execute('SELECT 2')")
    runner.up()
    kept = tmp_path / "kept"
    kept.mkdir()
    (runner.folder / "0001_books.py").rename(kept / "0001_books.py")
    ending = runner.down(target="base", accept=ACCEPT)
    assert ending.result.reason is Reason.FILE_MISSING
    assert "the file of 0001_books is gone, and the ledger keeps no down half of it" in ending.text
    assert "--down-dir" in ending.advice
    assert runner.applied == ["0001_books", "0002_x"]
    ending, words = runner.told(Operation.ROLLBACK, target="base", accept=ACCEPT, down_folder=kept)
    assert ending.result.reason is Reason.SUCCEEDED
    assert f"the down half in {kept} runs" in words.text
    assert (runner.applied, runner.tables) == ([], set())


def test_a_way_back_that_was_rewritten(runner: Runner) -> None:
    runner.up()
    (runner.folder / "0001_books.py").write_text(
        BOOKS.replace("DROP TABLE books", "DROP TABLE IF EXISTS books")
    )
    assert runner.up().result.reason is Reason.UP_TO_DATE
    assert runner.down(accept=ACCEPT).result.reason is Reason.FILE_CHANGED
    assert runner.applied == ["0001_books"]


def test_a_module_keeps_nothing_from_one_call_to_the_next(runner: Runner) -> None:
    """Classes, dataclasses and module state work; the module is run anew for each call."""
    add(
        runner,
        "calls.append(1)\nassert calls == [1] and Row(1).id == 1 and __name__ == 'switchback_migration'\n"
        "assert Row.__module__ == __name__",
        head="from __future__ import annotations\nfrom dataclasses import dataclass\ncalls = []\n"
        "@dataclass\nclass Row:\n    id: int\n",
        down="assert calls == []",
    )  # fmt: skip
    text = (runner.folder / "0002_x.py").read_text()
    (runner.folder / "0002_x.py").write_text(text.replace("import psycopg\n", "", 1))
    assert runner.up().error is None
    assert runner.down(accept=ACCEPT).error is None


def test_with_sql_files_beside_it_in_history(runner: Runner, tmp_path: Path) -> None:
    """The ledger holds rows of another format: a folder that was rewritten in Python goes on from there."""
    runner.up()
    add(runner, "connection.execute('CREATE TABLE more ()')", "0002_more.py")
    plan = runner.run(Operation.INSPECT)
    assert plan.result.pending == 1
    assert runner.up().result.current == "0002_more"


def test_the_plan_shows_the_function(runner: Runner) -> None:
    said = runner.call("plan")
    assert said.returncode == 0, said.stderr
    assert "  Python: 0001_books.py:4  up(connection)" in said.stdout
    runner.up()
    said = runner.call("plan", "--target", "base")
    assert "  Python: 0001_books.py:7  down(connection)" in said.stdout
    assert "at stake: a function in Python cannot be judged" in said.stdout
    told = json.loads(runner.call("plan", "--target", "base", "--json").stdout)
    assert told["steps"][0]["statements"] == [{"line": 7, "text": "Python: down(connection)"}]
    assert told["risks"] == ["Unknown"]


def test_a_dry_run_runs_nothing(runner: Runner, tmp_path: Path) -> None:
    add(runner, f"open({str(tmp_path / 'mark')!r}, 'w')", head=f"open({str(tmp_path / 'mark')!r}, 'w')")
    assert runner.up(dry_run=True).result.reason is Reason.SUCCEEDED
    assert runner.call("migrate", "--dry-run").returncode == 0
    assert not (tmp_path / "mark").exists()
    assert runner.tables == set()
