"""`rollback --cascade`: CASCADE for exactly the DROPs that fail without it; it takes only what was shown."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from tests.postgres.running import PROGRAM, Runner, write

if TYPE_CHECKING:
    from pathlib import Path

CASCADE = frozenset({Risk.CASCADE})
EVERYTHING = frozenset({Risk.CASCADE, Risk.DATA_LOSS, Risk.UNKNOWN})


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def up(runner: Runner, way_back: str, way_up: str = "CREATE TABLE books (id int PRIMARY KEY);") -> None:
    write(runner.folder, _1_books_up=way_up, _1_books_down=way_back)
    assert runner.up().result.reason is Reason.SUCCEEDED


def relations(runner: Runner) -> set[str]:
    query = "SELECT relname::text, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    return {str(name) for name, kind in runner.query(query) if kind in {"r", "v"}}


def test_without_it_the_server_refuses(runner: Runner) -> None:
    up(runner, "DROP TABLE books;\n")
    runner.query("CREATE VIEW shelf AS SELECT id FROM books")
    ending = runner.down(accept=EVERYTHING)
    assert ending.result.reason is Reason.SQL_FAILED
    assert "--cascade" in ending.advice
    assert relations(runner) == {"books", "shelf"}


def test_it_is_shown_and_needs_consent(runner: Runner) -> None:
    up(runner, "DROP TABLE books;\n")
    runner.query("CREATE VIEW shelf AS SELECT id FROM books; CREATE VIEW top AS SELECT id FROM shelf")
    ending = runner.down(cascade=True)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.DATA_LOSS_REFUSED, 11)
    assert ending.result.risks == (Risk.CASCADE,)
    (step,) = ending.result.steps
    assert "view public.shelf goes by CASCADE" in step.losses
    assert "view public.top goes by CASCADE" in step.losses
    assert relations(runner) == {"books", "shelf", "top"}

    assert runner.down(cascade=True, accept=CASCADE).result.reason is Reason.SUCCEEDED
    assert relations(runner) == set()
    assert runner.applied == []


def test_only_the_drops_that_need_it_get_it(runner: Runner) -> None:
    """What an earlier statement has removed, and what goes silently, needs no CASCADE."""
    up(
        runner,
        "DROP VIEW shelf;\nDROP TABLE loans;\nDROP TABLE books;\n",
        "CREATE TABLE books (id int PRIMARY KEY); CREATE VIEW shelf AS SELECT id FROM books;"
        "CREATE TABLE loans (book int REFERENCES books);",
    )
    ending = runner.down(cascade=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert ending.result.risks == ()


def test_a_drop_that_nothing_depends_on_stays_as_it_is(runner: Runner) -> None:
    """So what the file itself puts in its way is the server's to refuse."""
    up(runner, "CREATE VIEW late AS SELECT id FROM books;\nDROP TABLE books;\n")
    ending = runner.down(cascade=True, accept=EVERYTHING)
    assert ending.result.reason is Reason.SQL_FAILED
    assert "2BP01" in ending.text


@pytest.mark.parametrize(
    ("way_up", "way_back", "takes"),
    [
        ("CREATE TABLE books (id int PRIMARY KEY)", "DROP TABLE IF EXISTS books -- all of it",
         "table constraint loans_book_fkey on public.loans"),
        ("CREATE TABLE books (id int PRIMARY KEY)", "ALTER TABLE books DROP CONSTRAINT books_pkey",
         "table constraint loans_book_fkey on public.loans"),
        ("CREATE TABLE books (id int PRIMARY KEY)", "BEGIN;\nALTER TABLE books DROP COLUMN id;\nCOMMIT;",
         "table constraint loans_book_fkey on public.loans"),
    ],
)  # fmt: skip
def test_of_every_form(runner: Runner, way_up: str, way_back: str, takes: str) -> None:
    up(runner, way_back, way_up)
    runner.query("CREATE TABLE loans (book int REFERENCES books)")
    ending = runner.down(cascade=True, accept=EVERYTHING)
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert f"{takes} goes by CASCADE" in ending.result.steps[0].losses
    assert runner.query(
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'loans'::regclass AND contype = 'f'"
    ) == [(0,)]


