"""`switchback adopt` as people and scripts call it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner.adoption.registry import TOOLS
from switchback.runner.adoption.wish import TOOLS as NAMES
from switchback.runner.adoption.wish import Wish
from tests.postgres.histories import DBMATE, GOLANG_MIGRATE, YOYO, has_ledger, make, take
from tests.postgres.running import Runner, write
from tests.postgres.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "public.schema_migrations"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Dbmate has applied two of three files, which were converted to pairs."""
    write(folder, "1_a", "2_b", "3_c")
    made = Runner(database, folder)
    make(made, DBMATE, TABLE)
    made.query(f"INSERT INTO {TABLE} VALUES ('1'), ('2')")
    made.query("CREATE TABLE t_1_a (id int); CREATE TABLE t_2_b (id int)")
    return made


@pytest.fixture
def stranger(runner: Runner) -> Iterator[str]:
    """A role that may make a schema, and nothing else."""
    base = runner.url.rpartition("/")[2]
    name = f"r_{base}"
    runner.query(f"CREATE ROLE {name}; GRANT CREATE ON DATABASE {base} TO {name}")
    yield name
    runner.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_every_tool_can_be_named() -> None:
    assert tuple(tool.NAME for tool in TOOLS) == NAMES


def test_a_dry_run_shows_everything_and_writes_nothing(runner: Runner) -> None:
    done = runner.call("adopt", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "No ledger yet: by dbmate (public.schema_migrations, version 2), 2 of 3 files are applied.",
        "",
        "STATE    ID",
        "applied  1_a",
        "applied  2_b",
        "pending  3_c",
        "",
        "Would take over 2 migrations of dbmate (public.schema_migrations, version 2); nothing was changed.",
    ]
    assert not has_ledger(runner)


def test_without_a_terminal_it_shows_and_needs_a_yes(runner: Runner) -> None:
    done = runner.call("adopt")
    assert done.returncode == 2
    assert "pending  3_c" in done.stdout
    assert "Nobody is there to ask" in done.stderr
    assert "--yes" in done.stderr
    assert not has_ledger(runner)
    code, said = typed(runner, "y", "adopt", CI="true")
    assert (code, "Nobody is there to ask" in said) == (2, True)
    assert not has_ledger(runner)
    done = runner.call("adopt", "--yes", "--reason", "INC-1")
    assert done.returncode == 0, done.stderr
    assert "Took over 2 migrations of dbmate (public.schema_migrations, version 2)" in done.stdout
    assert runner.applied == ["1_a", "2_b"]
    assert runner.query("SELECT DISTINCT reason FROM switchback.migrations") == [("INC-1",)]


def test_on_a_terminal_it_asks(runner: Runner) -> None:
    code, said = typed(runner, "n", "adopt")
    assert (code, "Nothing was changed." in said) == (130, True)
    assert not has_ledger(runner)
    before = runner.query(f"SELECT xmin::text, * FROM {TABLE}")
    code, said = typed(runner, "y", "adopt")
    assert code == 0, said
    assert "Take over dbmate (public.schema_migrations, version 2) in database" in said
    assert runner.applied == ["1_a", "2_b"]
    assert runner.query(f"SELECT xmin::text, * FROM {TABLE}") == before, "nothing of the other tool's changes"


def test_programs_are_told_the_same(runner: Runner) -> None:
    done = runner.call("adopt", "--json", "--yes")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["reason"], data["current"]) == ("Succeeded", "2_b")
    assert data["adopts"] == {
        "tool": "dbmate", "table": TABLE, "version": "version 2", "applied": ["1_a", "2_b"],
        "pending": ["3_c"], "notices": [], "keepsRows": False,
    }  # fmt: skip
    refused = runner.call("adopt", "--json", "--from", "goose")
    assert refused.returncode == 0, "there is a ledger"
    assert json.loads(refused.stdout)["reason"] == "UpToDate"


def test_where_there_is_a_ledger_nothing_is_left_to_do(runner: Runner) -> None:
    runner.call("adopt", "--yes")
    runner.query(f"INSERT INTO {TABLE} VALUES ('3')")
    done = runner.call("adopt", "--yes")
    assert done.returncode == 0
    assert "There is a ledger already, with 2 migrations" in done.stdout
    assert runner.applied == ["1_a", "2_b"]


