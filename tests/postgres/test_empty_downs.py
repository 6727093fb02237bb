"""A down half without a statement, as `switchback new` leaves it, is no way back: then, now and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.migrations.halves import Sql
from switchback.migrations.load import load
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from pathlib import Path

UP, DOWN, COMMENT = "CREATE TABLE zz (i int);", "DROP TABLE zz;", "-- Statements that undo it.\n"
PAIRS = "0001_a.up.sql", "0001_a.down.sql"
GOOSE = "-- +goose Up\n{up}\n-- +goose Down\n{down}\n"
DBMATE = "-- migrate:up\n{up}\n-- migrate:down\n{down}\n"
PYTHON = (
    'id = "0001_a"\ndescription = "a"\ndef up(connection):\n    connection.execute("{up}")\n'
    "def down(connection):\n    {down}\n"
)
FOLDERS = {
    "Pairs": {PAIRS[0]: "{up}", PAIRS[1]: "{down}"},
    "Dbmate": {"0001_a.sql": DBMATE},
    "Goose": {"0001_a.sql": GOOSE},
    "Flyway": {"V1__a.sql": "{up}", "U1__a.sql": "{down}"},
    "Drizzle": {"20260101000000_a/migration.sql": "{up}", "20260101000000_a/down.sql": "{down}"},
    "Python": {"a.py": PYTHON},
}


def lay(folder: Path, kind: str, down: str | None = None) -> None:
    """Write the folder with a way back, or with a half that does nothing."""
    python = kind == "Python"
    if down is None:
        down = '"""Undo it."""' if python else COMMENT
    elif python:
        down = f'connection.execute("{down}")'
    for name, text in FOLDERS[kind].items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(up=UP, down=down))


def as_recorded_before(runner: Runner) -> None:
    """As earlier releases wrote the row: with the checksum and the text of the half that does nothing."""
    (migration,) = load(runner.folder).migrations
    assert migration.down is not None
    text = f"'{migration.down.text}'" if isinstance(migration.down, Sql) else "NULL"
    runner.query(
        f"UPDATE switchback.migrations SET down_checksum = '{migration.down.checksum}', down_sql = {text}, "
        f"down_kind = '{migration.down_kind}'"
    )


@pytest.fixture(params=["as now", "as before"])
def age(request: pytest.FixtureRequest) -> str:
    """How the row was written."""
    return str(request.param)


@pytest.mark.parametrize("kind", list(FOLDERS))
def test_it_is_no_way_back_until_one_is_written(database: str, folder: Path, kind: str) -> None:
    """Nothing is gone, and nothing may be forgotten."""
    lay(folder, kind)
    runner = Runner(database, folder)
    runner.up()
    refuses(runner)
    lay(folder, kind, DOWN)
    undoes(runner)
    lay(folder, kind)
    runner.up()
    as_recorded_before(runner)
    refuses(runner)
    lay(folder, kind, DOWN)
    if kind == "Python":  # nobody knows what its function was
        assert runner.down().result.reason is Reason.FILE_CHANGED
    else:
        undoes(runner)


def refuses(runner: Runner) -> None:
    """Whatever is asked for."""
    for down_from in DownFrom:
        for force in (False, True):
            ending = runner.down(down_from=down_from, force=force, accept=frozenset(Risk))
            assert (ending.result.reason, ending.result.exit_code) == (Reason.NO_DOWN, 5)
            assert "Write the down half" in ending.advice
    assert (len(runner.applied), runner.tables) == (1, {"zz"})


def undoes(runner: Runner) -> None:
    """Without any question."""
    ending, words = runner.told("rollback", accept=frozenset(Risk))
    assert ending.result.reason is Reason.SUCCEEDED, ending.result.message
    assert "its down half was written after it was applied" in words.text
    assert (runner.applied, runner.tables) == ([], set())


def test_declared_later_nothing_is_undone(database: str, folder: Path, age: str) -> None:
    """As the comments of a new file recommend it."""
    lay(folder, "Pairs")
    runner = Runner(database, folder)
    runner.up()
    if age == "as before":
        as_recorded_before(runner)
    (folder / PAIRS[1]).write_text("-- switchback: down=none it stays\n")
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert (runner.applied, runner.tables) == ([], {"zz"})


def test_its_comment_may_go(database: str, folder: Path, age: str) -> None:
    """A half that did nothing is not missed."""
    lay(folder, "Pairs")
    runner = Runner(database, folder)
    runner.up()
    if age == "as before":
        as_recorded_before(runner)
    (folder / PAIRS[1]).unlink()
    assert runner.down(force=True, accept=frozenset(Risk)).result.reason is Reason.NO_DOWN
    (folder / PAIRS[0]).unlink()
    (folder / "0002_b.up.sql").write_text("SELECT 1;")
    assert runner.down().result.reason is Reason.FILE_MISSING
    assert runner.down(force=True, accept=frozenset(Risk)).result.reason is Reason.SUCCEEDED
    assert (runner.applied, runner.tables) == ([], {"zz"})


def test_what_was_a_way_back_and_is_emptied_runs_from_the_ledger(database: str, folder: Path) -> None:
    lay(folder, "Pairs", DOWN)
    runner = Runner(database, folder)
    runner.up()
    lay(folder, "Pairs")
    assert runner.down(accept=frozenset(Risk)).result.reason is Reason.SUCCEEDED
    assert (runner.applied, runner.tables) == ([], set())
