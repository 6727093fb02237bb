"""Whether a slot works with the version that a plan leads to."""

from __future__ import annotations

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, SlotFit
from switchback.runner.compare import Comparison, compare
from switchback.runner.errors import RunnerError
from switchback.runner.expected import Bounds
from switchback.runner.goal import goal
from switchback.runner.ledger.model import Ledger
from switchback.runner.plan import Plan, PlannedStep, Way, forward
from switchback.runner.policy import Ahead, Policy
from switchback.runner.slots import judge, refuse_unfit
from tests.unit.runner.worlds import HERE, META, row, world

OK, OLD, NEW, UNKNOWN = SlotFit.SATISFIED, SlotFit.TOO_OLD, SlotFit.TOO_NEW, SlotFit.UNKNOWN_ID
LATE = Policy(Ahead.KEEP, out_of_order=True)


def plan_to(comparison: Comparison, target: str) -> Plan:
    wish = goal(comparison, target, LATE)
    if not wish.beyond:
        return forward(comparison, wish.ahead, wish.target)
    steps = tuple(PlannedStep(Direction.BACKWARD, one.id, Way.LEDGER, None) for one in reversed(wish.beyond))
    return Plan(comparison.ledger, comparison.current, wish.target, Direction.BACKWARD, steps)


def fit(comparison: Comparison, target: str, minimum: str, maximum: str) -> SlotFit:
    (found,) = judge(comparison, plan_to(comparison, target), [Bounds("blue", minimum, maximum)])
    assert bool(found.why) is (found.fit is not OK)
    return found.fit


@pytest.mark.parametrize(
    ("files", "applied", "target", "bounds", "expected"),
    [
        # forward: as it is after applying
        ([1, 2, 3], [1], "3", ("3", ""), OK),
        ([1, 2, 3], [1], "2", ("3", ""), OLD),
        ([1, 2, 3], [1], "2", ("", "2"), OK),
        ([1, 2, 3], [1], "3", ("", "2"), NEW),
        ([1, 2, 3], [1], "3", ("0001_m", "0003_m"), OK),
        # backward: as it is after rolling back
        ([1, 2, 3], [1, 2, 3], "1", ("2", ""), OLD),
        ([1, 2, 3], [1, 2, 3], "2", ("2", ""), OK),
        ([1, 2, 3], [1, 2, 3], "2", ("", "2"), OK),
        ([1, 2, 3], [1, 2, 3], "2", ("", "1"), NEW),
        ([1, 2, 3], [1, 2, 3], "base", ("1", ""), OLD),
        # nothing to do: as it is
        ([1, 2, 3], [1, 2], "2", ("2", "2"), OK),
        ([1, 2, 3], [1, 2], "2", ("3", ""), OLD),
        ([1, 2, 3], [1, 2], "2", ("", "1"), NEW),
        # no bound, and the bounds that are words
        ([1, 2], [1], "2", ("", ""), OK),
        ([1, 2], [1], "2", ("latest", "latest"), OK),
        ([1, 2], [1], "1", ("latest", ""), OLD),
        ([1, 2], [], "base", ("base", "base"), OK),
        ([1, 2], [1], "1", ("base", "base"), NEW),
        # not known: no verdict, whatever the other bound says
        ([1, 2], [1], "2", ("9", ""), UNKNOWN),
        ([1, 2], [1], "2", ("1", "9"), UNKNOWN),
        ([1, 2], [1], "2", ("9", "1"), UNKNOWN),
        # both fail: what it lacks is told first
        ([1, 2, 3, 4], [1, 2, 4], "4", ("3", "2"), NEW),
        ([1, 2, 3, 4], [1, 2], "2", ("3", "1"), OLD),
        # out of order: what comes later in the files counts, whenever it was applied
        ([1, 2, 3], [1, 3, 2], "3", ("", "2"), NEW),
        ([1, 2, 3], [1, 3, 2], "3", ("2", "3"), OK),
        # no file any more, known from the ledger: the order of application counts
        ([1, 3], [1, 2, 3], "3", ("2", ""), OK),
        ([1, 3], [1, 2, 3], "3", ("", "2"), NEW),
        ([1, 3], [1, 2], "2", ("", "2"), OK),
        ([1, 3], [1, 2], "3", ("", "2"), NEW),
        ([1, 2], [1, 2, 3], "latest", ("", "2"), NEW),
        ([1, 2], [1, 2, 3], "2", ("", "2"), OK),
        # neither is in files and ledger both: their names tell
        ([1, 2, 4], [1, 2, 3], "3", ("", "4"), OK),
        ([1, 2, 4], [1, 2, 5], "5", ("", "4"), NEW),
    ],
)
def test_fits(
    files: list[int], applied: list[int], target: str, bounds: tuple[str, str], expected: SlotFit
) -> None:
    assert fit(world(files, applied), target, *bounds) is expected


def test_one_that_has_run_in_part_satisfies_nobody() -> None:
    plain = world([1, 2], [1])
    begun = row(2, 2, statements_done=1, statements_total=2)
    comparison = compare(plain.source, Ledger(HERE, META, (*plain.ledger.rows, begun)))
    plan = Plan(comparison.ledger, comparison.current, "0002_m", Direction.NONE, ())
    older, newer = judge(comparison, plan, [Bounds("blue", "", "1"), Bounds("green", "2", "")])
    assert (older.fit, newer.fit) == (NEW, OLD)
    assert "is not applied, or only in part" in newer.why


@pytest.mark.parametrize(
    ("bounds", "target", "said"),
    [
        (
            ("0002_m", ""),
            "1",
            ("works from 0002_m on, its minimum; at 0001_m, which the rollback leads to, that is not "
             "applied: the schema is too old for it."),
        ),
        (
            ("", "2"),
            "3",
            ("works up to 0002_m, its maximum; at 0003_m, which the pending files lead to, 0003_m is "
             "applied as well: the schema is too new for it."),
        ),
        (
            ("", "base"),
            "2",
            ("works up to base, its maximum; at 0002_m, where the database is, 0001_m, 0002_m are "
             "applied as well: the schema is too new for it."),
        ),
        (
            ("", "0009_x"),
            "2",
            ("has the maximum 0009_x, but neither files nor ledger have that migration: whether it works at "
             "0002_m is not known."),
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_slot_bound_and_target(bounds: tuple[str, str], target: str, said: str) -> None:
    comparison = world([1, 2, 3], [1, 2])
    fittings = judge(comparison, plan_to(comparison, target), [Bounds("blue", *bounds), Bounds("green")])
    refuse_unfit(fittings, ["green"])
    with pytest.raises(RunnerError) as caught:
        refuse_unfit(fittings, ["blue", "green"])
    assert (caught.value.reason, caught.value.message) == (Reason.SLOT_NEEDS_SCHEMA, f"The slot blue {said}")
