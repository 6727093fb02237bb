"""What may be deleted, and above all what may not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.points import Phase
from switchback.contract.retention import Delete, Keep, Point, Policy, duration, plan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = 7
POLICY = Policy(minimum_count=2, minimum_age_seconds=DAYS * 86400)


def aged(name: str, days: float, **more: object) -> Point:
    return replace(Point(name, NOW - timedelta(days=days), source="shop"), **more)  # type: ignore[arg-type]


def verdicts(
    *points: Point, policy: Policy = POLICY, complete: bool = True, **more: object
) -> dict[str, str]:
    """By name: empty when it may be deleted, else why it stays."""
    found = plan(points, policy, now=NOW, complete=complete, **more)  # type: ignore[arg-type]
    assert sorted(one.name for one in found) == sorted(point.name for point in points)
    assert all(one.reason for one in found)
    return {one.name: one.reason if isinstance(one, Keep) else "" for one in found}


OLD = (aged("a", 40), aged("b", 30), aged("c", 20), aged("d", 10))


def test_what_is_beyond_count_and_age_may_go_oldest_first() -> None:
    found = plan(OLD[::-1], POLICY, now=NOW, complete=True)
    assert [one.name for one in found if isinstance(one, Delete)] == ["a", "b"]
    assert [one.name for one in found] == ["a", "b", "c", "d"]
    assert found[0].reason == "it is older than 7 days, and 2 newer verified ones stay"


def test_a_listing_that_is_not_complete_keeps_everything() -> None:
    assert set(verdicts(*OLD, complete=False).values()) == {"not everything could be listed"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"owned": False}, "not known to be of this resource"),
        ({"keep": True}, "keep mark"),
        ({"protected": "a restore reads it"}, "a restore reads it"),
        ({"operation_id": "3f2a91c0-5b1e77"}, "3f2a91c0-5b1e77 has not ended well"),
        ({"phase": Phase.CREATING}, "it is Creating"),
        ({"phase": Phase.DELETING}, "it is Deleting"),
        ({"phase": Phase.UNKNOWN}, "it is Unknown"),
        ({"created": None}, "not known when it was made"),
        ({"created": NOW + timedelta(days=1)}, "not older than 7 days"),
        ({"created": NOW - timedelta(days=DAYS)}, "not older than 7 days"),
    ],
)
def test_whatever_speaks_for_keeping_is_said(change: dict[str, object], why: str) -> None:
    points = (replace(OLD[0], **change), *OLD[1:])  # type: ignore[arg-type]
    found = verdicts(*points, unfinished={"3f2a91c0-5b1e77"})
    assert why in found["a"]
    assert found["b"] == ""


def test_a_failed_one_may_go_and_does_not_count() -> None:
    points = (replace(OLD[0], phase=Phase.FAILED), *OLD[1:])
    assert [name for name, why in verdicts(*points).items() if not why] == ["a", "b"]
    alone = (replace(OLD[1], phase=Phase.FAILED), replace(OLD[2], verified=False), OLD[3])
    assert "only 1 verified" in verdicts(*alone)["b"]


def test_the_newest_available_one_stays_although_it_was_not_verified() -> None:
    found = verdicts(*OLD, aged("e", 8, verified=False))
    assert found["e"] == "it is the newest one"
    assert (found["a"], found["b"]) == ("", "")
    assert "newest 2 verified" in found["c"]


def test_every_source_is_counted_by_itself() -> None:
    others = [replace(point, name=f"{point.name}2", source="other") for point in OLD[:2]]
    found = verdicts(*OLD, *others)
    assert [name for name, why in found.items() if not why] == ["a", "b"]


def test_what_is_not_ours_does_not_count_either() -> None:
    foreign = [aged(f"f{number}", 1 + number, owned=False) for number in range(5)]
    found = verdicts(aged("a", 40), aged("b", 30), *foreign)
    assert all(found.values())


def test_a_count_of_nothing_keeps_one() -> None:
    found = verdicts(*OLD, policy=Policy(0, 0))
    assert [name for name, why in found.items() if why] == ["d"]


points = st.builds(
    Point,
    name=st.uuids().map(str),
    created=st.none() | st.integers(-40, 40).map(lambda days: NOW - timedelta(days=days)),
    phase=st.sampled_from([*Phase, *[Phase.AVAILABLE] * 12]),
    verified=st.sampled_from([True, True, True, False]),
    owned=st.sampled_from([True, True, True, False]),
    source=st.sampled_from(["shop", "shop", "other"]),
    operation_id=st.sampled_from(["", "x-1", "x-2"]),
    protected=st.sampled_from(["", "", "", "a restore reads it"]),
    keep=st.sampled_from([False, False, False, True]),
)
listings = st.lists(points, max_size=14)
policies = st.builds(Policy, st.integers(-1, 5), st.integers(-1, 30).map(lambda days: days * 86400))


@given(listings, policies, st.booleans())
def test_the_rules_hold_for_every_listing(listing: list[Point], policy: Policy, complete: bool) -> None:  # noqa: FBT001 - drawn
    found = plan(listing, policy, now=NOW, complete=complete, unfinished={"x-2"})
    assert Counter(one.name for one in found) == Counter(point.name for point in listing)
    gone = {one.name for one in found if isinstance(one, Delete)}
    if not complete:
        assert not gone
    for point in listing:
        if point.name not in gone:
            continue
        assert point.owned
        assert not point.keep
        assert not point.protected
        assert point.operation_id != "x-2"
        assert point.phase in {Phase.AVAILABLE, Phase.FAILED}
        assert point.created is not None
        assert (NOW - point.created).total_seconds() > policy.minimum_age_seconds
    for source in {point.source for point in listing if point.name in gone}:
        ours = [point for point in listing if point.owned and point.source == source]
        left = [point for point in ours if point.name not in gone and point.available and point.verified]
        assert len(left) >= max(1, policy.minimum_count)
        ages = [point.created for point in ours if point.available and point.created is not None]
        kept = [p.created for p in ours if p.available and p.created is not None and p.name not in gone]
        assert max(kept) == max(ages)


@given(listings, policies)
def test_after_a_deletion_the_same_plan_deletes_nothing_more(listing: list[Point], policy: Policy) -> None:
    gone = {one.name for one in plan(listing, policy, now=NOW, complete=True) if isinstance(one, Delete)}
    left = [point for point in listing if point.name not in gone]
    assert not [one for one in plan(left, policy, now=NOW, complete=True) if isinstance(one, Delete)]


@given(listings, policies, st.data())
def test_deletions_that_end_half_way_leave_what_has_to_stay(
    listing: list[Point], policy: Policy, data: st.DataObject
) -> None:
    """Any first part of the plan is as safe as all of it."""
    found = plan(listing, policy, now=NOW, complete=True)
    gone = [one.name for one in found if isinstance(one, Delete)]
    gone = gone[: data.draw(st.integers(0, len(gone)))]
    again = plan([p for p in listing if p.name not in gone], policy, now=NOW, complete=True)
    stays = {one.name for one in found if isinstance(one, Keep)}
    assert stays <= {one.name for one in again if isinstance(one, Keep)}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (604800, "7 days"),
        (86400, "1 day"),
        (5400, "90 minutes"),
        (3600, "1 hour"),
        (1, "1 second"),
        (0, "0 seconds"),
    ],
)
def test_lengths_of_time_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
