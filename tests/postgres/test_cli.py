"""The command line as a person and as a Job call it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from switchback.contract import result as contract
from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner.connect import Wishes, connect
from switchback.runner.url import read
from tests.postgres.running import Runner, write
from tests.postgres.servers import PASSWORD
from tests.postgres.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server


@pytest.fixture
def runner(pg18: Server, folder: Path) -> Iterator[Runner]:
    """On one server only: what differs between servers is tested below the command line."""
    write(folder, "0001_a", "0002_b", "0003_c")
    name = pg18.create_database()
    yield Runner(pg18.url(name), folder)
    pg18.drop_database(name)


def test_a_life(runner: Runner) -> None:
    assert "0 applied, 3 pending." in runner.call("status").stdout
    assert runner.call("status", "--check").returncode == 3
    dry = runner.call("migrate", "--dry-run")
    assert (dry.returncode, "CREATE TABLE t_0001_a" in dry.stdout) == (0, True)
    done = runner.call("up", "--target", "2", "--reason", "INC-1")
    assert done.returncode == 0
    assert "applied  0002_b" in done.stdout
    assert done.stderr == ""
    assert runner.call("plan", "--exit-code").returncode == 3
    assert runner.call("migrate").returncode == 0
    assert runner.call("plan", "--exit-code").returncode == 0
    status = runner.call("status", "--check")
    assert (status.returncode, "3 applied, 0 pending." in status.stdout) == (0, True)
    back = runner.call("down", "--target", "0001")
    assert back.returncode == 0
    assert back.stdout.splitlines()[-1] == "Rolled back 2 migrations; the database is at 0001_a."
    assert runner.applied == ["0001_a"]


def test_status_names_what_does_not_fit(runner: Runner) -> None:
    write(runner.folder, "0005_e")
    runner.call("migrate")
    write(runner.folder, "0004_d")
    (runner.folder / "0001_a.up.sql").write_text("SELECT 1;")
    for half in ("up", "down"):
        (runner.folder / f"0002_b.{half}.sql").unlink()
        (runner.folder / f"0003_c.{half}.sql").rename(runner.folder / f"0006_c.{half}.sql")
    done = runner.call("status", "--check", "--json")
    assert done.returncode == 4
    states = {each["id"]: each["state"] for each in json.loads(done.stdout)["migrations"]}
    assert states == {
        "0001_a": "changed", "0002_b": "missing", "0003_c": "renamed", "0005_e": "applied",
        "0004_d": "pending",
    }  # fmt: skip
    assert json.loads(done.stdout)["summary"]["outOfOrder"] == 1
    text = runner.call("status").stdout
    assert "out of order" in text
    assert "0006_c.up.sql" in text


def test_many_applied_are_counted_not_listed(runner: Runner) -> None:
    write(runner.folder, *[f"{n:04d}_x" for n in range(4, 40)])
    runner.call("migrate")
    assert "29 earlier ones are applied" in runner.call("status").stdout
    assert "0001_a" in runner.call("status", "--all").stdout


@pytest.mark.parametrize("target", ["", " "])
def test_an_empty_target_is_not_the_default(runner: Runner, target: str) -> None:
    """`--target "$VERSION"` where VERSION is not set."""
    runner.up(target="1")
    run = ("run", "--operation", "migrate", "--operation-id", "aa-1", "--dir", str(runner.folder))
    for words in (("migrate",), ("plan",), ("rollback",), run):
        assert runner.call(*words, "--target", target).returncode == 2, words
    assert runner.applied == ["0001_a"]


def test_a_failure_tells_place_statement_and_reason(runner: Runner) -> None:
    (runner.folder / "0002_b.up.sql").write_text("SELECT 1;\nINSERT INTO nowhere\n VALUES ('private');\n")
    done = runner.call("migrate")
    assert done.returncode == 8
    assert "0002_b.up.sql:2" in done.stderr
    assert "42P01" in done.stderr
    assert "INSERT INTO nowhere" in done.stderr, "the log shows the statement"
    assert "0001_a" in done.stderr
    (runner.folder / "0002_b.up.sql").write_text("CREATE TABEL private (id int);")
    done = runner.call("migrate", "--json")
    assert 'at or near "TABEL"' in done.stderr, "people see what the server said"
    assert "no transaction in progress" not in done.stderr
    data = json.loads(done.stdout)
    assert data["reason"] == "SQLFailed"
    assert "TABEL" not in json.dumps(data), "the result does not hold it: it might be data"


def test_programs_find_the_place_of_a_failure(runner: Runner) -> None:
    (runner.folder / "0002_b.up.sql").write_text("SELECT 1;\nINSERT INTO nowhere VALUES ('private');\n")
    done = runner.call("up", "--json")
    data = json.loads(done.stdout)
    assert (data["command"], data["operation"]) == ("migrate", "migrate")
    assert (data["file"], data["line"], data["sqlstate"]) == ("0002_b.up.sql", 2, "42P01")
    assert data["advice"] in done.stderr
    assert "problems" not in data
    assert not [key for key in (*data, *data["database"]) if "_" in key], "one spelling everywhere"
    assert data["database"]["systemIdentifier"]
    for words in (("redo", "--dry-run"), ("reset", "--dry-run"), ("repair", "--release"), ("protect",)):
        assert json.loads(runner.call(*words, "--json").stdout)["command"] == words[0]


def test_every_wrong_file_has_its_own_advice(runner: Runner) -> None:
    (runner.folder / "0001_a.up.sql").write_bytes(b"SELECT '\xff';\n")
    (runner.folder / "0002_b.up.sql").write_text("\n")
    (runner.folder / "0003_C.up.sql").write_text("SELECT 1;\n")
    done = runner.call("plan", "--json")
    problems = json.loads(done.stdout)["problems"]
    assert ("0001_a.up.sql", 1) in [(one["file"], one.get("line")) for one in problems]
    assert len(problems) > 1
    assert all(one["message"] and one["advice"] for one in problems)
    assert " more)" not in done.stderr, "all of them follow"
    at = 0
    for one in problems:
        place = f"{one['file']}:{one['line']}" if "line" in one else one["file"]
        at = done.stderr.index(f"error: {place}: {one['message']}\n{one['advice']}\n", at)
    assert done.stderr.count("error:") == len(problems)


def test_run_always_leaves_a_result(runner: Runner, tmp_path: Path) -> None:
    file = tmp_path / "result"

    def run(*words: str, **environment: str) -> contract.Result:
        file.unlink(missing_ok=True)
        done = runner.call(
            "run", "--operation-id", "aa-1", "--dir", str(runner.folder), "--result-file", str(file), *words,
            **environment,
        )  # fmt: skip
        found = contract.decode(file.read_text())
        assert done.returncode == found.exit_code
        assert "Traceback" not in done.stderr
        return found

    assert run("--operation", "migrate").reason is Reason.SUCCEEDED
    back = run("--operation", "inspect", "--target", "1")
    assert (back.direction, back.target, back.current) == (Direction.BACKWARD, "0001_a", "0003_c")
    assert [step.id for step in back.steps] == ["0003_c", "0002_b"]
    assert back.database is not None
    assert run("--operation", "migrate", "--target", "nine").reason is Reason.TARGET_UNKNOWN
    assert run("--operation", "migrate", DATABASE_URL="").reason is Reason.URL_MISSING
    assert run("--operation", "migrate", DATABASE_URL="mysql://x").reason is Reason.URL_INVALID
    assert run("--operation", "migrate", DATABASE_URL="postgresql://x@127.0.0.1:1/x").exit_code == 7
    assert run("--operation", "migrate", "--dir", "/nonexistent").reason is Reason.SOURCE_MISSING
    words = ("run", "--operation", "inspect", "--operation-id", "aa-1", "--dir", str(runner.folder), "--json")
    assert contract.decode(runner.call(*words).stdout).reason is Reason.SUCCEEDED


def test_a_bug_is_told_without_a_traceback(runner: Runner, tmp_path: Path) -> None:
    """A stand-in for what nobody has thought of: the planner is replaced by something that dies."""
    file = tmp_path / "result"
    program = (
        "import sys\nfrom switchback.runner.operations import migrate\n"
        "migrate.look = lambda *_: {}['no such key']\nfrom switchback.cli.main import main\n"
        f"sys.argv = ['switchback', 'run', '--operation', 'migrate', '--operation-id', 'aa-1', "
        f"'--dir', {str(runner.folder)!r}, '--result-file', {str(file)!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], env=runner.environment(), capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    found = contract.decode(file.read_text())
    assert (done.returncode, found.reason) == (1, Reason.BUG)
    assert "no such key" not in found.message
    assert "Traceback" not in done.stderr
    assert "KeyError: 'no such key'" in done.stderr
    assert "migrate.py" in done.stderr


def test_run_with_libpqs_variables(runner: Runner) -> None:
    with psycopg.connect(runner.url) as connection:
        info = conninfo_to_dict(connection.info.dsn)
    done = runner.call(
        "run", "--operation", "inspect", "--operation-id", "aa-1", "--dir", str(runner.folder), "--json",
        DATABASE_URL="", PGHOST=str(info["host"]), PGPORT=str(info["port"]), PGDATABASE=str(info["dbname"]),
        PGUSER=str(info["user"]), PGPASSWORD=PASSWORD, PGSSLMODE="disable",
    )  # fmt: skip
    assert contract.decode(done.stdout).pending == 3


def test_a_result_that_cannot_be_written_does_not_hide_the_outcome(runner: Runner) -> None:
    done = runner.call("run", "--operation", "migrate", "--operation-id", "aa-1", "--dir", str(runner.folder),
                       "--result-file", "/nonexistent/result")  # fmt: skip
    assert done.returncode == 0
    assert "could not be written" in done.stderr


def test_the_password_is_said_nowhere(runner: Runner, tmp_path: Path) -> None:
    file = tmp_path / "result"
    secret = "k9$Zebra/Canary+77"
    wrong = runner.url.replace(quote(PASSWORD, safe=""), quote(secret, safe=""))
    (runner.folder / "0002_b.up.sql").write_text(f"SELECT '{PASSWORD}'::int;")
    for url in (
        wrong,
        runner.url,
        f"postgresql://u:{secret}@127.0.0.1:99999/x",
        f"host=127.0.0.1 password='{secret}",
    ):
        words = ("run", "--operation", "migrate", "--operation-id", "aa-1", "--dir", str(runner.folder))
        done = runner.call(*words, "--result-file", str(file), "--debug", DATABASE_URL=url)
        assert done.returncode != 0
        said = done.stdout + done.stderr + file.read_text()
        for word in (secret, quote(secret, safe=""), PASSWORD, quote(PASSWORD, safe="")):
            assert word not in said


CTRL_C = "\x03"


def test_the_question_on_a_terminal(runner: Runner) -> None:
    runner.up()
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    code, said = typed(runner, "n", "rollback")
    assert code == 130
    assert "table public.t_0003_c holds data" in said
    assert "accept DataLoss? [y/N]" in said
    assert "127.0.0.1:" in said
    assert "Nothing was changed." in said
    assert len(runner.applied) == 3
    code, said = typed(runner, "y", "rollback")
    assert code == 0
    assert runner.applied == ["0001_a", "0002_b"]


def test_ctrl_c_at_the_question_says_that_nothing_was_changed(runner: Runner) -> None:
    runner.up()
    code, said = typed(runner, CTRL_C, "rollback")
    assert code == 130
    assert said.count("Stopped by SIGINT. Nothing was changed.") == 1
    assert "rolled back" not in said.partition("[y/N]")[2]
    assert len(runner.applied) == 3


@pytest.mark.parametrize("answer", ["n", CTRL_C], ids=["no", "ctrl-c"])
def test_who_asked_for_json_and_does_not_agree_gets_json(runner: Runner, answer: str) -> None:
    runner.up()
    code, said = typed(runner, answer, "rollback", "--json")
    told = json.loads(said[said.index("\n{") :])
    assert (code, told["reason"], told["exitCode"]) == (130, "Interrupted", 130)
    assert told["message"].endswith("Nothing was changed.")


def test_no_question_with_yes_or_in_ci(runner: Runner) -> None:
    runner.up()
    for words, environment in ((["--yes"], {}), ([], {"CI": "true"})):
        code, said = typed(runner, "never asked", "rollback", *words, **environment)
        assert (code, "[y/N]" in said) == (0, False)
    runner.query("INSERT INTO t_0001_a VALUES (1)")
    code, said = typed(runner, "never asked", "rollback", "--yes")
    assert (code, "[y/N]" in said) == (11, False)
    assert runner.applied == ["0001_a"]


def test_without_a_terminal_losses_need_their_flag(runner: Runner) -> None:
    runner.up()
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    done = runner.call("rollback")
    assert done.returncode == 11
    assert "Risks: DataLoss. To accept: --accept-data-loss." in done.stdout
    assert runner.call("rollback", "--accept-data-loss").returncode == 0


def test_plan_shows_what_is_at_stake(runner: Runner) -> None:
    runner.up()
    runner.query("INSERT INTO t_0002_b VALUES (1)")
    done = runner.call("plan", "--target", "1", "--json")
    data = json.loads(done.stdout)
    assert (data["direction"], data["target"], data["risks"]) == ("Backward", "0001_a", ["DataLoss"])
    assert [(step["id"], step["severity"]) for step in data["steps"]] == [
        ("0003_c", "Empty"),
        ("0002_b", "Data"),
    ]
    assert data["steps"][0]["statements"] == [{"line": 1, "text": "DROP TABLE t_0003_c"}]
    assert "at stake: table public.t_0002_b holds data" in runner.call("plan", "--target", "1").stdout
    assert len(runner.applied) == 3


def test_dry_run_is_enforced_by_the_server(runner: Runner) -> None:
    """Whatever a plan reads, the session could not write if it tried."""
    connection = connect(read(runner.url), Wishes(read_only=True))
    with connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute(b"CREATE TABLE x (id int)")


def test_what_is_forgotten_or_not_undone_is_not_called_rolled_back(runner: Runner) -> None:
    write(runner.folder, _0002_b_down="-- switchback: down=none only data\n")
    (runner.folder / "0003_c.down.sql").unlink()
    runner.up()
    for half in ("0003_c.up.sql",):
        (runner.folder / half).unlink()
    words = ("--forget-missing", "--accept-data-loss")
    plan = runner.call("plan", "--target", "base", "--forget-missing").stdout
    reaching = (
        "reaching base rolls back 1 migration, forgets 1 and takes 1 out of the ledger with nothing undone"
    )
    assert reaching in plan, plan
    dry = runner.call("rollback", "--target", "base", *words, "--dry-run").stdout
    assert "Would roll back 1 migration, forget 1 and take 1 out of the ledger with nothing undone;" in dry
    done = runner.call("rollback", "--target", "1", *words)
    assert done.returncode == 0, done.stderr
    assert "rolled back  000" not in done.stdout
    assert "forgot  0003_c" in done.stdout
    assert "not undone  0002_b" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "Forgot 1 migration and took 1 out of the ledger with nothing undone; the database is at 0001_a."
    )


def test_a_plan_can_be_asked_what_a_rollback_can(runner: Runner) -> None:
    runner.up()
    runner.query("CREATE VIEW seen AS SELECT * FROM t_0003_c")
    plan = runner.call("plan", "--target", "2", "--cascade")
    assert (plan.returncode, "Cascade" in plan.stdout) == (0, True), plan.stderr
    assert "view public.seen" in plan.stdout
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_kind = 'File' WHERE id = '0003_c'")
    (runner.folder / "0003_c.up.sql").unlink()
    (runner.folder / "0003_c.down.sql").unlink()
    assert runner.call("plan", "--target", "2").returncode == 4
    plan = runner.call("plan", "--target", "2", "--forget-missing")
    assert (plan.returncode, "forget  0003_c" in plan.stdout) == (0, True), plan.stderr


def test_a_risk_that_nobody_has_accepted_names_its_flag(runner: Runner) -> None:
    runner.up()
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    done = runner.call("rollback")
    assert done.stderr.splitlines()[-1] == (
        "Look at the losses, then accept them with --accept-data-loss, or leave it."
    )


def test_status_of_a_database_that_nobody_has_taken_over(runner: Runner) -> None:
    runner.query("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    runner.query("INSERT INTO schema_migrations VALUES (2, false)")
    done = runner.call("status")
    assert done.returncode == 0
    assert "has tables, but no ledger says which migrations made them" in done.stderr
    assert "public.schema_migrations" in done.stderr
    assert "switchback adopt" in done.stderr
    assert runner.call("status", "--check").returncode == 11
    told = json.loads(runner.call("status", "--json").stdout)
    assert told["problem"]["reason"] == "BaselineRequired"
    runner.query("DROP TABLE schema_migrations")
    assert "problem" not in json.loads(runner.call("status", "--json").stdout)
    runner.up()
    elsewhere = runner.call("status", "--check", "--ledger-schema", "other")
    assert elsewhere.returncode == 11
    assert "switchback baseline" in elsewhere.stderr


def test_the_name_of_a_format_may_be_in_any_case(runner: Runner) -> None:
    assert runner.call("status", "--format", "pairs").returncode == 0
    assert runner.call("status", "--format", "AUTO").returncode == 0
    assert runner.call("status", SWITCHBACK_FORMAT="pairs").returncode == 0
    (runner.folder.parent / "switchback.toml").write_text('format = "PAIRS"\n')
    assert runner.call("status").returncode == 0
    assert "is not known" in runner.call("status", "--format", "pears").stderr
