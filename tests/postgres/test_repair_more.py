"""Repairing what is written in Python, and whose a row is afterwards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.ledger import read
from switchback.runner.ledger.names import Names
from switchback.runner.operations import amend, anew, baseline, protect, repair
from switchback.runner.session import Session
from tests.postgres.acting import act, told
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNKNOWN = frozenset({Risk.UNKNOWN})
BOOKS = """
def up(connection):
    connection.execute("CREATE TABLE books (id int PRIMARY KEY)")

def down(connection):
    connection.execute("DROP TABLE books")
"""


@pytest.fixture
def books(database: str, folder: Path) -> Runner:
    """A folder with one migration in Python."""
    (folder / "0001_books.py").write_text(BOOKS)
    return Runner(database, folder)


def mine(runner: Runner, operation_id: str) -> list[str]:
    with psycopg.connect(runner.url, autocommit=True) as connection:
        return read.applied_by(connection, Names(), operation_id)


def test_python_is_counted_and_undone_by_its_file(books: Runner) -> None:
    books.query("CREATE TABLE books (id int)")
    assert act(books, baseline.run, target="1").result.current == "0001_books"
    assert books.query(
        "SELECT down_kind, down_sql, statements_done, statements_total FROM switchback.migrations"
    ) == [("File", None, 1, 1)]
    assert act(books, amend.unmark, target="1").result.current == "base"
    assert act(books, amend.mark, target="1").result.current == "0001_books"
    assert books.down(accept=UNKNOWN).result.current == "base"
    assert books.tables == set()


def test_python_that_was_edited_is_accepted(books: Runner) -> None:
    assert books.up().result.reason is Reason.SUCCEEDED
    text = BOOKS.replace("int PRIMARY KEY", "bigint PRIMARY KEY")
    (books.folder / "0001_books.py").write_text(text)
    assert books.up().result.reason is Reason.FILE_CHANGED
    assert act(books, amend.accept, target="1").result.reason is Reason.SUCCEEDED
    assert act(books, amend.accept, target="1").result.reason is Reason.UP_TO_DATE

    ending = act(
        books, lambda s, r, f: anew.redo(s, r, f, lambda plan, _: frozenset(plan.risks)), accept=UNKNOWN
    )
    assert ending.result.reason is Reason.SUCCEEDED
    assert books.query("SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attname = 'id' AND "
                       "attrelid = 'books'::regclass") == [("bigint",)]  # fmt: skip


def test_a_deleted_function_counts_as_missing(books: Runner) -> None:
    assert books.up().result.reason is Reason.SUCCEEDED
    (books.folder / "0001_books.py").write_text(BOOKS.partition("def down")[0])
    ending = books.down()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_MISSING, 4)
    assert "the down half of 0001_books is gone, and the ledger keeps none of it" in ending.result.message
    ending, words = told(books, partial(amend.unmark), target="1")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "is forgotten with it" not in words.text, "the ledger has kept none"


def test_what_only_counts_as_applied_belongs_to_nobody(database: str, folder: Path) -> None:
    """So no operation takes it for its own when it undoes what it has done."""
    runner = Runner(database, folder)
    write(folder, "0001_a", "0002_b", "0003_c")
    runner.query("CREATE TABLE t_0001_a (id int)")
    assert act(runner, baseline.run, target="1", by="aa-1").result.reason is Reason.SUCCEEDED
    assert runner.up(target="0002", by="aa-1").result.current == "0002_b"
    assert act(runner, amend.mark, target="3", by="aa-1").result.reason is Reason.SUCCEEDED
    assert mine(runner, "aa-1") == ["0002_b"]
    for old, new in (("0001_a", "0001_x"), ("0002_b", "0002_x")):
        for half in ("up", "down"):
            (folder / f"{old}.{half}.sql").rename(folder / f"{new}.{half}.sql")
        rename = partial(amend.rename, new=new)
        assert act(runner, rename, target=old, by="cli-me").result.reason is Reason.SUCCEEDED
    assert mine(runner, "aa-1") == ["0002_x"]


@pytest.fixture
def before_the_lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Lets something happen between the look at the ledger and the lock."""
    lock = Session.lock

    def arrange(happens: Callable[[], object]) -> None:
        def slow(self: Session, ledger: object, seconds: float | None = None) -> object:
            monkeypatch.setattr(Session, "lock", lock)
            happens()
            return lock(self, ledger, seconds)  # type: ignore[arg-type]

        monkeypatch.setattr(Session, "lock", slow)

    return arrange


ELSEWHERE = "UPDATE switchback.meta SET database_oid = 1, revision = revision + 1"
NEWER = "UPDATE switchback.meta SET major = 9, revision = revision + 1"


def reserve(runner: Runner, by: str) -> None:
    assert runner.run("reserve", target="base", by=by).result.reason is Reason.SUCCEEDED


def test_rebound_by_somebody_else_meanwhile(
    books: Runner, before_the_lock: Callable[[Callable[[], object]], None]
) -> None:
    books.up()
    books.query(ELSEWHERE)
    before_the_lock(lambda: act(books, repair.rebind))
    assert act(books, repair.rebind).result.reason is Reason.UP_TO_DATE
    assert books.query("SELECT count(*) FROM switchback.events WHERE kind = 'Rebound'") == [(1,)]


@pytest.mark.parametrize("action", [repair.rebind, repair.release, protect.off])
def test_a_newer_release_has_come_meanwhile(
    books: Runner,
    before_the_lock: Callable[[Callable[[], object]], None],
    action: Callable[..., Any],
) -> None:
    books.up()
    reserve(books, "ab-1")
    assert act(books, protect.on).result.reason is Reason.SUCCEEDED
    if action is repair.rebind:
        books.query(ELSEWHERE)
    before_the_lock(lambda: books.query(NEWER))
    assert act(books, action).result.reason is Reason.LEDGER_NEWER


def test_the_ledger_of_another_database_is_not_protected(
    books: Runner, before_the_lock: Callable[[Callable[[], object]], None]
) -> None:
    books.up()
    before_the_lock(lambda: books.query(ELSEWHERE))
    assert act(books, protect.on).result.reason is Reason.DATABASE_CHANGED


def test_a_reservation_that_was_given_up_meanwhile(
    books: Runner, before_the_lock: Callable[[Callable[[], object]], None]
) -> None:
    books.up()
    reserve(books, "ab-1")
    before_the_lock(lambda: books.run("release", by="ab-1"))
    assert act(books, repair.release).result.reason is Reason.UP_TO_DATE


def test_a_reservation_of_another_is_not_the_one_that_was_meant(
    books: Runner, before_the_lock: Callable[[Callable[[], object]], None]
) -> None:
    def taken_over() -> None:
        books.run("release", by="ab-1")
        reserve(books, "cd-2")

    books.up()
    reserve(books, "ab-1")
    before_the_lock(taken_over)
    ending = act(books, repair.release)
    assert ending.result.reason is Reason.PLAN_MOVED
    assert "cd-2" in ending.result.message
    assert books.query("SELECT reserved_by FROM switchback.meta") == [("cd-2",)]
