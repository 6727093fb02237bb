"""`--search-path`: what a name without a schema means, in every operation and after every RESET."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Severity
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

ODD = ("my, app", 'we"ird\\', "public")
"""Quoting decides whether these are three schemas."""


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def path_words(*names: str) -> list[str]:
    return [word for name in names for word in ("--search-path", name)]


def schema_of(runner: Runner, table: str) -> list[str]:
    rows = runner.query(f"SELECT schemaname FROM pg_tables WHERE tablename = '{table}' ORDER BY 1")
    return [row[0] for row in rows]


def test_the_path_is_the_sessions_own(runner: Runner) -> None:
    """A file that changes it, or resets everything, comes back to it; so does the next file."""
    name = runner.query("SELECT current_database()")[0][0]
    runner.query('CREATE SCHEMA "my, app"; CREATE SCHEMA "we""ird\\"')
    runner.query(f'ALTER DATABASE "{name}" SET search_path = pg_catalog')
    write(
        runner.folder,
        _0001_a_up="CREATE TABLE a (id int);\nSET search_path = public;\nCREATE TABLE b (id int);\n"
        "RESET ALL;\nCREATE TABLE c (id int);\nSET search_path = public;",
        _0002_b_up="CREATE TABLE d (id int);\nRESET search_path;\nCREATE TABLE e (id int);",
        _0003_c_up="-- switchback: no-transaction\nCREATE TABLE f (id int);\n"
        "CREATE INDEX CONCURRENTLY f_id ON f (id);",
        _0004_d_up="CREATE TABLE path AS SELECT current_setting('search_path') AS now;",
    )
    done = job(runner, "migrate", "--allow-non-empty", *path_words(*ODD))
    assert done.reason is Reason.SUCCEEDED, done.message
    found = {table: schema_of(runner, table) for table in "abcdef"}
    assert found == {table: ["public"] if table == "b" else ["my, app"] for table in "abcdef"}
    assert runner.query('SELECT now FROM "my, app".path') == [('"my, app", "we""ird\\", "public"',)]


def test_looks_and_losses_follow_it(runner: Runner) -> None:
    runner.query("CREATE SCHEMA shop; CREATE TABLE public.t (id int); INSERT INTO public.t VALUES (1)")
    write(runner.folder, "0001_a", _0002_t_up="CREATE TABLE t (id int);", _0002_t_down="DROP TABLE t;")
    path = path_words("shop", "public")
    assert job(runner, "migrate", "--allow-non-empty", *path).reason is Reason.SUCCEEDED
    assert schema_of(runner, "t") == ["public", "shop"]
    inspected = job(runner, "inspect", "--target", "1", *path)
    assert inspected.steps[0].losses == ("table shop.t is empty",)
    assert inspected.steps[0].severity is Severity.EMPTY
    without = job(runner, "inspect", "--target", "1")
    assert without.steps[0].losses == ("table public.t holds data",)
    shown = runner.call("plan", "--target", "1", *path)
    assert "table shop.t is empty" in shown.stdout
    dry = runner.call("rollback", "--target", "1", "--dry-run", *path)
    assert (dry.returncode, "table shop.t is empty" in dry.stdout) == (0, True)
    back = runner.call("rollback", "--target", "1", *path)
    assert back.returncode == 0, back.stderr
    assert schema_of(runner, "t") == ["public"]


def test_a_schema_that_is_not_there_is_refused(runner: Runner) -> None:
    """Else the table would be made in the next schema of the path, in silence."""
    write(runner.folder, "0001_a")
    for operation in ("migrate", "inspect"):
        ending = job(runner, operation, *path_words("shopp", "public"))
        assert (ending.reason, ending.exit_code) == (Reason.USAGE, 2), ending.message
        assert "shopp" in ending.message
        assert runner.tables == set()
    dry = runner.call("migrate", "--dry-run", *path_words("shopp", "public"))
    assert dry.returncode == 2
    assert "--search-path" in dry.stderr
    assert runner.call("migrate", *path_words("")).returncode == 2


def test_a_schema_that_a_migration_makes_may_be_missing(runner: Runner) -> None:
    """The whole life: before it is made, after it is gone again."""
    write(
        runner.folder,
        "0002_b",
        _0001_a_up="CREATE SCHEMA IF NOT EXISTS shop;\nCREATE TABLE one (id int);",
        _0001_a_down="DROP TABLE one;\nDROP SCHEMA shop;",
    )
    path = path_words("shop", "public")
    for _ in range(2):
        assert job(runner, "migrate", *path).reason is Reason.SUCCEEDED
        assert (schema_of(runner, "one"), schema_of(runner, "t_0002_b")) == (["shop"], ["shop"])
        done = runner.call("rollback", "--target", "base", *path)
        assert done.returncode == 0, done.stderr
        assert runner.query("SELECT 1 FROM pg_namespace WHERE nspname = 'shop'") == []


def test_going_back_past_a_missing_schema_is_warned_of(runner: Runner) -> None:
    """Another release may have made it, and taken it away again: that keeps nobody from going back."""
    write(runner.folder, "0001_a", "0002_b")
    runner.up()
    ending, words = Runner(runner.url, runner.folder, search_path=("gone", "public")).told(
        "rollback", target="1"
    )
    assert ending.result.reason is Reason.SUCCEEDED
    assert "warning: The search path names gone" in words.text


def test_a_schema_that_must_not_be_used_is_refused(runner: Runner) -> None:
    """The server looks past it like past one that is not there."""
    role = "r_pytest_path"
    name = runner.query("SELECT current_database()")[0][0]
    runner.query(f"CREATE ROLE {role}; CREATE SCHEMA secret; GRANT ALL ON SCHEMA public TO {role}; "
                 f'GRANT ALL ON DATABASE "{name}" TO {role}')  # fmt: skip
    try:
        write(runner.folder, "0001_a")
        ending = job(runner, "migrate", "--role", role, *path_words("secret", "public"))
        assert ending.reason is Reason.PERMISSION_DENIED
        assert "secret" in ending.message
        assert runner.tables == set()
        runner.query(f"GRANT USAGE, CREATE ON SCHEMA secret TO {role}")
        assert job(runner, "migrate", "--role", role, *path_words("secret", "public")).exit_code == 0
        assert schema_of(runner, "t_0001_a") == ["secret"]
    finally:
        runner.query(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_named_path_wins_over_the_one_in_the_url(runner: Runner) -> None:
    runner.query("CREATE SCHEMA a; CREATE SCHEMA b")
    write(runner.folder, "0001_a")
    done = job(runner, "migrate", *path_words("b"), DATABASE_URL=f"{runner.url}?schema=a")
    assert done.reason is Reason.SUCCEEDED
    assert schema_of(runner, "t_0001_a") == ["b"]
