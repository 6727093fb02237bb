"""A file that was ended in its first statement, which runs alone: nothing has taken effect."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from tests.postgres.running import Runner, write
from tests.postgres.test_crash import until
from tests.postgres.test_overlooked_commit import HIDING
from tests.postgres.test_stepwise import counts, valid

if TYPE_CHECKING:
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"
INDEX = "CREATE INDEX CONCURRENTLY i_a ON t_0001_a (id)"
ALL = frozenset(Risk)


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Ended while the first statement waited for a writer: a record, and an invalid index."""
    write(folder, "0001_a")
    made = Runner(database, folder)
    made.up()
    made.query("INSERT INTO t_0001_a VALUES (1)")
    write(
        folder,
        _0002_b_up=f"{MARK}{INDEX};\nCREATE TABLE b ();",
        _0002_b_down=f"{MARK}DROP TABLE b;\nDROP INDEX CONCURRENTLY i_a;",
    )
    with psycopg.connect(database) as writer:
        writer.execute("UPDATE t_0001_a SET id = 2")
        thread = threading.Thread(target=made.up)
        thread.start()
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
            f"query LIKE '{INDEX}%' AND wait_event_type = 'Lock'"
        )
        until(lambda: made.query(ended))
        thread.join(30)
        writer.rollback()
    assert (counts(made), valid(made, "i_a")) == ((0, 2, None), False)
    return made


def test_its_record_goes_and_the_index_that_it_has_left(runner: Runner) -> None:
    shown, words = runner.told("rollback", dry_run=True)
    assert shown.result.reason is Reason.SUCCEEDED
    assert shown.facts.plan is not None
    assert "nothing of it has taken effect" in " ".join(shown.facts.plan.notices)
    assert valid(runner, "i_a") is False
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert "Dropping the invalid index" in words.text
    assert (runner.applied, valid(runner, "i_a")) == (["0001_a"], None)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.down(accept=ALL).result.reason is Reason.SUCCEEDED
    assert runner.tables == {"t_0001_a"}


def test_no_way_back_is_needed_and_what_was_before_it_is_undone(runner: Runner) -> None:
    (runner.folder / "0002_b.down.sql").unlink()
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_checksum = '' WHERE id = '0002_b'")
    assert runner.down(target="base", accept=ALL).result.reason is Reason.SUCCEEDED
    assert (runner.applied, runner.tables, valid(runner, "i_a")) == ([], set(), None)


def test_what_was_finished_and_not_counted_is_undone(runner: Runner) -> None:
    runner.query("DROP INDEX i_a")
    runner.query(INDEX)
    write(runner.folder, _0002_b_down=f"{MARK}DROP TABLE IF EXISTS b;\nDROP INDEX CONCURRENTLY i_a;")
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_checksum = '' WHERE id = '0002_b'")
    assert runner.down(accept=ALL).result.reason is Reason.SUCCEEDED
    assert (runner.applied, valid(runner, "i_a")) == (["0001_a"], None)


def test_what_cannot_be_seen_is_undone(runner: Runner) -> None:
    """As of CREATE DATABASE: its outcome is nowhere to be looked up, so its way back runs."""
    runner.query("DROP INDEX i_a")
    runner.query(
        'UPDATE switchback.events SET details = replace(details, \'"verb": "create"\', \'"verb": ""\') '
        "WHERE kind = 'Started'"
    )
    ending = runner.down(accept=ALL)
    assert ending.result.reason is not Reason.SUCCEEDED
    assert 'table "b" does not exist' in ending.text


def test_what_an_earlier_life_of_it_had_begun_does_not_count(database: str, folder: Path) -> None:
    """It was applied with an index made alone, rolled back, and rewritten; a part of that is there."""
    runner = Runner(database, folder)
    write(folder, "0001_a", _0002_b_up=f"{MARK}{INDEX};", _0002_b_down="DROP INDEX i_a;")
    assert runner.up().error is None
    assert runner.down(accept=ALL).error is None
    part = f"CREATE TABLE u ();\n{HIDING}\nCOMMIT;\nSELECT pg_terminate_backend(pg_backend_pid());"
    write(folder, _0002_b_up=f"{part}\nCREATE TABLE v ();", _0002_b_down="DROP TABLE u;\nDROP TABLE v;")
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert (runner.applied, runner.tables) == (["0001_a", "0002_b"], {"t_0001_a", "u"})
    ending, words = runner.told("rollback", accept=ALL)
    assert "nothing of it has taken effect" not in f"{ending.text} {words.text}"
    assert ending.result.reason is Reason.SQL_FAILED, 'its way back runs, and table "v" does not exist'
    assert runner.applied == ["0001_a", "0002_b"]


def test_it_belongs_to_a_file_without_transaction(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET directives = '' WHERE id = '0002_b'")
    ending = runner.down(accept=ALL)
    assert ending.result.reason is not Reason.SUCCEEDED
    assert "0002_b" in runner.applied


def test_an_index_that_cannot_be_dropped_is_no_part_that_has_taken_effect(runner: Runner) -> None:
    runner.query(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF tg_tag = 'DROP INDEX' THEN RAISE 'not today'; END IF; END $$;"
        "CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION no()"
    )
    ending, words = runner.told("rollback", accept=ALL)
    assert "could not be dropped" in words.text
    assert ending.result.reason is Reason.FAILED_PARTLY, ending.text
    assert "has taken effect" not in ending.text
    assert "i_a" in ending.text
    assert (runner.applied, valid(runner, "i_a")) == (["0001_a", "0002_b"], False)
    runner.query("DROP EVENT TRIGGER no")
    assert runner.down(accept=ALL).result.reason is Reason.SUCCEEDED
