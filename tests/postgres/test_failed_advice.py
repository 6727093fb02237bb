"""What to do about a statement that failed: it depends on the direction, and on what the server has said."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = frozenset(Risk)
WRONG = "DROP TABLE t_0001_a;\nDROP TABLE nowhere;\n"
FROM_FILE = "--down-from file"
MODULE = 'id = "0001_a"\ndescription = "a"\n{head}def up(connection):\n    connection.execute("SELECT 1")\n'
DOWN = "def down(connection):\n    connection.execute({text!r})\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    return Runner(database, folder)


@pytest.mark.parametrize("mark", ["", "-- switchback: no-transaction\n"])
def test_a_way_back_that_failed_says_how_its_mended_file_runs(runner: Runner, mark: str) -> None:
    write(runner.folder, _0001_a_down=mark + WRONG)
    runner.up()
    ending = runner.down(accept=ALL)
    assert ending.result.reason is (Reason.FAILED_PARTLY if mark else Reason.SQL_FAILED)
    assert FROM_FILE in ending.advice
    assert "rollback.downSource: Source" in ending.advice
    assert "is applied" not in ending.advice
    write(runner.folder, _0001_a_down=mark + WRONG.replace("nowhere", "IF EXISTS nowhere"))
    assert runner.down(accept=ALL).result.reason is Reason.FILE_CHANGED
    assert runner.down(accept=ALL, down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED
    assert runner.tables == set()


def test_on_the_way_forward_nothing_is_said_of_the_way_back(runner: Runner) -> None:
    runner.query("CREATE TABLE old (id int PRIMARY KEY); CREATE TABLE new (id int REFERENCES old)")
    write(runner.folder, _0001_a_up="DROP TABLE old;")
    ending = runner.up(allow_non_empty=True)
    assert ending.result.reason is Reason.SQL_FAILED
    assert "Drop what depends on it first, in the same file." in ending.advice
    assert "--cascade" not in ending.advice
    assert FROM_FILE not in ending.advice


def test_on_the_way_back_cascade_is_an_offer(runner: Runner) -> None:
    runner.up()
    runner.query("CREATE VIEW looks AS SELECT * FROM t_0001_a")
    ending = runner.down(accept=ALL)
    assert "--dry-run --cascade" in ending.advice
    assert FROM_FILE in ending.advice


@pytest.mark.parametrize("head", ["", "transactional = False\n"])
def test_a_module_on_its_way_back(database: str, tmp_path: Path, head: str) -> None:
    path = tmp_path / "migrations" / "a.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(MODULE.format(head=head) + DOWN.format(text="DROP TABLE nowhere"))
    runner = Runner(database, path.parent)
    runner.up()
    ending = runner.down(accept=ALL)
    assert FROM_FILE in ending.advice
    assert "is applied" not in ending.advice
    path.write_text(MODULE.format(head=head) + DOWN.format(text="SELECT 1"))
    assert runner.down(accept=ALL, down_from=DownFrom.FILE).result.reason is Reason.SUCCEEDED


def test_of_the_ledger(runner: Runner) -> None:
    """The way back that is wrong is in no file."""
    write(runner.folder, "0002_b", _0001_a_down=WRONG)
    runner.up(target="0001_a")
    for half in ("up", "down"):
        (runner.folder / f"0001_a.{half}.sql").unlink()
    ending = runner.down(accept=ALL)
    assert ending.result.reason is Reason.SQL_FAILED
    assert (
        f"Bring the file back with a down half that works, then roll back with {FROM_FILE}" in ending.advice
    )


@pytest.fixture
def poor(runner: Runner) -> Iterator[Runner]:
    """A user that may do nothing but keep a ledger."""
    name = f"poor_{secrets.token_hex(4)}"
    base = conninfo_to_dict(runner.url)["dbname"]
    runner.query(
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {base} TO {name}; "
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE TABLE theirs (id int)"
    )
    where = conninfo_to_dict(runner.url)
    host = where["host"]
    yield Runner(f"postgresql://{name}:x@/{base}?host={host}&port={where['port']}", runner.folder)
    runner.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("CREATE TABLE mine (id int);", "GRANT USAGE, CREATE ON SCHEMA public TO {who};"),
        ("INSERT INTO theirs VALUES (1);", "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE theirs TO {who};"),
        ("ALTER TABLE theirs ADD v int;", "Run as the owner of table theirs"),
    ],
)
def test_a_missing_right_is_no_wrong_statement(poor: Runner, statement: str, advice: str) -> None:
    who = conninfo_to_dict(poor.url)["user"]
    for mark in ("", "-- switchback: no-transaction\nSELECT 1;\n"):
        write(poor.folder, _0001_a_up=mark + statement)
        ending = poor.up(allow_non_empty=True)
        assert ending.result.exit_code == (9 if mark else 8)
        assert advice.format(who=who) in ending.advice
        assert "Correct the named" not in ending.advice
    assert "run again" in ending.advice


def test_a_right_that_a_module_lacks(poor: Runner) -> None:
    who = conninfo_to_dict(poor.url)["user"]
    for path in poor.folder.iterdir():
        path.unlink()
    text = MODULE.format(head="").replace("SELECT 1", "CREATE TABLE mine ()") + DOWN.format(text="SELECT 1")
    (poor.folder / "a.py").write_text(text)
    ending = poor.up(allow_non_empty=True)
    assert ending.result.reason is Reason.SQL_FAILED
    assert f"GRANT USAGE, CREATE ON SCHEMA public TO {who};" in ending.advice


def test_a_role_that_does_not_own_the_ledger(runner: Runner) -> None:
    """A GRANT would open the ledger to others than its owner."""
    other = f"other_{secrets.token_hex(4)}"
    runner.query(f"CREATE ROLE {other}")
    runner.up()
    runner.role = other
    try:
        ending = runner.up()
        assert (ending.result.reason, ending.result.exit_code) == (Reason.PERMISSION_DENIED, 7)
        assert f" as role {other} " in ending.text
        assert "GRANT" not in ending.advice
        assert "The ledger in schema switchback belongs to another role" in ending.advice
        runner.query(f"GRANT USAGE ON SCHEMA switchback TO {other}")
        assert "The ledger in schema switchback belongs to another role" in runner.up().advice
    finally:
        runner.query(f"DROP OWNED BY {other}; DROP ROLE {other}")


def test_a_statement_without_time_names_an_option_that_there_is(runner: Runner) -> None:
    write(runner.folder, _0001_a_up="SELECT pg_sleep(5);")
    ending = runner.with_limits(statement_timeout_ms=100).up()
    assert "or --statement-timeout, in the resource spec.execution.statementTimeoutSeconds" in ending.advice


@pytest.fixture
def app(poor: Runner, runner: Runner) -> Iterator[str]:
    """A role that the poor user may take, and that has even less."""
    name = f"app_{secrets.token_hex(4)}"
    runner.query(
        f"CREATE ROLE {name}; GRANT {name} TO {conninfo_to_dict(poor.url)['user']}; "
        f"CREATE FUNCTION of_app() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM theirs';"
        f"ALTER FUNCTION of_app() OWNER TO {name}; GRANT USAGE ON SCHEMA public TO {name}"
    )
    yield name
    runner.query(f"DROP FUNCTION of_app(); DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL ROLE {app};\nDELETE FROM theirs;",
        "SELECT set_config('role', '{app}', true);\nDELETE FROM theirs;",
        "SET LOCAL ROLE {app};\nCREATE TABLE mine (id int);",
        "SET LOCAL ROLE {app};\nALTER TABLE theirs ADD v int;",
        "SELECT of_app();",
    ],
)
def test_a_right_that_another_role_lacks_is_not_given_to_the_login(poor: Runner, app: str, text: str) -> None:
    who = conninfo_to_dict(poor.url)["user"]
    write(poor.folder, _0001_a_up=text.format(app=app))
    ending = poor.up(allow_non_empty=True)
    assert ending.result.reason is Reason.SQL_FAILED, ending.text
    assert ending.sqlstate == "42501"
    assert str(who) not in ending.advice
    assert "as which the statement runs" in ending.advice
    assert "Correct the named" not in ending.advice


def test_a_block_runs_as_the_login(poor: Runner) -> None:
    write(poor.folder, _0001_a_up="DO $$ BEGIN DELETE FROM theirs; END $$;")
    who = conninfo_to_dict(poor.url)["user"]
    assert f"ON TABLE theirs TO {who};" in poor.up(allow_non_empty=True).advice
