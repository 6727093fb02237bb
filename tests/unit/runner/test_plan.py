"""Targets and differences: what would run, decided without a database."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.migrations.errors import SourceProblem
from switchback.migrations.model import DownKind, Migration, Source
from switchback.runner.compare import compare
from switchback.runner.downs import backward
from switchback.runner.errors import RunnerError
from switchback.runner.goal import goal
from switchback.runner.plan import forward
from tests.unit.runner.worlds import ids, migration, row, world


@pytest.mark.parametrize(
    ("files", "applied", "target", "ahead", "beyond"),
    [
        ([1, 2, 3], [], "latest", [1, 2, 3], []),
        ([1, 2, 3], [1], "2", [2], []),
        ([1, 2, 3], [1, 2, 3], "latest", [], []),
        ([1, 2, 3], [1, 2, 3], "0003_m", [], []),
        ([1, 2, 3], [1, 2, 3], "1", [], [2, 3]),
        ([1, 2, 3], [1, 2, 3], "base", [], [1, 2, 3]),
        ([1, 2, 3], [], "base", [], []),
        ([1], [1, 2, 3], "1", [], [2, 3]),
        ([1, 2, 3, 4], [1, 2, 4, 3], "latest", [], []),
        ([1, 2, 3, 4], [1, 2, 4, 3], "4", [], []),
        ([1, 2, 3, 4], [1, 2, 4, 3], "3", [], [4]),
        ([1, 2, 3, 4], [1, 2, 4, 3], "2", [], [4, 3]),
        ([1, 3], [1, 2, 3], "latest", [], []),
        ([1, 3, 4], [1, 2, 3], "latest", [4], []),
        ([1, 3], [1, 2, 3], "2", [], [3]),
        ([1, 2, 4], [1, 2, 3], "4", [4], []),
        ([1, 2, 3, 4], [1, 3, 4], "3", [], [4]),  # a file that was skipped is no reason not to go back
    ],
)
def test_what_lies_between(
    files: list[int], applied: list[int], target: str, ahead: list[int], beyond: list[int]
) -> None:
    found = goal(world(files, applied), target)
    assert (ids(found.ahead), ids(found.beyond)) == (ahead, beyond)


@pytest.mark.parametrize(
    ("files", "applied", "target", "reason"),
    [
        ([1, 2], [1, 2, 3], "latest", Reason.SOURCE_BEHIND_LEDGER),
        ([1, 2, 4], [1, 2, 3], "latest", Reason.SOURCE_BEHIND_LEDGER),
        ([1, 2, 3], [1, 3], "latest", Reason.OUT_OF_ORDER),
        ([1, 2, 3], [1, 3], "3", Reason.OUT_OF_ORDER),
        ([1, 2, 3], [1, 3], "2", Reason.OUT_OF_ORDER),
    ],
)
def test_what_is_refused(files: list[int], applied: list[int], target: str, reason: Reason) -> None:
    with pytest.raises(RunnerError) as raised:
        goal(world(files, applied), target)
    assert raised.value.reason is reason


NUMBERS = st.lists(st.integers(1, 9), unique=True, min_size=1).map(sorted)


@settings(deadline=None)
@given(NUMBERS, st.lists(st.integers(1, 9), unique=True), st.sampled_from(["latest", "base", *"123456789"]))
def test_a_goal_is_never_both_ways_and_always_reached(
    files: list[int], applied: list[int], target: str
) -> None:
    comparison = world(files, applied)
    try:
        found = goal(comparison, target)
    except (RunnerError, SourceProblem):
        return  # every refusal is fine here; what is accepted must be right
    assert not (found.ahead and found.beyond)
    left = [n for n in applied if n not in ids(found.beyond)] + ids(found.ahead)
    if found.target == "base":
        assert left == []
    else:
        number = int(found.target[:4])
        assert number in left
        if number not in files:
            return  # the file of the target is gone: the order of application is all that is known
        assert all(n <= number for n in left if n in files and target != "latest")
        if not found.beyond:
            assert all(n in left for n in files if n < number)


def test_the_digest_binds_order_files_and_state() -> None:
    comparison = world([1, 2, 3], [1, 2, 3])
    plans = [backward(comparison, comparison.ledger.rows[n:], "x", {}) for n in (0, 1)]
    assert [step.id for step in plans[0].steps] == ["0003_m", "0002_m", "0001_m"]
    other = world([1, 2, 3], [2, 1, 3])
    plans.append(backward(other, other.ledger.rows, "x", {}))
    longer = world([1, 2, 3], [])
    plans += [forward(longer, longer.pending, "x"), forward(longer, longer.pending[:2], "x")]
    digests = {plan.digest for plan in plans}
    assert len(digests) == len(plans)
    assert {plan.direction for plan in plans} == {Direction.FORWARD, Direction.BACKWARD}


def test_every_reason_of_a_range_is_named_and_the_most_urgent_counts() -> None:
    comparison = world([1, 2, 3], [1, 2, 3])
    rows = [row(1, 1, down_checksum="s1:other"), row(2, 2, down_checksum=""), row(3, 3)]
    files = dict(comparison.source.by_id)
    files["0002_m"] = Migration("0002_m", 2, "m", "Pairs", files["0002_m"].up, None, DownKind.NONE, ())
    source = Source(tuple(files.values()), "f1:0", "Pairs", "m")
    with pytest.raises(RunnerError) as raised:
        backward(compare(source, comparison.ledger), rows, "base", {})
    assert raised.value.reason is Reason.NO_DOWN
    assert "0001_m" in raised.value.message
    assert "0002_m" in raised.value.message
    assert "0003_m" not in raised.value.message


def test_renamed_is_neither_missing_nor_pending() -> None:
    comparison = world([1], [1])
    moved = Migration("0009_m", 1, "m", "Pairs", migration(1, 1).up, None, DownKind.NONE, ())
    found = compare(Source((moved,), "f1:0", "Pairs", "m"), comparison.ledger)
    assert (found.pending, found.missing) == ((), ())
    assert [(change.row.id, change.migration.id) for change in found.renamed] == [("0001_m", "0009_m")]
