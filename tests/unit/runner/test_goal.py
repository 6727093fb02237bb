"""Policies: files and ledger that do not simply follow each other, decided without a database."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, Direction
from switchback.migrations.errors import SourceProblem
from switchback.runner.errors import RunnerError
from switchback.runner.goal import goal
from switchback.runner.order import comes_after, natural, standing
from switchback.runner.policy import Ahead, Policy
from tests.unit.runner.worlds import ids, world

KEEP, ROLLBACK = Policy(Ahead.KEEP), Policy(Ahead.ROLLBACK)
LATE = Policy(out_of_order=True)
KEEP_LATE = Policy(Ahead.KEEP, out_of_order=True)


@pytest.mark.parametrize(
    ("files", "applied", "target", "policy", "what"),
    [
        # the ledger is ahead, and nothing is pending
        ([1, 2], [1, 2, 3], "latest", KEEP, ([], [], "0003_m")),
        ([1, 2], [1, 2, 3], "latest", ROLLBACK, ([], [3], "0002_m")),
        ([1, 2], [1, 2, 3, 4], "latest", ROLLBACK, ([], [3, 4], "0002_m")),
        # a name is a request, whatever the policy
        ([1, 2], [1, 2, 3], "2", KEEP, ([], [3], "0002_m")),
        ([1, 2], [1, 2, 3], "base", KEEP, ([], [1, 2, 3], "base")),
        # ahead, and pending files that come after that
        ([1, 2, 4], [1, 2, 3], "latest", KEEP, ([4], [], "0004_m")),
        ([1, 2, 4, 5], [1, 2, 3], "latest", KEEP, ([4, 5], [], "0005_m")),
        # … or before it
        ([1, 2, 3], [1, 2, 5], "latest", KEEP_LATE, ([3], [], "0003_m")),
        # nothing ahead: the policy changes nothing
        ([1, 2, 3], [1], "latest", KEEP, ([2, 3], [], "0003_m")),
        ([1, 2, 3], [1], "latest", ROLLBACK, ([2, 3], [], "0003_m")),
        # out of order
        ([1, 2, 3], [1, 3], "latest", LATE, ([2], [], "0003_m")),
        ([1, 2, 3], [1, 3], "3", LATE, ([2], [], "0003_m")),
        ([1, 2, 3, 4], [1, 4], "latest", LATE, ([2, 3], [], "0004_m")),
        ([1, 2, 3, 4], [1, 4, 2], "latest", LATE, ([3], [], "0004_m")),
        # what was applied late goes first
        ([1, 2, 3], [1, 3, 2], "1", LATE, ([], [3, 2], "0001_m")),
        # … but the version is that of the files' order: nothing has to be done to stay at 3
        ([1, 2, 3], [1, 3, 2], "3", LATE, ([], [], "0003_m")),
        ([1, 2, 3], [1, 3, 2], "2", LATE, ([], [3], "0002_m")),
    ],
)
def test_what_lies_between(
    files: list[int], applied: list[int], target: str, policy: Policy, what: tuple[list[int], list[int], str]
) -> None:
    found = goal(world(files, applied), target, policy)
    assert (ids(found.ahead), ids(found.beyond), found.target) == what


@pytest.mark.parametrize(
    ("files", "applied", "target", "policy", "refusal"),
    [
        # pending before what is ahead: applying it would change the order without anybody having said so
        ([1, 2, 3], [1, 2, 5], "latest", KEEP, (Reason.OUT_OF_ORDER, ["0003_m", "0005_m"])),
        ([1, 2, 3], [1, 3, 5], "latest", KEEP, (Reason.OUT_OF_ORDER, ["0002_m", "0003_m"])),
        # back and forth are two plans
        ([1, 2, 4], [1, 2, 3], "latest", ROLLBACK, (Reason.SOURCE_BEHIND_LEDGER, ["0003_m", "0004_m"])),
        # files of something else: nothing of it is applied, and everything would be rolled back
        ([7, 8], [1, 2, 3], "latest", ROLLBACK, (Reason.SOURCE_BEHIND_LEDGER, ["0001_m", "0007_m"])),
        # not applied, and a later one is: neither forward nor backward alone
        ([1, 2, 3], [1, 3], "2", LATE, (Reason.OUT_OF_ORDER, ["0002_m", "0003_m"])),
    ],
)
def test_what_is_refused(
    files: list[int], applied: list[int], target: str, policy: Policy, refusal: tuple[Reason, list[str]]
) -> None:
    reason, words = refusal
    with pytest.raises(RunnerError) as raised:
        goal(world(files, applied), target, policy)
    assert raised.value.reason is reason
    assert all(word in raised.value.message for word in words)


def test_the_advice_names_flag_and_field() -> None:
    with pytest.raises(RunnerError) as raised:
        goal(world([1, 2, 3], [1, 3]), "latest")
    assert "--allow-out-of-order" in raised.value.advice
    assert "spec.source.outOfOrderPolicy" in raised.value.advice
    with pytest.raises(RunnerError) as raised:
        goal(world([1], [1, 2]), "latest")
    assert "--ahead-policy" in raised.value.advice
    assert "spec.source.aheadPolicy" in raised.value.advice
    with pytest.raises(RunnerError) as raised:
        goal(world([1, 3], [1, 2]), "latest", ROLLBACK)
    assert "Then set the target to 0001_m" in raised.value.advice


NUMBERS = st.lists(st.integers(1, 9), unique=True, min_size=1).map(sorted)
POLICIES = st.builds(Policy, st.sampled_from(Ahead), st.booleans())


@settings(deadline=None, max_examples=400)
@given(
    NUMBERS,
    st.lists(st.integers(1, 9), unique=True),
    st.sampled_from(["latest", "base", *"123456789"]),
    POLICIES,
)
def test_a_run_that_succeeds_is_where_it_said_it_would_be(
    files: list[int], applied: list[int], target: str, policy: Policy
) -> None:
    """Whoever asks for a version and gets "done" finds that version; asked once more, nothing is left."""
    comparison = world(files, applied)
    try:
        found = goal(comparison, target, policy)
    except (RunnerError, SourceProblem):
        return
    assert not (found.ahead and found.beyond)
    left = [n for n in applied if n not in ids(found.beyond)] + ids(found.ahead)
    after = world(files, left)
    if not (found.target != BASE and int(found.target[:4]) not in files):
        assert after.current == found.target
    if found.beyond and target != "latest":
        return  # a file that was skipped before is no reason not to go back; what is left then is a new wish
    again = goal(after, target, policy)
    assert again.direction is Direction.NONE
    assert again.target == after.current or int(again.target[:4]) not in files


@settings(deadline=None)
@given(files=NUMBERS, applied=st.lists(st.integers(1, 9), unique=True), out_of_order=st.booleans())
def test_keeping_never_rolls_back_and_rolling_back_never_applies(
    files: list[int], applied: list[int], *, out_of_order: bool
) -> None:
    comparison = world(files, applied)
    for ahead in (Ahead.KEEP, Ahead.ROLLBACK):
        try:
            found = goal(comparison, "latest", Policy(ahead, out_of_order))
        except RunnerError:
            continue
        if ahead is Ahead.KEEP:
            assert not found.beyond
        elif comparison.ahead:
            assert ids(found.beyond) == ids(comparison.ahead)


def test_order_of_names() -> None:
    assert natural("9_x") < natural("10_x") < natural("10_y") < natural("0011_a")
    source = world([1, 3], []).source
    assert comes_after("0003_m", ["0001_m", "0002_m"], source)
    assert not comes_after("0003_m", ["0004_m"], source)
    crossed = world([3, 1], []).source
    assert not comes_after("0003_m", ["0002_m"], crossed), "the files are in another order than their names"


def test_standing() -> None:
    source = world([1, 2, 3], []).source
    assert standing([], source) == BASE
    assert standing(["0001_m", "0003_m", "0002_m"], source) == "0003_m"
    assert standing(["0001_m", "0009_m"], source) == "0009_m"
    assert standing(["0009_m", "0001_m"], source) == "0001_m"
    assert standing(["0001_m", "0002_m"], None) == "0002_m"
    assert standing(["0001_m", "0003_m", "0002_m"], None) == "", "nobody can say it without the files"
