"""A statement may give any number of rows, which nobody wants: memory does not grow with them."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

MANY = "SELECT repeat('x', 1000) FROM generate_series(1, {}) n"
MEGABYTES = 300


def highest() -> int:
    """Megabytes that the largest of the processes run so far has used."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


@pytest.mark.parametrize("mark", ["", "-- switchback: no-transaction\n"], ids=["in one", "one by one"])
def test_memory(database: str, folder: Path, mark: str) -> None:
    write(folder, _0001_a_up=f"{mark}{MANY.format(MEGABYTES * 1000)};\nCREATE TABLE a (id int);")
    runner = Runner(database, folder)
    before = highest()
    done = runner.call("migrate", "--dir", str(folder))
    assert done.returncode == 0, done.stderr
    assert runner.applied == ["0001_a"]
    assert highest() < max(before + 1, MEGABYTES // 2)


def test_an_error_among_the_rows(database: str, folder: Path) -> None:
    write(
        folder,
        "0001_a",
        _0002_b_up="SELECT 1;\nSELECT 1 / (5000 - n) FROM generate_series(1, 9000) n;\nSELECT 2;",
    )
    runner = Runner(database, folder)
    ending = runner.up()
    assert ending.result.reason is Reason.SQL_FAILED
    assert isinstance(ending.error, RunnerError)
    assert (ending.error.place, ending.error.sqlstate) == ("0002_b.up.sql:2", "22012")
    assert runner.applied == ["0001_a"]
