"""What somebody has approved is what is applied: a migrate that is held to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    return Runner(database, folder)


def test_the_plan_as_it_was_seen(runner: Runner) -> None:
    seen = job(runner, "inspect")
    done = job(runner, "migrate", "--expect-plan", seen.plan_digest)
    assert (done.reason, done.current) == (Reason.SUCCEEDED, "0003_c")
    again = job(runner, "migrate", "--expect-plan", seen.plan_digest)
    assert again.reason is Reason.UP_TO_DATE, "there is nothing left to approve"


@pytest.mark.parametrize("change", ["file", "new file", "ledger", "back"])
def test_another_plan_is_not_run(runner: Runner, change: str) -> None:
    seen = job(runner, "inspect", "--target", "2")
    words = ["--target", "2", "--expect-plan", seen.plan_digest]
    if change == "file":
        write(runner.folder, _0002_b_up="CREATE TABLE other (id int);")
    elif change == "new file":
        write(runner.folder, "0000_z")
    elif change == "ledger":
        runner.up(target="1")
    else:
        runner.up()
    before = runner.tables
    ending = job(runner, "migrate", *words)
    assert (ending.reason, ending.exit_code) == (Reason.PLAN_MOVED, 12)
    assert runner.tables == before
