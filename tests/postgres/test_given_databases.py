"""Databases as administrators hand them out: for reading only, or with a schema and no right to make one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchback.runner.operations.perform import Ending

MARK = "-- switchback: no-transaction\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    return Runner(database, folder)


def read_only(runner: Runner) -> None:
    name = runner.query("SELECT current_database()")[0][0]
    runner.query(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')


def is_told(ending: Ending) -> None:
    assert ending.result.reason is Reason.PERMISSION_DENIED, ending.text
    assert "read-only" in ending.text
    assert "default_transaction_read_only" in ending.text + ending.advice
    assert "standby" not in ending.text
    assert "primary" not in ending.advice
    assert "ledger's tables" not in ending.advice


def test_a_database_for_reading_only(runner: Runner) -> None:
    read_only(runner)
    is_told(runner.up())


def test_a_database_for_reading_only_that_has_a_ledger(runner: Runner) -> None:
    runner.up(steps=2)
    read_only(runner)
    is_told(runner.up())
    is_told(runner.down())
    is_told(runner.run("reserve", target="base", by="aa-1"))
    assert runner.run("inspect").result.reason is Reason.SUCCEEDED, "looking is no change"
    write(runner.folder, _0003_c_up=MARK + "SELECT 1;")
    is_told(runner.up())


@contextlib.contextmanager
def roles(runner: Runner, *names: str) -> Iterator[None]:
    for name in names:
        runner.query(f"CREATE ROLE {name}; GRANT ALL ON SCHEMA public TO {name}")
    try:
        yield
    finally:
        for name in names:
            runner.query(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def test_a_schema_that_was_given(runner: Runner) -> None:
    """The server asks for the right to make a schema before it looks whether there is one."""
    migrator = "r_pytest_migrator"
    with roles(runner, migrator):
        runner.query(f"CREATE SCHEMA switchback AUTHORIZATION {migrator}")
        mine = Runner(runner.url, runner.folder, role=migrator)
        ending = mine.up()
        assert ending.result.reason is Reason.SUCCEEDED, ending.text
        (runner.folder / "0003_c.down.sql").unlink()
        assert mine.down(target="base").result.reason is Reason.SUCCEEDED, "nobody else can write the ledger"


def test_a_schema_of_somebody_else_runs_no_stored_sql(runner: Runner) -> None:
    migrator, owner = "r_pytest_migrator", "r_pytest_landlord"
    with roles(runner, migrator, owner):
        runner.query(
            f"CREATE SCHEMA switchback AUTHORIZATION {owner}; "
            f"GRANT USAGE, CREATE ON SCHEMA switchback TO {migrator}; "
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {migrator} GRANT ALL ON TABLES TO {owner}"
        )
        mine = Runner(runner.url, runner.folder, role=migrator)
        assert mine.up().result.reason is Reason.SUCCEEDED
        assert runner.query(f"SELECT has_table_privilege('{owner}', 'switchback.migrations', 'UPDATE')") == [
            (False,)
        ]
        (runner.folder / "0003_c.down.sql").unlink()
        ending = mine.down()
        assert ending.result.reason is Reason.LEDGER_WRITABLE_BY_OTHERS
        assert owner in ending.result.message
