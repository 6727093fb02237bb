"""What is told of the traffic: each step of a switch once, and everything that went back with its reason."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from switchback.api.status import (
    CheckState,
    Condition,
    ConditionStatus,
    CutoverPhase,
    CutoverState,
    HistoryEntry,
    OperationKind,
    OperationState,
    Outcome,
    SchemaState,
    Status,
    TrafficState,
)
from switchback.contract.words import CheckStage, Direction
from switchback.controller.events import transitions
from switchback.controller.happening import Happening
from switchback.controller.moves import MEANINGS, WARNINGS, Move

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "events.md"
TIMES = {
    CutoverPhase.PREPARING: {},
    CutoverPhase.SWITCHING: {},
    CutoverPhase.SWITCHED: {"switch_time": "2026-01-01T12:00:05Z"},
    CutoverPhase.SOAKING: {"switch_time": "2026-01-01T12:00:05Z", "verify_time": "2026-01-01T12:00:06Z"},
}
FULL = TIMES[CutoverPhase.SOAKING]


def at(phase: CutoverPhase | None, *, live: str = "blue", drift: tuple[str, ...] = (), **more: Any) -> Status:
    """A status whose switch is in this phase; None: no switch was ever."""
    if phase is None:
        return Status(traffic=TrafficState(live_slot=live, selector={}, drift_times=drift))
    known: dict[str, Any] = {"id": "c1", "from_": "blue", "to": "green", "phase": phase, "ready_before": 3}
    known |= {"from_selector": {}, "to_selector": {}, **TIMES.get(phase, FULL)}
    return Status(
        traffic=TrafficState(
            live_slot=live, selector={}, drift_times=drift, cutover=CutoverState(**known | more)
        )
    )


def words(before: Status, after: Status) -> list[str]:
    return [one.reason for one in transitions(before, after)]


def test_a_switch_that_goes_well_is_told_step_by_step_and_each_step_once() -> None:
    way = [None, "Preparing", "Switching", "Switched", "Soaking", "Draining", "Completed"]
    states = [at(CutoverPhase(step) if step else None) for step in way]
    told = [word for one, two in pairwise(states) for word in words(one, two)]
    assert told == [
        "CutoverStarted",
        "SelectorSwitched",
        "EndpointsVerified",
        "SoakPassed",
        "OldSlotDrained",
    ]
    assert all(words(one, one) == [] for one in states)
    assert not any(one.warning for one in transitions(states[2], states[3]))


def test_the_switch_of_the_selector_says_from_where_to_where() -> None:
    (one,) = transitions(at(CutoverPhase.SWITCHING), at(CutoverPhase.SWITCHED, live="green"))
    assert one.message == "blue → green. The Service had 3 ready endpoints before."


def test_a_switch_whose_steps_were_stored_at_once_is_told_whole() -> None:
    """An operator that finds its patch done stores more than one step."""
    assert words(at(CutoverPhase.SWITCHING), at(CutoverPhase.SOAKING, live="green")) == [
        "SelectorSwitched",
        "EndpointsVerified",
    ]


def test_a_soak_that_fails_warns_with_its_reason_and_so_does_the_way_back() -> None:
    why: dict[str, Any] = {"reason": "ChecksFailed", "message": "checkout answered 503."}
    before, back = at(CutoverPhase.SOAKING, live="green"), at(CutoverPhase.RESTORING, live="green", **why)
    assert transitions(before, back) == [
        Happening(
            "SoakFailed", "The traffic goes back to blue. ChecksFailed: checkout answered 503.", warning=True
        )
    ]
    after = at(CutoverPhase.RESTORED, **why)
    assert transitions(back, after) == [
        Happening("SelectorRestored", "green → blue. ChecksFailed: checkout answered 503.", warning=True)
    ]


@pytest.mark.parametrize(
    ("phase", "reason"), [("Switched", "DeadlineExceeded"), ("Soaking", "Aborted"), ("Soaking", "Superseded")]
)
def test_what_was_not_verified_or_was_not_wished_any_more_is_undone(phase: str, reason: str) -> None:
    before = at(CutoverPhase(phase))
    assert before.traffic is not None
    assert before.traffic.cutover is not None
    verified = before.traffic.cutover.verify_time
    after = at(CutoverPhase.RESTORING, reason=reason, message="so it is.", verify_time=verified)
    assert words(before, after) == ["CutoverUndone"]


def test_a_switch_that_ends_before_it_has_begun() -> None:
    after = at(CutoverPhase.CANCELLED, reason="SlotNotReady", switch_time="", verify_time="")
    assert words(at(CutoverPhase.PREPARING), after) == ["CutoverCancelled"]


def test_a_bad_soak_after_which_the_traffic_stays_is_no_success() -> None:
    why: dict[str, Any] = {"reason": "ChecksFailed", "message": "503. The traffic stays."}
    after = at(CutoverPhase.COMPLETED, live="green", **why)
    assert transitions(at(CutoverPhase.SOAKING, live="green"), after) == [
        Happening("SoakFailed", "green stays live. ChecksFailed: 503. The traffic stays.", warning=True)
    ]


def test_somebody_else_who_points_the_service_back() -> None:
    after = at(CutoverPhase.TAKEN_OVER, reason="SelectorDrift", message="by kubectl-patch.")
    (one,) = transitions(at(CutoverPhase.SOAKING, live="green"), after)
    assert (one.reason, one.warning) == ("CutoverTakenOver", True)
    assert "kubectl-patch" in one.message


def test_drift_is_told_each_time() -> None:
    first, second = "2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z"
    assert words(at(None, drift=(first,)), at(None, drift=(first, second))) == ["SelectorDrift"]
    assert words(at(None, drift=(first, second)), at(None, drift=(second,))) == []


def test_another_live_slot_without_a_switch_of_ours() -> None:
    done = at(CutoverPhase.COMPLETED, live="green")
    moved = at(CutoverPhase.COMPLETED, live="blue")
    assert words(done, moved) == ["LiveSlotChanged"]
    assert words(at(CutoverPhase.RESTORING, live="green"), at(CutoverPhase.RESTORING, live="blue")) == []
    assert words(at(None, live=""), at(None, live="blue")) == []


def test_a_failed_check_brings_its_last_error_once() -> None:
    failed = CheckState(
        name="checkout", stage=CheckStage.AFTER_CUTOVER, passed=False, runs=12, failures=3,
        last_error="503", time="2026-01-01T12:00:00Z",
    )  # fmt: skip
    after = Status(checks=(failed, failed.model_copy(update={"name": "prices", "passed": True})))
    assert transitions(Status(), after) == [
        Happening("CheckFailed", "checkout (AfterCutover): 3 of 12 tries failed. 503", warning=True)
    ]
    assert transitions(after, after) == []


def test_the_files_that_waited_for_the_old_slot() -> None:
    after = Status(
        operation=OperationState(id="o2", kind=OperationKind.CONTRACT), schema_state=SchemaState(held_back=2)
    )
    assert words(Status(operation=OperationState(id="o1")), after) == ["ContractStarted"]


@pytest.mark.parametrize("outcome", Outcome)
def test_a_rollback_that_has_ended_well(outcome: Outcome) -> None:
    entry = HistoryEntry(
        operation_id="o1", direction=Direction.BACKWARD, from_="0003", to="0002", outcome=outcome
    )
    good = outcome in {Outcome.SUCCEEDED, Outcome.ROLLED_BACK}
    told = [Happening("RollbackCompleted", "0003 → 0002.", warning=False)] if good else []
    assert transitions(Status(), Status(history=(entry,))) == told


def owned(status: str, reason: str) -> Status:
    one = Condition(
        type="SelectorOwned", status=ConditionStatus(status), reason=reason, message="by helm.",
        observed_generation=1, last_transition_time="2026-01-01T12:00:00Z",
    )  # fmt: skip
    return Status(conditions=(one,))


def test_who_contests_the_selector_is_told_when_it_becomes_known() -> None:
    good, bad = owned("True", "SelectorOwned"), owned("False", "SelectorContested")
    assert transitions(good, bad) == [Happening("SelectorContested", "by helm.", warning=True)]
    assert transitions(bad, bad) == transitions(bad, good) == []


def test_every_event_about_traffic_is_on_its_page() -> None:
    assert set(MEANINGS) == set(Move)
    rows = dict(re.findall(r"^\| `(\w+)` \| (Normal|Warning) \|", PAGE.read_text(), re.MULTILINE))
    for move in Move:
        assert rows.get(move) == ("Warning" if move in WARNINGS else "Normal"), move
