"""Files of phase=contract wait when they are told to, with everything after them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner.policy import Policy
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

HOLD = Policy(hold_contract=True)
CONTRACT = "-- switchback: phase=contract\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c", "0004_d")
    mark(folder, "0003_c")
    return Runner(database, folder)


def mark(folder: Path, name: str, half: str = "up") -> None:
    path = folder / f"{name}.{half}.sql"
    path.write_text(CONTRACT + path.read_text())


def test_a_forward_run_ends_before_the_contract_file(runner: Runner) -> None:
    inspected = job(runner, "inspect", "--hold-contract")
    assert (inspected.target, inspected.direction, inspected.held_back) == ("0002_b", Direction.FORWARD, 2)
    done = job(runner, "migrate", "--hold-contract", "--expect-plan", inspected.plan_digest)
    assert (done.reason, done.current, done.target, done.held_back) == (
        Reason.SUCCEEDED, "0002_b", "0002_b", 2,
    )  # fmt: skip
    assert done.message == (
        "Applied 2 migrations; the database is at 0002_b. "
        "Held back from the first file of phase=contract on: 0003_c, 0004_d."
    )
    assert done.pending == 2
    assert runner.applied == ["0001_a", "0002_b"]


def test_where_nothing_is_applied_no_older_program_could_need_anything(runner: Runner) -> None:
    new = job(runner, "migrate", "--hold-contract-unless-new")
    assert (new.target, new.held_back) == ("0004_d", 0)
    assert runner.applied == ["0001_a", "0002_b", "0003_c", "0004_d"]


def test_where_something_is_applied_it_waits_all_the_same(runner: Runner) -> None:
    job(runner, "migrate", "--target", "0001_a")
    later = job(runner, "migrate", "--hold-contract-unless-new")
    assert (later.target, later.held_back) == ("0002_b", 2)


def test_nothing_but_what_waits_is_up_to_date(runner: Runner) -> None:
    job(runner, "migrate", "--hold-contract")
    again = job(runner, "migrate", "--hold-contract")
    assert (again.reason, again.target, again.held_back) == (Reason.UP_TO_DATE, "0002_b", 2)
    assert again.message == (
        "Nothing to apply: the database is at 0002_b. Held back from the first file of phase=contract on: "
        "0003_c, 0004_d."
    )
    inspected = job(runner, "inspect", "--hold-contract")
    assert (inspected.reason, inspected.direction) == (Reason.SUCCEEDED, Direction.NONE)
    assert "0003_c, 0004_d" in inspected.message
    assert (inspected.plan_digest, inspected.steps) == ("", ())


def test_without_the_flag_they_run_in_order(runner: Runner) -> None:
    job(runner, "migrate", "--hold-contract")
    plan = job(runner, "inspect")
    assert (plan.held_back, [step.id for step in plan.steps]) == (0, ["0003_c", "0004_d"])
    done = job(runner, "migrate", "--expect-plan", plan.plan_digest)
    assert (done.reason, done.current, done.held_back) == (Reason.SUCCEEDED, "0004_d", 0)


def test_the_digest_is_that_of_what_would_run(runner: Runner) -> None:
    held = job(runner, "inspect", "--hold-contract").plan_digest
    assert held == job(runner, "inspect", "--target", "0002_b").plan_digest
    assert held != job(runner, "inspect").plan_digest
    moved = job(runner, "migrate", "--expect-plan", held)
    assert moved.reason is Reason.PLAN_MOVED


@pytest.mark.parametrize(
    ("target", "reached", "held"),
    [("0004_d", "0002_b", 2), ("3", "0002_b", 1), ("2", "0002_b", 0), ("1", "0001_a", 0)],
)
def test_a_named_target(runner: Runner, target: str, reached: str, held: int) -> None:
    done = job(runner, "migrate", "--hold-contract", "--target", target)
    assert (done.reason, done.current, done.target, done.held_back) == (
        Reason.SUCCEEDED, reached, reached, held,
    )  # fmt: skip


def test_the_first_file_of_all_waits(runner: Runner) -> None:
    mark(runner.folder, "0001_a")
    done = job(runner, "migrate", "--hold-contract")
    assert (done.reason, done.target, done.held_back) == (Reason.UP_TO_DATE, "base", 4)
    assert runner.tables == set()


def test_a_contract_file_that_has_run_holds_nothing_back(runner: Runner) -> None:
    job(runner, "migrate", "--target", "3")
    done = job(runner, "migrate", "--hold-contract")
    assert (done.reason, done.current, done.held_back) == (Reason.SUCCEEDED, "0004_d", 0)


@pytest.mark.parametrize("reach", ["2", "base"])
def test_a_way_back_is_not_held_up(runner: Runner, reach: str) -> None:
    job(runner, "migrate")
    inspected = job(runner, "inspect", "--hold-contract", "--target", reach, "--reserve-unless-risky")
    assert (inspected.direction, inspected.held_back) == (Direction.BACKWARD, 0)
    back = job(
        runner, "rollback", "--hold-contract", "--target", reach, "--expect-plan", inspected.plan_digest
    )
    assert (back.reason, back.held_back) == (Reason.SUCCEEDED, 0)


def test_the_down_half_may_say_so_as_well(runner: Runner) -> None:
    mark(runner.folder, "0002_b", "down")
    assert job(runner, "migrate", "--hold-contract").target == "0001_a"


def test_a_file_that_is_wrong_and_waits_is_told_before_anything_runs(runner: Runner) -> None:
    (runner.folder / "0004_d.up.sql").write_text("SELECT 'never ends")
    (runner.folder / "0002_b.up.sql").write_text("-- switchback: phase=expand\nSELECT 1;")
    done = job(runner, "migrate", "--hold-contract")
    assert (done.reason, done.current) == (Reason.SOURCE_INVALID, "base")
    assert "(1 more)" in done.message
    (runner.folder / "0002_b.up.sql").write_text("SELECT 1;")
    done = job(runner, "migrate", "--hold-contract")
    assert (done.reason, done.current) == (Reason.SOURCE_INVALID, "base")
    assert "0004_d.up.sql" in done.message


@pytest.fixture
def halfway(database: str, folder: Path) -> Runner:
    """A contract file without transaction stopped after its first statement."""
    write(folder, "0001_a", "0003_c", "0004_d")
    (folder / "0002_b.up.sql").write_text(
        f"{CONTRACT}-- switchback: no-transaction\nCREATE TABLE b1 ();\nCREATE TABLE t_0001_a ();\n"
    )
    (folder / "0002_b.down.sql").write_text("-- switchback: no-transaction\nDROP TABLE IF EXISTS b1;\n")
    runner = Runner(database, folder)
    assert job(runner, "migrate").reason is Reason.FAILED_PARTLY
    assert runner.applied == ["0001_a", "0002_b"]
    return runner


def test_a_contract_file_that_has_run_in_part_waits_as_well(halfway: Runner) -> None:
    done = job(halfway, "migrate", "--hold-contract")
    assert (done.reason, done.held_back, done.steps) == (Reason.UP_TO_DATE, 3, ())
    assert "0002_b, 0003_c, 0004_d" in done.message
    assert halfway.tables == {"t_0001_a", "b1"}
    text = (halfway.folder / "0002_b.up.sql").read_text()
    (halfway.folder / "0002_b.up.sql").write_text(text.replace("t_0001_a", "b2"))
    finished = job(halfway, "migrate")
    assert (finished.reason, finished.done, finished.current) == (Reason.SUCCEEDED, 3, "0004_d")


def test_a_file_before_it_still_runs_out_of_order(runner: Runner) -> None:
    job(runner, "migrate", "--hold-contract")
    write(runner.folder, "0000_z")
    refused = job(runner, "migrate", "--hold-contract")
    assert refused.reason is Reason.OUT_OF_ORDER
    done = job(runner, "migrate", "--hold-contract", "--out-of-order-policy", "Allow")
    assert (done.reason, done.target, done.held_back) == (Reason.SUCCEEDED, "0002_b", 2)
    assert runner.applied == ["0001_a", "0002_b", "0000_z"]


def test_a_contract_file_out_of_order_holds_back_all_after_it(runner: Runner) -> None:
    job(runner, "migrate")
    write(runner.folder, "0000_z", "0005_e")
    mark(runner.folder, "0000_z")
    done = job(runner, "migrate", "--hold-contract", "--out-of-order-policy", "Allow")
    assert (done.reason, done.current, done.target, done.held_back) == (
        Reason.UP_TO_DATE, "0004_d", "0004_d", 2,
    )  # fmt: skip
    assert "0000_z, 0005_e" in done.message


def test_on_a_laptop(runner: Runner) -> None:
    shown = runner.call("status").stdout
    assert "phase=contract" in shown.split("0003_c")[1].splitlines()[0]
    assert "phase=contract" not in shown.split("0004_d")[1].splitlines()[0]
    plan = runner.call("plan", "--hold-contract")
    assert "reaching 0002_b applies 2 migrations" in plan.stdout
    assert "Held back from the first file of phase=contract on: 0003_c, 0004_d." in plan.stdout
    told = json.loads(runner.call("plan", "--hold-contract", "--json").stdout)
    assert told["heldBack"] == ["0003_c", "0004_d"]
    assert [step["id"] for step in told["steps"]] == ["0001_a", "0002_b"]
    dry = runner.call("migrate", "--hold-contract", "--dry-run")
    assert "Would apply 2 migrations; nothing was changed. Held back" in dry.stdout
    done = runner.call("migrate", "--hold-contract")
    assert (done.returncode, "0003_c, 0004_d" in done.stdout) == (0, True)
    assert runner.applied == ["0001_a", "0002_b"]
    assert json.loads(runner.call("plan", "--json").stdout)["heldBack"] == []


def test_steps_count_up_to_it(runner: Runner) -> None:
    assert runner.up(steps=1, policy=HOLD).result.current == "0001_a"
    result = runner.up(steps=3, policy=HOLD).result
    assert (result.current, result.held_back) == ("0002_b", 2)


def test_the_status_tells_of_one_that_has_run_in_part(halfway: Runner) -> None:
    line = next(line for line in halfway.call("status").stdout.splitlines() if "partial" in line)
    assert "0002_b" in line
    assert "1 of 2 statements have run; phase=contract" in line