def test_a_long_history_is_cut_and_counted(runner: Runner) -> None:
    for number in range(4, 60):
        write(runner.folder, f"{number}_x")
    done = runner.call("adopt", "--dry-run")
    assert "39 more before these, 2 of them applied; --json shows all." in done.stdout
    assert "pending  59_x" in done.stdout


def test_a_table_of_another_name_in_another_schema(runner: Runner) -> None:
    runner.query(f"CREATE SCHEMA audit; ALTER TABLE {TABLE} SET SCHEMA audit; "
                 "ALTER TABLE audit.schema_migrations RENAME TO versions")  # fmt: skip
    assert "no history of another tool" in take(runner).message
    assert take(runner, Wish(table="audit.versions"), dry_run=True).applied == ["1_a", "2_b"]
    assert take(runner, Wish(table="audit.versions", tool="dbmate")).applied == ["1_a", "2_b"]


def test_a_table_outside_the_search_path_is_taken_when_it_is_named(runner: Runner) -> None:
    runner.query(f"CREATE SCHEMA audit; ALTER TABLE {TABLE} SET SCHEMA audit")
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "audit.schema_migrations of dbmate is there, outside the search path" in taken.message
    assert "--table SCHEMA.NAME takes it" in taken.advice
    done = runner.call("adopt", "--table", "audit.schema_migrations", "--yes")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(table="public.nothing"), "There is no table public.nothing."),
        (Wish(table="nothing"), "There is no table nothing on the search path."),
        (Wish(table="public.books"), "public.books has the columns id, as no tool's history has them"),
        (Wish(table=TABLE, tool="goose"), "it has no column id, is_applied, version_id, only version"),
        (
            Wish(tool="goose"),
            "has no table of goose on the search path. public.schema_migrations of dbmate is",
        ),
    ],
    ids=["missing", "missing on path", "no tool's", "another tool's", "tool not there"],
)
def test_what_is_named_wrongly_is_refused(runner: Runner, wish: Wish, words: str) -> None:
    taken = take(runner, wish)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert words in taken.message
    assert taken.advice
    assert not has_ledger(runner)


def test_two_histories_need_a_word(runner: Runner) -> None:
    make(runner, YOYO, "_yoyo_migration")
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "public._yoyo_migration of yoyo, public.schema_migrations of dbmate" in taken.message
    assert "--from TOOL" in taken.advice
    assert take(runner, Wish(tool="dbmate")).applied == ["1_a", "2_b"]


def test_a_tool_is_named_in_any_case(runner: Runner) -> None:
    assert runner.call("adopt", "--from", "DBMATE", "--dry-run").returncode == 0


def test_an_empty_database_has_no_history(database: str, folder: Path) -> None:
    write(folder, "1_a")
    taken = take(Runner(database, folder))
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "has no table: there is no history" in taken.message
    assert "switchback migrate" in taken.advice


def test_without_a_history_the_other_way_is_named(runner: Runner) -> None:
    runner.query(f"DROP TABLE {TABLE}")
    done = runner.call("adopt", "--yes")
    assert done.returncode == 11
    assert "Looked for: golang-migrate, dbmate, goose, Flyway, Drizzle, yoyo, Alembic." in done.stderr
    assert "switchback baseline --target ID" in done.stderr


def test_a_role_that_may_not_read_is_told_what_to_grant(runner: Runner, stranger: str) -> None:
    done = runner.call("adopt", "--role", stranger, "--yes")
    assert done.returncode == 7
    grant = f'GRANT USAGE ON SCHEMA "public" TO "{stranger}"; GRANT SELECT ON "public"."schema_migrations" TO'
    assert grant in done.stderr
    runner.query(f"GRANT SELECT ON {TABLE} TO {stranger}")
    done = runner.call("adopt", "--role", stranger, "--yes")
    assert done.returncode == 0, done.stderr


