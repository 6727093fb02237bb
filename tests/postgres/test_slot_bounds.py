"""Whether the programs of slots work with the version that a run leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.result import Result, Slot
from switchback.contract.words import Direction, SlotFit
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

BOTH = ("--slot", "blue=0001..2", "--slot", "green=3..")


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    return Runner(database, folder)


def fits(result: Result) -> dict[str, str]:
    return {slot.name: str(slot.fit) for slot in result.slots}


def reserved(runner: Runner) -> list[object]:
    return [row[0] for row in runner.query("SELECT reserved_by FROM switchback.meta")]


def test_an_inspect_answers_for_where_it_leads(runner: Runner) -> None:
    assert fits(job(runner, "inspect", *BOTH)) == {"blue": "TooNew", "green": "Satisfied"}
    assert fits(job(runner, "inspect", *BOTH, "--target", "2")) == {"blue": "Satisfied", "green": "TooOld"}
    job(runner, "migrate")
    assert fits(job(runner, "inspect", *BOTH)) == {"blue": "TooNew", "green": "Satisfied"}
    assert fits(job(runner, "inspect", *BOTH, "--target", "1")) == {"blue": "Satisfied", "green": "TooOld"}
    assert fits(job(runner, "inspect", *BOTH, "--target", "base")) == {"blue": "TooOld", "green": "TooOld"}
    (unknown,) = job(runner, "inspect", "--slot", "red=..0042_x").slots
    assert unknown == Slot("red", SlotFit.UNKNOWN_ID)
    assert job(runner, "inspect", "--slot", "any=..").slots == (Slot("any", SlotFit.SATISFIED),)


def test_a_file_that_is_gone_is_known_from_the_ledger(runner: Runner) -> None:
    job(runner, "migrate", "--target", "2")
    for half in ("up", "down"):
        (runner.folder / f"0001_a.{half}.sql").unlink()
    assert fits(job(runner, "inspect", "--slot", "blue=0001..0002", "--target", "2")) == {"blue": "Satisfied"}


def test_what_is_held_back_is_not_there(runner: Runner) -> None:
    up = runner.folder / "0003_c.up.sql"
    up.write_text(f"-- switchback: phase=contract\n{up.read_text()}")
    done = job(runner, "migrate", *BOTH, "--hold-contract")
    assert (done.current, fits(done)) == ("0002_b", {"blue": "Satisfied", "green": "TooOld"})


def test_a_migrate_is_refused_before_anything_changes(runner: Runner) -> None:
    refused = job(runner, "migrate", *BOTH, "--require-slot", "blue")
    assert (refused.reason, refused.exit_code) == (Reason.SLOT_NEEDS_SCHEMA, 11)
    assert refused.message.startswith(
        "The slot blue works up to 0002_b, its maximum; at 0003_c, which the pending files lead to, 0003_c "
        "is applied as well: the schema is too new for it."
    )
    assert (refused.direction, refused.target, len(refused.steps)) == (Direction.FORWARD, "0003_c", 3)
    assert fits(refused) == {"blue": "TooNew", "green": "Satisfied"}
    assert (refused.done, refused.plan_digest != "") == (0, True)
    assert runner.tables == set()
    assert runner.query("SELECT to_regclass('switchback.meta')") == [(None,)]
    assert job(runner, "migrate", *BOTH, "--require-slot", "green").reason is Reason.SUCCEEDED


def test_nothing_to_do_is_refused_as_well(runner: Runner) -> None:
    job(runner, "migrate", "--target", "2")
    refused = job(runner, "migrate", *BOTH, "--target", "2", "--require-slot", "green")
    assert refused.reason is Reason.SLOT_NEEDS_SCHEMA
    assert refused.message.startswith(
        "The slot green works from 0003_c on, its minimum; at 0002_b, where the database is, that is not "
        "applied: the schema is too old for it."
    )


def test_a_migrate_whose_target_lies_behind_says_so(runner: Runner) -> None:
    job(runner, "migrate")
    behind = job(runner, "migrate", *BOTH, "--target", "1", "--require-slot", "green")
    assert (behind.reason, fits(behind)) == (Reason.BACKWARD, {"blue": "Satisfied", "green": "TooOld"})


def test_a_rollback_is_refused_before_anything_changes(runner: Runner) -> None:
    job(runner, "migrate")
    back = ("--target", "2", *BOTH)
    inspected = job(runner, "inspect", *back, "--reserve-unless-risky", "--require-slot", "green",
                    "--accept", "DataLoss")  # fmt: skip
    assert (inspected.reason, inspected.reserved_until) == (Reason.SUCCEEDED, "")
    assert fits(inspected) == {"blue": "Satisfied", "green": "TooOld"}
    refused = job(runner, "reserve", *back, "--require-slot", "green")
    assert (refused.reason, refused.reserved_until) == (Reason.SLOT_NEEDS_SCHEMA, "")
    assert reserved(runner) == [None]
    assert job(runner, "reserve", *back, "--require-slot", "blue").reason is Reason.SUCCEEDED
    refused = job(runner, "rollback", *back, "--require-slot", "green", "--expect-plan", refused.plan_digest)
    assert refused.reason is Reason.SLOT_NEEDS_SCHEMA
    assert refused.message.startswith(
        "The slot green works from 0003_c on, its minimum; at 0002_b, which the rollback leads to, that is "
        "not applied: the schema is too old for it."
    )
    assert (refused.direction, refused.target, [step.id for step in refused.steps]) == (
        Direction.BACKWARD, "0002_b", ["0003_c"],
    )  # fmt: skip
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    done = job(runner, "rollback", *back, "--require-slot", "blue", "--expect-plan", refused.plan_digest)
    assert (done.reason, fits(done)["blue"]) == (Reason.SUCCEEDED, "Satisfied")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--slot", "blue"), "'blue' is not NAME=MINIMUM..MAXIMUM, with two dots between the ids."),
        (("--slot", "=1..2"), "'=1..2' is not NAME=MINIMUM..MAXIMUM"),
        (("--slot", "blue=1"), "'blue=1' is not NAME=MINIMUM..MAXIMUM"),
        (("--slot", "blue=1...2"), "'blue=1...2' is not NAME=MINIMUM..MAXIMUM"),
        (("--slot", "blue=1..", "--slot", "blue=2.."), "the slot blue is given twice."),
        (("--require-slot", "blue"), "there is no --slot blue."),
    ],
)
def test_wrong_words(runner: Runner, words: tuple[str, ...], said: str) -> None:
    ended = runner.call("run", "--operation", "inspect", "--operation-id", "aa-1", *words)
    assert ended.returncode == 2
    assert said in ended.stderr
