"""A ledger that is ahead of the files, and files that come late: kept, rolled back, applied or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

KEEP = ("--ahead-policy", "Keep")
ROLLBACK = ("--ahead-policy", "Rollback")
ALLOW = ("--out-of-order-policy", "Allow")


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """At 0003_c, with files up to 0002_b: an old image, or a revert in git."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    remove(made, "0003_c")
    return made


def remove(runner: Runner, name: str) -> None:
    for half in ("up", "down"):
        (runner.folder / f"{name}.{half}.sql").unlink()


def test_refused_unless_somebody_says_otherwise(runner: Runner) -> None:
    for operation in ("migrate", "inspect"):
        ending = job(runner, operation)
        assert (ending.reason, ending.exit_code) == (Reason.SOURCE_BEHIND_LEDGER, 4)
        assert "0003_c" in ending.message


def test_kept(runner: Runner) -> None:
    before = runner.query("SELECT * FROM switchback.meta")
    for operation, reason in (("migrate", Reason.UP_TO_DATE), ("inspect", Reason.SUCCEEDED)):
        ending = job(runner, operation, *KEEP)
        assert (ending.reason, ending.direction) == (reason, Direction.NONE)
        assert ending.current == ending.target == "0003_c", "what was wished is what is there"
    assert runner.query("SELECT * FROM switchback.meta") == before
    assert runner.call("plan", *KEEP, "--exit-code").returncode == 0


def test_kept_and_what_comes_after_it_is_applied(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    ending = job(runner, "migrate", *KEEP)
    assert (ending.reason, ending.current, ending.target) == (Reason.SUCCEEDED, "0004_d", "0004_d")
    assert runner.applied == ["0001_a", "0002_b", "0003_c", "0004_d"]
    assert job(runner, "migrate", *KEEP).reason is Reason.UP_TO_DATE
    assert job(runner, "migrate").reason is Reason.UP_TO_DATE, (
        "what is missing in the middle is only warned of"
    )


def test_kept_does_not_allow_what_would_come_before_it(runner: Runner) -> None:
    write(runner.folder, "0002_x")
    remove(runner, "0002_b")
    ending = job(runner, "migrate", *KEEP)
    assert (ending.reason, ending.exit_code) == (Reason.OUT_OF_ORDER, 4)
    assert "0002_x" in ending.message
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    ending = job(runner, "migrate", *KEEP, *ALLOW)
    assert (ending.reason, ending.current, ending.target) == (Reason.SUCCEEDED, "0002_x", "0002_x")


def test_rolled_back_to_the_newest_file(runner: Runner) -> None:
    answered = job(runner, "migrate", *ROLLBACK)
    assert (answered.reason, answered.direction) == (Reason.BACKWARD, Direction.BACKWARD)
    assert (answered.current, answered.target) == ("0003_c", "0002_b")
    inspected = job(runner, "inspect", *ROLLBACK)
    assert inspected.plan_digest == answered.plan_digest
    assert [step.id for step in inspected.steps] == ["0003_c"]
    # What was planned is what is reserved and run, by name or by the same wish.
    for target in ("0002_b", "latest"):
        reserved = job(
            runner, "reserve", "--target", target, "--expect-plan", inspected.plan_digest, *ROLLBACK
        )
        assert reserved.reason is Reason.SUCCEEDED, reserved.message
    done = job(runner, "rollback", "--target", "latest", "--expect-plan", inspected.plan_digest, *ROLLBACK)
    assert (done.reason, done.current, done.target) == (Reason.SUCCEEDED, "0002_b", "0002_b")
    assert runner.applied == ["0001_a", "0002_b"]
    assert job(runner, "migrate", *ROLLBACK).reason is Reason.UP_TO_DATE


def test_inspect_reserves_such_a_rollback_at_once(runner: Runner) -> None:
    ending = job(runner, "inspect", "--reserve-unless-risky", *ROLLBACK)
    assert (ending.reason, bool(ending.reserved_until)) == (Reason.SUCCEEDED, True)


def test_back_and_forth_is_not_one_plan(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    for operation in ("migrate", "inspect"):
        ending = job(runner, operation, *ROLLBACK)
        assert (ending.reason, ending.exit_code) == (Reason.SOURCE_BEHIND_LEDGER, 4)
        assert "0003_c" in ending.message
        assert "0004_d" in ending.message
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_on_a_laptop(runner: Runner) -> None:
    assert runner.call("migrate").returncode == 4
    kept = runner.call("migrate", *KEEP)
    assert (kept.returncode, "at 0003_c" in kept.stdout) == (0, True)
    back = runner.call("rollback", "--target", "latest")
    assert back.returncode == 0, back.stderr
    assert runner.applied == ["0001_a", "0002_b"]


@pytest.fixture
def late(database: str, folder: Path) -> Runner:
    """At 0003_c, with a file 0002_b that was merged late."""
    write(folder, "0001_a", "0003_c")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    write(folder, "0002_b", "0004_d")
    return made


def test_late_files_are_refused_unless_somebody_says_otherwise(late: Runner) -> None:
    for operation in ("migrate", "inspect"):
        ending = job(late, operation)
        assert (ending.reason, ending.exit_code) == (Reason.OUT_OF_ORDER, 4)
        assert "0002_b" in ending.message
    assert "spec.source.outOfOrderPolicy" in late.call("migrate").stderr


def test_late_files_are_applied_and_go_first(late: Runner) -> None:
    inspected = job(late, "inspect", *ALLOW)
    assert [step.id for step in inspected.steps] == ["0002_b", "0004_d"]
    ending = job(late, "migrate", *ALLOW)
    assert (ending.reason, ending.current, ending.target) == (Reason.SUCCEEDED, "0004_d", "0004_d")
    assert late.applied == ["0001_a", "0003_c", "0002_b", "0004_d"]
    assert job(late, "migrate").reason is Reason.UP_TO_DATE, "nothing is left that is out of order"
    back = job(late, "inspect", "--target", "0001_a")
    assert [step.id for step in back.steps] == ["0004_d", "0002_b", "0003_c"], "the reverse of what happened"


def test_a_late_file_does_not_take_the_version_back(late: Runner) -> None:
    remove(late, "0004_d")
    ending = job(late, "migrate", *ALLOW)
    assert (ending.reason, ending.current, ending.target) == (Reason.SUCCEEDED, "0003_c", "0003_c")
    assert ending.applied_tail == ("0001_a", "0003_c", "0002_b")
    for target in ("latest", "0003_c"):
        ending = job(late, "migrate", "--target", target)
        assert (ending.reason, ending.current, ending.target) == (Reason.UP_TO_DATE, "0003_c", "0003_c")
    assert "is at 0003_c" in late.call("status").stdout
    assert job(late, "release").current == "", "without the files nobody says which is the version"
    done = late.call("rollback")
    assert (done.returncode, late.applied) == (0, ["0001_a", "0003_c"]), "one step is the last applied"


def test_late_files_on_a_laptop(late: Runner) -> None:
    assert late.call("migrate").returncode == 4
    assert "0002_b" in late.call("plan", "--allow-out-of-order").stdout
    assert late.call("migrate", "--allow-out-of-order").returncode == 0
    assert late.applied == ["0001_a", "0003_c", "0002_b", "0004_d"]