def test_rows_that_are_hidden_from_the_role_are_not_taken_for_none(runner: Runner, stranger: str) -> None:
    runner.query(f"GRANT ALL ON {TABLE} TO {stranger}; ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    for words in (("adopt", "--yes"), ("migrate", "--adopt")):
        done = runner.call(*words, "--role", stranger)
        assert done.returncode == 7, done.stdout
        assert f"The role {stranger} may not see all rows of {TABLE}, the history of dbmate" in done.stderr
        assert "row-level security" in done.stderr
        assert f'ALTER ROLE "{stranger}" BYPASSRLS' in done.stderr
    assert not has_ledger(runner)
    assert take(runner).applied == ["1_a", "2_b"], "the owner sees them all"


@pytest.mark.parametrize(
    ("ddl", "row", "column"),
    [
        ("CREATE TABLE {table} (version varchar)", "NULL", "version"),
        (GOLANG_MIGRATE.replace("NOT NULL", ""), "2, NULL", "dirty"),
        (YOYO, "'x', NULL, now()", "migration_id"),
        ("CREATE TABLE {table} (version_num varchar)", "NULL", "version_num"),
    ],
    ids=["dbmate", "golang-migrate", "yoyo", "Alembic"],
)
def test_a_row_that_says_nothing_is_refused(
    database: str, folder: Path, ddl: str, row: str, column: str
) -> None:
    write(folder, "1_a", "2_b")
    runner = Runner(database, folder)
    make(runner, ddl, "some_history")
    runner.query(f"INSERT INTO some_history VALUES ({row})")
    taken = take(runner, Wish(table="some_history"))
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "public.some_history of " in taken.message
    assert f"has a row whose {column} is NULL" in taken.message
    assert "run again" in taken.advice
    assert not has_ledger(runner)


def test_a_table_that_is_locked_is_told(runner: Runner) -> None:
    with psycopg.connect(runner.url) as other:
        other.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE".encode())
        taken = take(runner)
    assert taken.reason is Reason.OBJECTS_LOCKED
    assert f"{TABLE} is locked by another session: perhaps dbmate is at work." in taken.message


def test_a_row_that_is_being_written_is_waited_for(runner: Runner) -> None:
    """Reading does not see it; the lock before the last look does."""
    with psycopg.connect(runner.url) as other:
        other.execute(f"INSERT INTO {TABLE} VALUES ('3')".encode())
        taken = take(runner)
    assert taken.reason is Reason.OBJECTS_LOCKED
    assert not has_ledger(runner)


def test_a_history_that_moves_on_meanwhile_is_not_taken_over(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from switchback.runner.session import Session  # noqa: PLC0415 - only this test looks inside

    ensure = Session.ensure

    def late(self: Session, ledger: object) -> object:
        runner.query(f"INSERT INTO {TABLE} VALUES ('3')")
        return ensure(self, ledger)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "ensure", late)
    taken = take(runner)
    assert taken.reason is Reason.PLAN_MOVED
    assert "has changed since it was read" in taken.message
    assert not has_ledger(runner)


def test_a_map_is_read_from_a_file(runner: Runner) -> None:
    runner.query(f"UPDATE {TABLE} SET version = 'x' || version")
    mapping = runner.folder.parent / "map.txt"
    mapping.write_text("# theirs  ours\n\nx1 1_a\nx2\t2_b\nx9 3_c\n")
    assert runner.call("adopt", "--yes").returncode == 11
    done = runner.call("adopt", "--map", str(mapping), "--yes")
    assert done.returncode == 0, done.stderr
    assert runner.applied == ["1_a", "2_b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x1\n", "line 1: expected are two words"),
        ("x1 1_a\nx1 2_b\n", "line 2: x1 stands there twice"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["one word", "twice", "no file"],
)
def test_a_map_that_is_none_is_refused(runner: Runner, text: str | None, words: str) -> None:
    mapping = runner.folder.parent / "map.txt"
    if text is not None:
        mapping.write_text(text)
    done = runner.call("adopt", "--map", str(mapping))
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [("--target", "1", "--map", "x"), ("--keep-rows", "--target", "1"), ("--keep-rows", "--map", "x")],
)
def test_options_that_exclude_each_other(runner: Runner, words: tuple[str, ...]) -> None:
    assert runner.call("adopt", *words).returncode == 2


def test_golang_migrate_keeps_its_words(database: str, folder: Path) -> None:
    write(folder, "1_a", "2_b")
    runner = Runner(database, folder)
    make(runner, GOLANG_MIGRATE, TABLE)
    runner.query(f"INSERT INTO {TABLE} VALUES (2, true)")
    done = runner.call("adopt", "--yes")
    assert (done.returncode, "version 2 is dirty" in done.stderr) == (11, True)
    assert "migrate force VERSION" in done.stderr
    runner.query(f"UPDATE {TABLE} SET dirty = false")
    assert take(runner).applied == ["1_a", "2_b"]
