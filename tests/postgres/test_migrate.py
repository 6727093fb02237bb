"""Applying: every file in a transaction of its own together with its record."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.migrations import script
from switchback.runner.errors import RunnerError
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.servers import Server


DEFERRED = """CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED);
INSERT INTO c VALUES (1);
SELECT 1;"""


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def test_applies_in_order_and_says_so(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0002_b", "0003_c")
    ending, words = runner.told("migrate", by="op-1", reason="INC-1 it's \\ slow")
    assert ending.result.reason is Reason.SUCCEEDED
    assert (ending.result.current, ending.result.direction) == ("0003_c", Direction.FORWARD)
    assert ending.result.applied_tail == ("0001_a", "0002_b", "0003_c")
    assert words.lines == [f"Forward {name}" for name in ("0001_a", "0002_b", "0003_c")]
    assert runner.tables == {"t_0001_a", "t_0002_b", "t_0003_c"}
    rows = runner.query(
        "SELECT id, position, operation_id, reason, down_sql, statements_done, duration_ms IS NOT NULL "
        "FROM switchback.migrations ORDER BY position"
    )
    assert rows[1] == ("0002_b", 2, "op-1", "INC-1 it's \\ slow", "DROP TABLE t_0002_b;\n", 1, True)
    events = runner.query("SELECT kind, migration_id FROM switchback.events ORDER BY seq")
    assert events == [("Created", None), *[("Applied", name) for name in runner.applied]]


def test_nothing_to_do_writes_nothing(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    runner.up()
    before = runner.query("SELECT revision FROM switchback.meta")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.UP_TO_DATE, 0)
    assert ending.result.current == ending.result.target == "0001_a"
    assert runner.query("SELECT revision FROM switchback.meta") == before


def test_reading_creates_nothing(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    ending = runner.run("inspect")
    assert ending.result.current == "base"
    assert ending.result.pending == 1
    assert runner.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'switchback'") == [(0,)]


def test_target_and_steps(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0002_b", "0003_c")
    runner.up(target="1")
    assert runner.applied == ["0001_a"]
    runner.up(steps=1)
    assert runner.applied == ["0001_a", "0002_b"]
    ending = runner.up(steps=9)
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    assert ending.result.current == "0003_c"


def test_bad_statement_in_the_second_of_three(runner: Runner) -> None:
    write(
        runner.folder,
        "0001_a",
        "0003_c",
        _0002_b_up="CREATE TABLE b (id int);\n\nINSERT INTO nowhere\n  VALUES (1);\n",
    )
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8)
    assert isinstance(ending.error, RunnerError)
    assert (ending.error.place, ending.error.sqlstate) == ("0002_b.up.sql:3", "42P01")
    assert ending.result.current == "0001_a"
    assert "0002_b.up.sql:3" in ending.result.message
    assert "42P01" in ending.result.message
    assert runner.applied == ["0001_a"]
    assert runner.tables == {"t_0001_a"}


def test_syntax_error_in_the_last_lets_those_before_it_run(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0002_b", _0003_c_up="SELECT 1;\nCREATE TABEL c (id int);\n")
    ending = runner.up()
    assert isinstance(ending.error, RunnerError)
    assert (ending.error.place, ending.error.sqlstate) == ("0003_c.up.sql:2", "42601")
    assert runner.applied == ["0001_a", "0002_b"]
    assert ending.result.current == "0002_b"


@pytest.mark.parametrize(
    ("text", "line", "sqlstate"),
    [
        ("CREATE TABLE u (i int);\nINSERT INTO u VALUES (1),(1);\nCREATE UNIQUE INDEX ON u (i);", 3, "23505"),
        ("SELECT 1;\n-- what follows fails at run time\n\nSELECT 1 /\n 0;", 4, "22012"),
        ("DO $$\nBEGIN\n  RAISE 'no';\nEND $$;", 1, "P0001"),
        (DEFERRED, 3, "23503"),
        ("SELECT 'ä€𝄞', '…';\nCREATE TABLE ü (é int);\nSELECT nope FROM ü;", 3, "42703"),
    ],
    ids=["unique index", "division", "raise", "deferred constraint at COMMIT", "beyond ASCII"],
)  # fmt: skip
def test_errors_without_a_position_get_their_line(
    runner: Runner, text: str, line: int, sqlstate: str
) -> None:
    write(runner.folder, "0001_a", "0003_c", _0002_b_up=text)
    ending = runner.up()
    assert isinstance(ending.error, RunnerError)
    assert (ending.error.place, ending.error.sqlstate) == (f"0002_b.up.sql:{line}", sqlstate)
    assert runner.applied == ["0001_a"]
    assert runner.tables == {"t_0001_a"}


@pytest.mark.parametrize("word", ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"])
def test_a_hidden_end_of_the_transaction_is_caught(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(script, "_control", lambda *_: None)
    write(runner.folder, "0003_c", _0001_a_up=f"CREATE TABLE a (id int);\n{word};\nCREATE TABLE b (id int);")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert "b" not in runner.tables
    committed = word.startswith("COMMIT")
    assert ("a" in runner.tables) is committed
    assert runner.applied == (["0001_a"] if committed else [])
    if committed:
        assert runner.query("SELECT statements_done, statements_total FROM switchback.migrations")[0][0] == 2
        assert runner.up().result.reason is Reason.FAILED_PARTLY


@pytest.mark.parametrize("mark", ["", "-- switchback: no-transaction\n"], ids=["in one", "one by one"])
@pytest.mark.parametrize(
    "word",
    ["SET TRANSACTION READ ONLY", "SET LOCAL transaction_read_only = on",
     "DO $$ BEGIN PERFORM set_config('transaction_read_only', 'on', true); END $$"],
)  # fmt: skip
def test_a_file_that_makes_its_transaction_read_only(runner: Runner, word: str, mark: str) -> None:
    """Nothing was ended, and nothing was left behind."""
    write(runner.folder, _0001_a_up=f"{mark}{word};\nSELECT 1;")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8)
    assert isinstance(ending.error, RunnerError)
    assert (ending.error.sqlstate, ending.error.line) == ("25006", 2 if mark else 1)
    assert "read-only" in ending.text
    assert "by hand" not in ending.advice
    assert runner.applied == []


def test_what_a_commit_before_a_read_only_transaction_left_is_told(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "_control", lambda *_: None)
    write(runner.folder, _0001_a_up="CREATE TABLE a (id int);\nCOMMIT;\nBEGIN READ ONLY;\nSELECT 1;")
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert "a" in runner.tables


def test_a_character_that_the_database_cannot_hold(server: Server, folder: Path) -> None:
    """The server refuses the whole string and does not say where."""
    name = f"t_latin1_{secrets.token_hex(4)}"
    with server.connect() as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0".encode())
    try:
        runner = Runner(server.url(name), folder)
        write(folder, "0001_a", "0003_c", _0002_b_up="CREATE TABLE b (v text);\nINSERT INTO b VALUES ('→');")
        ending = runner.up()
        assert isinstance(ending.error, RunnerError)
        assert (ending.error.file, ending.error.sqlstate) == ("0002_b.up.sql", "22P05")
        assert runner.applied == ["0001_a"]
    finally:
        server.drop_database(name)


def test_an_enum_value_is_used_in_a_later_file(runner: Runner) -> None:
    write(
        runner.folder,
        _0001_a_up="CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE m (v mood);",
        _0002_b_up="ALTER TYPE mood ADD VALUE 'ok';",
        _0003_c_up="INSERT INTO m VALUES ('ok');",
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    write(runner.folder, _0004_d_up="ALTER TYPE mood ADD VALUE 'fine'; INSERT INTO m VALUES ('fine');")
    ending = runner.up()
    assert isinstance(ending.error, RunnerError)
    assert ending.error.sqlstate == "55P04"
    assert "migration of its own" in ending.error.advice


def test_settings_of_one_file_do_not_reach_the_next(runner: Runner) -> None:
    write(
        runner.folder,
        _0001_a_up="CREATE SCHEMA s; CREATE ROLE r_pytest; GRANT ALL ON SCHEMA s TO r_pytest;\n"
        "SET search_path = s; SET client_min_messages = error; SET ROLE r_pytest;\n"
        "CREATE TABLE inside (id int);",
        _0002_b_up="CREATE TABLE outside (id int); RESET ALL; SET standard_conforming_strings = off;",
        _0003_c_up="DROP OWNED BY r_pytest; DROP ROLE r_pytest;",
    )
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert runner.tables == {"outside"}


def test_a_file_that_ends_in_a_comment_swallows_nothing(runner: Runner) -> None:
    write(
        runner.folder,
        _0001_a_up="CREATE TABLE a (id int) -- no semicolon",
        _0002_b_up="CREATE TABLE b (id int) /* x */",
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.tables == {"a", "b"}


def test_many_files_travel_together_and_each_is_its_own(runner: Runner) -> None:
    write(runner.folder, *[f"{n:04d}_x" for n in range(1, 151)])
    (runner.folder / "0100_x.up.sql").write_text("CREATE TABLE broken (id int); SELECT 1/0;")
    ending = runner.up()
    assert isinstance(ending.error, RunnerError)
    assert ending.error.place == "0100_x.up.sql:1"
    assert len(runner.applied) == 99
    (runner.folder / "0100_x.up.sql").write_text("CREATE TABLE broken (id int);")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert len(runner.applied) == 150


def test_a_large_file_travels_alone(runner: Runner) -> None:
    rows = ",\n".join(f"({n}, '{'x' * 90}')" for n in range(20_000))
    write(
        runner.folder,
        "0001_a",
        "0003_c",
        _0002_b_up=f"CREATE TABLE big (id int, v text);\nINSERT INTO big VALUES {rows};",
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.query("SELECT count(*) FROM big") == [(20_000,)]


def test_what_files_say_is_heard(runner: Runner) -> None:
    write(runner.folder, _0001_a_up="DO $$ BEGIN RAISE NOTICE 'half of it'; END $$; DROP TABLE IF EXISTS x;")
    _, words = runner.told("migrate")
    assert words.lines[1:] == [
        "NOTICE: half of it", 'NOTICE: table "x" does not exist, skipping', "Forward 0001_a",
    ]  # fmt: skip


def test_what_a_terminal_would_obey_is_not_handed_on(runner: Runner) -> None:
    escapes = "chr(27) || ']0;title' || chr(7) || chr(155) || '31m' || chr(127)"
    write(
        runner.folder,
        _0001_a_up=f"DO $$ BEGIN RAISE NOTICE '%', {escapes};\n"
        f"RAISE EXCEPTION '%', {escapes} USING DETAIL = {escapes}, HINT = {escapes}; END $$;",
    )
    ending, words = runner.told("migrate")
    assert "?]0;title?" in ending.result.message
    assert ending.result.message.isprintable()
    assert "NOTICE: ?]0;title?" in words.text
    assert words.text.replace("\n", "").isprintable()
    shown = runner.call("migrate", "--dir", str(runner.folder))
    assert shown.returncode == 8
    assert "?]0;title?" in shown.stderr
    assert (shown.stdout + shown.stderr).replace("\n", "").isprintable()


def test_first_contact_with_a_database_in_use(runner: Runner) -> None:
    runner.query("CREATE TABLE mine (id int)")
    write(runner.folder, "0001_a")
    for operation in ("inspect", "migrate"):
        ending = runner.run(operation)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.BASELINE_REQUIRED, 11)
    assert runner.up(allow_non_empty=True).result.reason is Reason.SUCCEEDED


def test_an_extension_is_nobodys_table(runner: Runner, server: object) -> None:
    if not runner.query("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'"):
        pytest.skip("no contrib here")
    runner.query("CREATE EXTENSION pg_stat_statements")
    write(runner.folder, "0001_a")
    assert runner.run("inspect").result.reason is Reason.SUCCEEDED


def test_dry_run_is_enforced_by_the_server(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    ending = runner.up(dry_run=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert [step.id for step in ending.result.steps] == ["0001_a"]
    assert runner.tables == set()
    assert runner.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'switchback'") == [(0,)]


def test_out_of_order(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0003_c")
    runner.up()
    write(runner.folder, "0002_b", "0004_d")
    for target in (None, "0004_d", "0002_b"):
        ending = runner.up(target=target)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.OUT_OF_ORDER, 4), target
        assert "0002_b" in ending.result.message
    assert runner.applied == ["0001_a", "0003_c"]


def test_source_behind_ledger(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0002_b")
    runner.up()
    (runner.folder / "0002_b.up.sql").unlink()
    (runner.folder / "0002_b.down.sql").unlink()
    for operation in ("inspect", "migrate"):
        ending = runner.run(operation)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.SOURCE_BEHIND_LEDGER, 4)
        assert ending.result.current == "0002_b"
    assert runner.applied == ["0001_a", "0002_b"]


def test_a_changed_file_is_refused_and_a_reformatted_one_is_not(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    runner.up()
    write(runner.folder, "0002_b")
    path = runner.folder / "0001_a.up.sql"
    original = path.read_text()
    path.write_text(f"-- a comment\r\n{original}")
    ending, words = runner.told("migrate", target="0001")
    assert ending.result.reason is Reason.UP_TO_DATE
    assert "comments or blanks" in words.text
    path.write_text(original.replace("int", "bigint"))
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_CHANGED, 4)
    assert runner.applied == ["0001_a"]


def test_a_renamed_file_does_not_run_twice(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    runner.up()
    for half in ("up", "down"):
        (runner.folder / f"0001_a.{half}.sql").rename(runner.folder / f"0002_a.{half}.sql")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_MISSING, 4)
    assert "0001_a is now 0002_a" in ending.result.message


def test_a_file_that_becomes_somebody_else(server: Server, folder: Path) -> None:
    """With --role: after SET SESSION AUTHORIZATION, record and next file are the role's again."""
    name = server.create_database()
    owner, other = f"r_owner_{secrets.token_hex(3)}", f"r_other_{secrets.token_hex(3)}"
    write(
        folder,
        _0001_a_up=f"SET SESSION AUTHORIZATION {other}; CREATE TABLE others (id int);",
        _0002_b_up="CREATE TABLE owners (id int);",
    )
    with server.connect() as admin:
        admin.execute(f"CREATE ROLE {owner}; CREATE ROLE {other}".encode())
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO {owner}'.encode())
        try:
            runner = Runner(server.url(name), folder, role=owner)
            runner.query(f"GRANT ALL ON SCHEMA public TO {other}")
            ending = runner.up()
            assert ending.result.reason is Reason.SUCCEEDED, ending.text
            rows = runner.query(
                "SELECT tablename, tableowner FROM pg_tables WHERE schemaname IN ('public', 'switchback')"
            )
            owners = dict(rows)
            assert owners == {
                "others": other, "owners": owner, "migrations": owner, "events": owner, "meta": owner,
            }  # fmt: skip
        finally:
            server.drop_database(name)
            admin.execute(f"DROP ROLE {owner}; DROP ROLE {other}".encode())
