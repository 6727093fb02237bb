"""A way back that was stored is not waved away by a declaration that came later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

NONE = "-- switchback: down=none rows stay\n"


@pytest.fixture(params=["down", "up"])
def runner(request: pytest.FixtureRequest, database: str, folder: Path) -> Runner:
    """Applied with a way back; now the files say that there is nothing to undo, in either half."""
    write(folder, "0001_a")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    if request.param == "down":
        write(folder, _0001_a_down=NONE)
    else:
        (folder / "0001_a.down.sql").unlink()
        path = folder / "0001_a.up.sql"
        path.write_text(NONE + path.read_text())
    return made


def test_it_is_a_change(runner: Runner) -> None:
    ending = runner.down()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_CHANGED, 4)
    assert runner.applied == ["0001_a"]
    assert runner.tables == {"t_0001_a"}


def test_by_the_ledger_it_runs(runner: Runner) -> None:
    assert runner.down(down_from=DownFrom.LEDGER).result.reason is Reason.SUCCEEDED
    assert runner.tables == set()


def test_by_the_file_nothing_is_undone(runner: Runner) -> None:
    ending, words = runner.told("rollback", down_from=DownFrom.FILE)
    assert ending.result.reason is Reason.SUCCEEDED
    assert "rows stay" in words.text
    assert "differs" in words.text
    assert (runner.applied, runner.tables) == ([], {"t_0001_a"})


def test_declared_where_nothing_was_stored(database: str, folder: Path) -> None:
    """Applied without a way back: there is nothing that could differ."""
    runner = Runner(database, folder)
    write(folder, _0001_a_up="CREATE TABLE a (id int);")
    runner.up()
    write(folder, _0001_a_down=NONE)
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert runner.tables == {"a"}
