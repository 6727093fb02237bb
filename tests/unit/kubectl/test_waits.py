"""When a wait ends, and how: judged by the states that a resource passes through."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.api.conditions import Situation
from switchback.api.status import HistoryEntry, Outcome, Status
from switchback.contract.exits import ExitCode
from switchback.kubectl.waitfor import approval, finished, ready
from switchback.kubectl.waits import of_operation, of_spec
from tests.unit.kubectl.statuses import (
    BACK,
    HISTORY,
    OPERATION,
    awaiting_approval,
    done,
    failed,
    resource,
    unseen,
)


def ended(outcome: Outcome, situation: Situation = Situation.FAILED) -> Any:
    entry = HistoryEntry(operation_id=OPERATION, outcome=outcome, reason=outcome, message="so it ended")
    status = Status(operation=BACK, history=(*HISTORY, entry))
    return resource(status, situation=situation, reason=outcome, message="so it ended")


def suspended(situation: Situation) -> Any:
    return resource(Status(operation=BACK), situation=situation, spec={"suspend": True})


def working() -> Any:
    return resource(Status(operation=BACK), situation=Situation.WORKING, reason="Migrating")


def rolled_back() -> Any:
    return ended(Outcome.ROLLED_BACK)


@pytest.mark.parametrize(
    ("state", "end", "wish", "yes"),
    [
        (done(), 0, 0, 12),
        (failed(), 8, 8, 8),
        (awaiting_approval(), None, None, 0),
        (working(), None, None, None),
        (unseen(), None, None, None),
        (rolled_back(), 8, 8, 8),
        (suspended(Situation.SUSPENDED), None, None, None),
        (suspended(Situation.SUSPENDED_REACHED), 0, 0, 12),
        (done(generation=5), None, None, None),
        (
            failed().__class__(failed().data | {"metadata": failed().metadata | {"generation": 5}}),
            None,
            None,
            None,
        ),
    ],
)
def test_waits_for(state: Any, end: int | None, wish: int | None, yes: int | None) -> None:
    for judge, code in ((finished, end), (ready, wish), (approval, yes)):
        verdict = judge(state)
        assert (None if verdict is None else int(verdict.code)) == code, judge.__name__


@pytest.mark.parametrize(
    ("outcome", "good", "code", "reason"),
    [
        (Outcome.SUCCEEDED, {"Succeeded"}, ExitCode.OK, "Succeeded"),
        (Outcome.ROLLED_BACK, {"RolledBack"}, ExitCode.OK, "RolledBack"),
        (Outcome.ABORTED, {"Aborted"}, ExitCode.OK, "Aborted"),
        (Outcome.ABORTED, {"Succeeded"}, ExitCode.FAILED, "Aborted"),
        (Outcome.SUCCEEDED, {"Aborted"}, ExitCode.MOVED, "Succeeded"),
        (Outcome.SUPERSEDED, {"Succeeded"}, ExitCode.MOVED, "Superseded"),
        (Outcome.EXPIRED, {"Succeeded"}, ExitCode.FAILED, "Expired"),
        (Outcome.FAILED, {"Succeeded"}, ExitCode.FAILED, "Failed"),
    ],
)
def test_an_operation_ends_as_it_was_wished_or_otherwise(
    outcome: Outcome, good: set[str], code: ExitCode, reason: str
) -> None:
    verdict = of_operation(ended(outcome), OPERATION, good)
    assert verdict is not None
    assert (verdict.code, verdict.reason) == (code, reason)
    assert "so it ended" in verdict.message


def test_an_operation_that_another_one_has_replaced() -> None:
    verdict = of_operation(working(), "some-other", {"Succeeded"})
    assert verdict is not None
    assert verdict.code is ExitCode.MOVED


def test_what_stands_still_for_a_person_ends_a_wait_with_the_command_that_goes_on() -> None:
    for judge in (of_spec, lambda state: of_operation(state, OPERATION, {"Succeeded"})):
        asks, held = judge(awaiting_approval()), judge(suspended(Situation.SUSPENDED))
        assert asks is not None
        assert (asks.code, asks.reason) == (ExitCode.PENDING, "AwaitingApproval")
        assert "kubectl switchback approve shop -n team-shop" in asks.advice
        assert held is not None
        assert (held.code, held.reason) == (ExitCode.PENDING, "Suspended")
        assert "kubectl switchback resume shop -n team-shop" in held.advice


def test_the_wish_of_a_spec() -> None:
    good, bad = of_spec(done()), of_spec(failed())
    assert good is not None
    assert good.code is ExitCode.OK
    assert bad is not None
    assert bad.code is ExitCode.FAILED
    assert of_spec(done(generation=5)) is None, "the operator has not seen the newest edit"
    assert of_spec(working()) is None


def test_a_condition_of_an_older_spec_is_none() -> None:
    state = done(generation=5)
    state.status["observedGeneration"] = 5
    assert state.is_seen
    assert finished(state) is None
    assert ready(state) is None
