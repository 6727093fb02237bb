"""Migrating to a target that lies behind: nothing is changed, and whoever has asked is told the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def test_backward_target_changes_nothing_and_answers_with_the_plan(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0002_b", "0003_c")
    runner.up()
    ending = runner.up(target="0001_a")
    inspected = runner.run("inspect", target="0001_a")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.BACKWARD, 12)
    assert ending.result.direction is Direction.BACKWARD
    assert [step.id for step in ending.result.steps] == ["0003_c", "0002_b"]
    assert ending.result.plan_digest == inspected.result.plan_digest != ""
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_a_person_whose_target_lies_behind_is_told_the_way(runner: Runner) -> None:
    """Whatever that way back is like: what was asked for is a migration."""
    write(runner.folder, "0001_a", "0002_b", "0003_c")
    runner.up()
    told = runner.call("migrate", "--target", "1")
    assert (told.returncode, told.stdout) == (12, "")
    assert "error: The database is at 0003_c; reaching 0001_a means rolling back 2 migrations." in told.stderr
    assert "switchback rollback --target 0001_a" in told.stderr
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_checksum = '', down_kind = 'None'")
    (runner.folder / "0002_b.down.sql").unlink()
    told = runner.call("migrate", "--target", "1")
    assert told.returncode == 12
    assert "reaching 0001_a means rolling back 2 migrations" in told.stderr
    assert "0002_b has no down half" in told.stderr
    for half in ("up", "down"):
        (runner.folder / f"0003_c.{half}.sql").unlink()
    told = runner.call("migrate", "--ahead-policy", "Rollback")
    assert told.returncode == 12
    assert "switchback rollback --target 0002_b" in told.stderr
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_a_job_whose_target_lies_behind_is_told_what_is_wrong_with_the_way_back(runner: Runner) -> None:
    write(runner.folder, "0001_a", "0002_b")
    (runner.folder / "0002_b.down.sql").unlink()
    runner.up()
    assert runner.up(target="0001_a", by="uid-1").result.reason is Reason.NO_DOWN
