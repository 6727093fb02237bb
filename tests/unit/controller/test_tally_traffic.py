"""What is counted of traffic: steps of a switch and their seconds, how it ended, drift, failed checks."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.status import CheckState, CutoverPhase, CutoverState, Status, TrafficState
from switchback.contract.words import CheckStage
from switchback.controller.metrics import Metrics
from switchback.controller.tally import tally
from switchback.controller.times import rfc3339
from tests.unit.controller.build import NOW, status
from tests.unit.controller.test_tally import seen, value

if TYPE_CHECKING:
    from switchback.controller.metrics import Metrics as Counted

SWITCHED = {"switch_time": rfc3339(NOW - timedelta(seconds=40))}
VERIFIED = {**SWITCHED, "verify_time": rfc3339(NOW - timedelta(seconds=39))}


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def at(phase: CutoverPhase | None, **more: Any) -> Status:
    state = None
    if phase is not None:
        known: dict[str, Any] = {"id": "c1", "from_": "blue", "to": "green", "phase": phase}
        state = CutoverState(**known | {"from_selector": {}, "to_selector": {}} | more)
    return status().model_copy(update={"traffic": TrafficState(live_slot="blue", selector={}, cutover=state)})


def play(clock: Clock, metrics: Counted, *states: Status, pause: float = 0.25) -> None:
    """The operator writes one status after the other."""
    for before, after in pairwise(states):
        clock.now += pause
        tally(metrics, seen(before), after)


def took(metrics: Counted, step: str) -> tuple[float | None, float | None]:
    name = "switchback_selector_switch_seconds"
    return value(metrics, f"{name}_count", step=step), value(metrics, f"{name}_sum", step=step)


def test_each_step_of_a_switch_is_measured_from_its_begin_to_its_end() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    probe = {"probe_job": "shop-check-1"}
    play(
        clock,
        metrics,
        at(None),
        at(CutoverPhase.PREPARING),
        at(CutoverPhase.PREPARING, **probe),
        at(CutoverPhase.PREPARING, **probe, probe_uid="u"),
        at(CutoverPhase.SWITCHING, **probe, probe_uid="u"),
        at(CutoverPhase.SWITCHED, **probe, probe_uid="u", **SWITCHED),
        at(CutoverPhase.SOAKING, **probe, probe_uid="u", **VERIFIED),
        at(CutoverPhase.DRAINING, **probe, probe_uid="u", **VERIFIED),
        at(CutoverPhase.COMPLETED, **probe, probe_uid="u", **VERIFIED),
    )
    assert {step: took(metrics, step) for step in ("probe", "patch", "endpoints", "restore")} == {
        "probe": (1, 0.25),
        "patch": (1, 0.25),
        "endpoints": (1, 0.25),
        "restore": (0, 0),
    }
    assert value(metrics, "switchback_cutovers_total", outcome="Completed") == 1
    assert value(metrics, "switchback_rollback_exposure_seconds_count") == 0


def test_a_switch_that_went_back_tells_how_long_users_met_it() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    play(
        clock,
        metrics,
        at(CutoverPhase.SOAKING, **VERIFIED),
        at(CutoverPhase.RESTORING, **VERIFIED),
        at(CutoverPhase.RESTORED, **VERIFIED),
        at(CutoverPhase.RESTORED, **VERIFIED),
    )
    assert took(metrics, "restore") == (1, 0.25)
    assert value(metrics, "switchback_rollback_exposure_seconds_sum") == 40
    assert value(metrics, "switchback_cutovers_total", outcome="Restored") == 1


def test_what_another_process_has_begun_is_not_measured() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    play(clock, metrics, at(CutoverPhase.SWITCHING), at(CutoverPhase.SWITCHED, **SWITCHED))
    assert took(metrics, "patch") == (0, 0)


def test_beginnings_are_forgotten_when_their_resource_went_away() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    for number in range(1500):
        after = at(CutoverPhase.SWITCHING, id=f"c{number}")
        tally(metrics, seen(at(None)), after)
    assert len(metrics.switch_times) <= 1000


def test_drift_is_counted_each_time_it_was_put_right() -> None:
    metrics, times = Metrics(), tuple(rfc3339(NOW + timedelta(minutes=one)) for one in range(3))

    def drifted(*times: str) -> Status:
        traffic = TrafficState(live_slot="blue", selector={}, drift_times=times)
        return status().model_copy(update={"traffic": traffic})

    tally(metrics, seen(drifted()), drifted(*times[:2]))
    tally(metrics, seen(drifted(*times[:2])), drifted(*times[1:]))
    assert value(metrics, "switchback_selector_drift_total") == 3


@pytest.mark.parametrize(
    ("stage", "side"), [("AfterCutover", "new"), ("BeforeCutover", "new"), ("AfterRollback", "old")]
)
def test_tries_that_failed_are_counted_once_by_their_side(stage: str, side: str) -> None:
    metrics = Metrics()
    check = CheckState(name="a", stage=CheckStage(stage), passed=True, runs=9, failures=2, time=rfc3339(NOW))
    before, after = status(), status().model_copy(update={"checks": (check,)})
    tally(metrics, seen(before), after)
    tally(metrics, seen(after), after)
    assert value(metrics, "switchback_probe_failures_total", side=side) == 2
