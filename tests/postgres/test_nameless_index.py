"""An index that is built CONCURRENTLY needs a name, from here on; what was applied with one goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner import nameless
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

UP = "-- switchback: no-transaction\nCREATE TABLE a (i int);\ncreate {0}index concurrently /* */ {1}on a (i);"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


@pytest.mark.parametrize("unique", ["", "UNIQUE "])
def test_refused_before_anything_runs(runner: Runner, folder: Path, unique: str) -> None:
    write(folder, _0001_a_up=UP.format(unique, ""), _0001_a_down="DROP TABLE a;")
    ending = runner.up()
    assert ending.result.reason is Reason.SOURCE_INVALID
    assert "0001_a.up.sql:3: this index has no name" in ending.text
    assert runner.query("SELECT to_regclass('a') IS NULL") == [(True,)]
    write(folder, _0001_a_up=UP.format(unique, "a_i "))
    assert runner.up().error is None


def test_applied_by_an_older_release_it_goes_back(
    runner: Runner, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, _0001_a_up=UP.format("", ""), _0001_a_down="DROP TABLE a;")
    with monkeypatch.context() as older:
        older.setattr(nameless, "refuse", lambda _steps: None)
        assert runner.up().error is None
    write(folder, "0002_b")
    assert runner.up().error is None
    assert runner.down(target="base").error is None
    assert runner.query("SELECT to_regclass('a') IS NULL") == [(True,)]
