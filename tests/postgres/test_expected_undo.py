"""What a run has done is counted, and a rollback that nobody looks at undoes exactly that or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.contract.result import Result

MINE = "aa-2"
OF_MINE = ("--expect-undo-of", MINE)


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """One operation has applied 1 and 2, another one 3 to 5."""
    write(folder, "0001_a", "0002_b", "0003_c", "0004_d", "0005_e")
    runner = Runner(database, folder)
    assert job(runner, "migrate", "--target", "2").done == 2
    assert job(runner, "migrate", "--operation-id", MINE).done == 3
    return runner


def done(result: Result) -> list[str]:
    return [step.id for step in result.steps[: result.done]]


def rolled_back(runner: Runner, target: str, *words: str) -> Result:
    """From inspect to rollback, as an operation of its own does it."""
    who = ("--operation-id", "aa-3", "--target", target, "--accept", "DataLoss", *words)
    inspected = job(runner, "inspect", *who, "--reserve-unless-risky")
    if inspected.reason is not Reason.SUCCEEDED:
        return inspected
    return job(runner, "rollback", *who, "--expect-plan", inspected.plan_digest)


def test_a_run_that_succeeds_tells_all_that_it_has_applied(runner: Runner) -> None:
    write(runner.folder, "0006_f", "0007_g")
    result = job(runner, "migrate")
    assert (done(result), result.steps_omitted) == (["0006_f", "0007_g"], 0)
    assert {step.direction for step in result.steps} == {Direction.FORWARD}
    again = job(runner, "migrate")
    assert (again.reason, again.done, again.steps) == (Reason.UP_TO_DATE, 0, ())


def test_a_run_that_fails_tells_what_it_had_applied(runner: Runner) -> None:
    write(runner.folder, "0006_f", "0008_h", _0007_g_up="SELECT 1/0;", _0007_g_down="SELECT 1;")
    result = job(runner, "migrate")
    assert (result.reason, len(result.steps)) == (Reason.SQL_FAILED, 3)
    assert done(result) == ["0006_f"]
    assert runner.applied[-1] == "0006_f"


def test_the_number_is_right_where_the_steps_do_not_fit(runner: Runner) -> None:
    names = [f"{number:04d}_{'long_' * 20}" for number in range(10, 50)]
    write(runner.folder, *names)
    for name in names:  # names of tables have 63 bytes
        (runner.folder / f"{name}.up.sql").write_text("SELECT 1;")
    result = job(runner, "migrate")
    assert result.done == 40
    assert 0 < len(result.steps) == 40 - result.steps_omitted < 40
    assert done(result) == names[: len(result.steps)]


def test_what_is_looked_at_only_is_not_done(runner: Runner) -> None:
    inspected = job(runner, "inspect", "--target", "2")
    assert (len(inspected.steps), inspected.done) == (3, 0)


def test_an_inspection_tells_what_the_operation_has_applied_whichever_run_it_was(runner: Runner) -> None:
    """A run whose word was lost is known by the ledger only."""
    found = job(runner, "inspect", "--operation-id", MINE)
    assert (found.direction, found.by_operation, found.begun_at) == (Direction.NONE, 3, "0002_b")
    write(runner.folder, "0006_f")
    assert job(runner, "inspect", "--operation-id", MINE).by_operation == 3
    assert job(runner, "inspect", "--operation-id", "aa-1").begun_at == "0005_e", "others have gone on"
    other = job(runner, "inspect", "--operation-id", "aa-3")
    assert (other.by_operation, other.begun_at) == (0, "")


def test_what_an_operation_has_only_begun_is_not_counted_and_is_part_of_its_way(runner: Runner) -> None:
    text = "-- switchback: no-transaction\nCREATE TABLE six ();\nSELECT 1/0;"
    write(runner.folder, _0006_f_up=text, _0006_f_down="DROP TABLE six;")
    assert job(runner, "migrate", "--operation-id", "aa-4").reason is Reason.FAILED_PARTLY
    found = job(runner, "inspect", "--operation-id", "aa-4")
    assert (found.current, found.by_operation, found.begun_at) == ("0006_f", 0, "0005_e")


def test_a_rollback_counts_as_well(runner: Runner) -> None:
    result = rolled_back(runner, "2")
    assert done(result) == ["0005_e", "0004_d", "0003_c"]


def test_exactly_what_an_operation_has_applied(runner: Runner) -> None:
    result = rolled_back(runner, "2", *OF_MINE)
    assert (result.reason, result.done, result.current) == (Reason.SUCCEEDED, 3, "0002_b")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("1", "Reaching 0001_a means undoing 0002_b, which operation aa-2 has not applied."),
        ("base", "Reaching base means undoing 0002_b, 0001_a, which operation aa-2 has not applied."),
        ("4", "Reaching 0004_d leaves 0003_c, 0004_d, which operation aa-2 has applied."),
    ],
)
def test_more_or_less_than_an_operation_has_applied(runner: Runner, target: str, said: str) -> None:
    refused = rolled_back(runner, target, *OF_MINE)
    assert (refused.operation, refused.reason, refused.exit_code) == ("inspect", Reason.PLAN_MOVED, 12)
    assert refused.message.startswith(said)
    assert (refused.direction, refused.reserved_until) == (Direction.BACKWARD, "")
    for operation in ("reserve", "rollback"):
        assert job(runner, operation, "--target", target, *OF_MINE).message.startswith(said)
    assert len(runner.applied) == 5


def test_what_another_operation_has_applied_since_is_not_undone(runner: Runner) -> None:
    write(runner.folder, "0006_f")
    job(runner, "migrate", "--operation-id", "bb-1")
    refused = rolled_back(runner, "2", *OF_MINE)
    assert refused.reason is Reason.PLAN_MOVED
    assert refused.message.startswith("Reaching 0002_b means undoing 0006_f, which operation aa-2")


def test_all_attempts_of_an_operation_count(runner: Runner) -> None:
    write(runner.folder, "0006_f", _0007_g_up="SELECT 1/0;", _0007_g_down="SELECT 1;")
    assert job(runner, "migrate", "--operation-id", "aa-9").done == 1
    (runner.folder / "0007_g.up.sql").write_text("SELECT 1;")
    assert job(runner, "migrate", "--operation-id", "aa-9").done == 1
    result = rolled_back(runner, "5", "--expect-undo-of", "aa-9")
    assert (result.reason, done(result)) == (Reason.SUCCEEDED, ["0007_g", "0006_f"])


def test_a_rollback_that_failed_half_way_goes_on(runner: Runner) -> None:
    (runner.folder / "0004_d.down.sql").write_text("SELECT 1/0;")
    words = (*OF_MINE, "--down-source", "Source")
    failed = rolled_back(runner, "2", *words)
    assert (failed.reason, done(failed)) == (Reason.SQL_FAILED, ["0005_e"])
    (runner.folder / "0004_d.down.sql").write_text("DROP TABLE t_0004_d;")
    result = rolled_back(runner, "2", *words)
    assert (result.reason, done(result)) == (Reason.SUCCEEDED, ["0004_d", "0003_c"])
    again = job(runner, "inspect", "--target", "2", *words)
    assert (again.reason, again.direction) == (Reason.SUCCEEDED, Direction.NONE)


def test_one_that_was_rolled_back_and_applied_again_is_of_whoever_did_that(runner: Runner) -> None:
    rolled_back(runner, "4")
    job(runner, "migrate", "--operation-id", "bb-1")
    refused = rolled_back(runner, "2", *OF_MINE)
    assert refused.message.startswith("Reaching 0002_b means undoing 0005_e, which")
    assert rolled_back(runner, "4", "--expect-undo-of", "bb-1").reason is Reason.SUCCEEDED
    assert rolled_back(runner, "2", *OF_MINE).reason is Reason.SUCCEEDED


def test_a_history_that_was_taken_over_is_nobodys(database: str, folder: Path) -> None:
    write(folder, "0001_a", "0002_b")
    runner = Runner(database, folder)
    runner.query("CREATE TABLE t_0001_a (); CREATE TABLE schema_migrations (version bigint, dirty boolean)")
    runner.query("INSERT INTO schema_migrations VALUES (1, false)")
    words = ("--adoption-policy", "IfNoLedger")
    unwritten = job(runner, "inspect", "--target", "base", *OF_MINE, *words)
    assert unwritten.message.startswith("Reaching base means undoing 0001_a, which operation aa-2")
    job(runner, "migrate", "--operation-id", MINE, *words)
    assert runner.applied == ["0001_a", "0002_b"]
    refused = rolled_back(runner, "base", *OF_MINE)
    assert refused.message.startswith("Reaching base means undoing 0001_a, which operation aa-2")
    assert rolled_back(runner, "1", *OF_MINE).reason is Reason.SUCCEEDED


def test_one_that_has_run_in_part_is_of_whoever_began_it(runner: Runner) -> None:
    (runner.folder / "0006_f.up.sql").write_text(
        "-- switchback: no-transaction\nCREATE TABLE f ();\nSELECT 1/0;\n"
    )
    (runner.folder / "0006_f.down.sql").write_text("DROP TABLE f;\n")
    assert job(runner, "migrate", "--operation-id", "aa-9").reason is Reason.FAILED_PARTLY
    assert rolled_back(runner, "2", *OF_MINE).reason is Reason.PLAN_MOVED
    inspected = job(runner, "inspect", "--target", "5", "--expect-undo-of", "aa-9")
    assert (inspected.reason, [step.id for step in inspected.steps]) == (Reason.SUCCEEDED, ["0006_f"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--expect-undo-count", "3", "--expect-undo", "0003_c", "--expect-undo", "0005_e"), ""),
        (
            ("--expect-undo-count", "2"),
            "Reaching 0002_b means undoing 3 (0005_e, 0004_d, 0003_c), not 2, as expected.",
        ),
        (
            ("--expect-undo-count", "3", "--expect-undo", "0002_b"),
            "Reaching 0002_b means undoing 0005_e, 0004_d, 0003_c, and not 0002_b, as expected.",
        ),
    ],
)
def test_numbers_and_ids(runner: Runner, words: tuple[str, ...], said: str) -> None:
    result = rolled_back(runner, "2", *words)
    assert result.message.startswith(said or "Rolled back 3")
    assert result.reason is (Reason.PLAN_MOVED if said else Reason.SUCCEEDED)


def test_a_target_that_lies_ahead_undoes_nothing(runner: Runner) -> None:
    write(runner.folder, "0006_f")
    refused = job(runner, "inspect", *OF_MINE)
    assert refused.reason is Reason.PLAN_MOVED
    assert refused.message.startswith("Reaching 0006_f undoes nothing: it means applying 0006_f.")
