"""A COMMIT that the reader overlooks: whatever was counted, a file that did not end is never complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.exits import ExitCode
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

HIDING = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 case; END;"
"""`case` is a label here. Taken for the beginning of a CASE, it hides what follows behind an END."""


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def test_it_is_recorded_as_applied_in_part(runner: Runner, folder: Path) -> None:
    text = f"{HIDING}\nCREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();\nSELECT 1;\nSELECT 2;\n"
    write(folder, _0001_a_up=text)
    ending = runner.up()
    assert ending.result.exit_code == ExitCode.PARTIAL
    assert runner.query("SELECT statements_done < statements_total FROM switchback.migrations") == [(True,)]
    assert runner.up().error is not None