def test_what_comes_in_meanwhile_is_not_taken_along(runner: Runner) -> None:
    """Here the file itself makes it, right before: the plan could not know."""
    up(runner, "SELECT 1;\nCREATE VIEW late AS SELECT id FROM books;\nDROP TABLE books;\n")
    runner.query("CREATE VIEW shelf AS SELECT id FROM books")
    ending = runner.down(cascade=True, accept=EVERYTHING)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.PLAN_MOVED, 12)
    assert "1_books.down.sql:3" in ending.text
    assert relations(runner) == {"books", "shelf"}
    assert runner.applied == ["1_books"]


def test_restrict_and_files_without_transaction_stay_as_they_are(runner: Runner) -> None:
    up(runner, "DROP TABLE books RESTRICT;\n")
    runner.query("CREATE VIEW shelf AS SELECT id FROM books")
    assert runner.down(cascade=True, accept=EVERYTHING).result.reason is Reason.SQL_FAILED
    path = runner.folder / "1_books.down.sql"
    path.write_text("-- switchback: no-transaction\nDROP TABLE books;\n")
    runner.query("UPDATE switchback.migrations SET down_checksum = ''")
    assert runner.down(cascade=True, accept=EVERYTHING).result.reason is Reason.SQL_FAILED
    assert relations(runner) == {"books", "shelf"}


def test_lines_stay_what_they_are(runner: Runner) -> None:
    up(runner, "DROP TABLE books;\nSELECT 1 / 0;\n")
    runner.query("CREATE VIEW shelf AS SELECT id FROM books")
    ending = runner.down(cascade=True, accept=EVERYTHING)
    assert ending.result.reason is Reason.SQL_FAILED
    assert "1_books.down.sql:2" in ending.text
    assert relations(runner) == {"books", "shelf"}


def test_odd_names_are_quoted(runner: Runner) -> None:
    up(runner, "DROP TABLE \"Odd '%s' \\ name\";\n", "CREATE TABLE \"Odd '%s' \\ name\" (id int)")
    runner.query('CREATE VIEW "it\'s %s" AS SELECT id FROM "Odd \'%s\' \\ name"')
    assert runner.down(cascade=True, accept=EVERYTHING).result.reason is Reason.SUCCEEDED
    assert relations(runner) == set()


def test_of_several_migrations_each_sees_what_the_ones_before_have_left(runner: Runner) -> None:
    up(runner, "DROP TABLE books;\n")
    write(
        runner.folder,
        _2_loans_up="CREATE TABLE loans (book int REFERENCES books);",
        _2_loans_down="DROP TABLE loans;",
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    runner.query("CREATE VIEW shelf AS SELECT id FROM books, loans")
    ending = runner.down(target="base", cascade=True, accept=EVERYTHING)
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert [
        step.id for step in ending.result.steps if "view public.shelf goes by CASCADE" in step.losses
    ] == ["2_loans"]


def test_on_the_command_line(runner: Runner) -> None:
    up(runner, "DROP TABLE books;\n")
    runner.query("CREATE VIEW shelf AS SELECT id FROM books")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [PROGRAM, "rollback", "--dir", runner.folder, "--url", runner.url, "--cascade", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    shown = call("--dry-run")
    assert shown.returncode == 0
    assert "DROP TABLE books CASCADE" in shown.stdout
    assert "view public.shelf goes by CASCADE" in shown.stdout
    assert "switchback_cascade" not in shown.stdout
    assert call("--yes").returncode == 11
    done = call("--yes", "--accept-cascade")
    assert done.returncode == 0, done.stderr
    assert relations(runner) == set()
