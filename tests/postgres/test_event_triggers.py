"""Event triggers of the user's: Switchback makes no DDL of its own behind a file's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.words import Operation
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

FORBID = """
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'dropping tables is forbidden here'; END$$;
CREATE EVENT TRIGGER forbid ON ddl_command_start WHEN tag IN ('DROP TABLE') EXECUTE FUNCTION forbid();
"""
AUDIT = """
CREATE TABLE audit (tag text);
CREATE FUNCTION audit() RETURNS event_trigger LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO audit VALUES (tg_tag); END$$;
CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION audit();
"""
NAMES = ("0001_a", "0002_b", "0003_c")


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def test_a_database_that_forbids_to_drop_tables_is_migrated(runner: Runner, folder: Path) -> None:
    runner.query(FORBID)
    write(folder, *NAMES)
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.error is None, words.text
    assert ending.result.done == 3


def test_a_file_that_forbids_it_does_not_stop_those_behind_it(runner: Runner, folder: Path) -> None:
    write(folder, "0001_a", "0003_c", "0004_d", _0002_forbid_up=FORBID)
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.error is None, words.text
    assert ending.result.done == 4


def test_an_audit_of_ddl_names_what_files_do_and_nothing_else(runner: Runner, folder: Path) -> None:
    write(folder, "0001_a")
    assert runner.up().error is None
    runner.query(AUDIT)
    write(folder, "0002_b", _0003_rows_up="INSERT INTO t_0001_a VALUES (1);", _0004_d_up="SELECT 1;")
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.error is None, words.text
    assert runner.query("SELECT tag FROM audit") == [("CREATE TABLE",)]


def test_a_block_that_forbids_it_does_not_either(runner: Runner, folder: Path) -> None:
    """What a block does is not seen before it runs."""
    hidden = f"DO $do$ BEGIN EXECUTE $e${FORBID}$e$; END $do$;"
    write(folder, "0001_a", "0003_c", "0004_d", _0002_forbid_up=hidden)
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.error is None, words.text
    assert ending.result.done == 4
