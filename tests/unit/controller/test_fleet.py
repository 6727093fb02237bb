from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchback.api.conditions import Situation, conditions_for
from switchback.api.status import (
    ApprovalState,
    CutoverPhase,
    CutoverState,
    SnapshotPhase,
    SnapshotState,
    Status,
    TrafficState,
    Want,
)
from switchback.controller.fleet import Fleet
from switchback.controller.queue import Key
from switchback.controller.times import rfc3339
from tests.unit.controller.build import NOW, status, world

if TYPE_CHECKING:
    from switchback.controller.observed import Observed
    from switchback.controller.series import Series

LATER = NOW + timedelta(hours=3)


class Wall:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def numbers(fleet: Fleet) -> dict[tuple[str, ...], float]:
    return {(one.series.name, *one.labels): one.value for one in fleet.numbers()}


def standing(situation: Situation, reason: str = "SQLFailed", **more: Any) -> Status:
    """A status in this situation; `more` goes into its operation."""
    conditions = conditions_for(situation, reason, "", generation=1, now=NOW, previous=())
    return status(**more).model_copy(update={"conditions": conditions})


def called(name: str) -> Observed:
    return replace(world(), name=name)


def test_resources_are_counted_by_ready_and_by_condition() -> None:
    fleet = Fleet()
    fleet.note(called("a"), standing(Situation.DONE))
    fleet.note(called("b"), standing(Situation.FAILED))
    fleet.note(called("c"), standing(Situation.FAILED))
    fleet.note(called("d"), Status())
    found = numbers(fleet)
    assert found["switchback_resources", "True", "Succeeded"] == 1
    assert found["switchback_resources", "False", "SQLFailed"] == 2
    assert found["switchback_resources", "Unknown", ""] == 1
    assert found["switchback_resource_conditions", "Stalled", "True"] == 2
    assert found["switchback_resource_conditions", "Stalled", "False"] == 1
    assert found["switchback_resource_conditions", "Stalled", "Unknown"] == 1


def test_a_word_that_is_none_of_ours_is_no_label() -> None:
    fleet = Fleet()
    fleet.note(world(), standing(Situation.FAILED, "SomebodyElsesWord"))
    assert numbers(fleet)["switchback_resources", "False", "Other"] == 1


def test_a_resource_counts_once_and_not_after_its_end() -> None:
    fleet = Fleet()
    fleet.note(called("a"), standing(Situation.FAILED))
    fleet.note(called("a"), standing(Situation.DONE))
    fleet.note(called("b"), standing(Situation.DONE))
    assert numbers(fleet)["switchback_resource_conditions", "Ready", "True"] == 2
    fleet.forget(Key("shop", "b"))
    fleet.forget(Key("shop", "never seen"))
    assert fleet.known() == {Key("shop", "a")}
    assert numbers(fleet)["switchback_resource_conditions", "Ready", "True"] == 1


def test_the_oldest_operation_grows_older_without_another_look() -> None:
    wall = Wall()
    fleet = Fleet(wall)
    for name, minutes in (("a", 10), ("b", 40)):
        start = NOW - timedelta(minutes=minutes)
        began = {"start_time": rfc3339(start), "deadline_time": rfc3339(start + timedelta(hours=2))}
        told = status().operation
        assert told is not None
        conditions = standing(Situation.WORKING).conditions
        operation = told.model_copy(update=began)
        fleet.note(called(name), Status(operation=operation, conditions=conditions))
    oldest = ("switchback_oldest_operation_seconds", "Progressing")
    assert numbers(fleet)[oldest] == 40 * 60
    wall.now = NOW + timedelta(minutes=5)
    assert numbers(fleet)[oldest] == 45 * 60
    assert numbers(fleet)["switchback_oldest_operation_seconds", "RollingBack"] == 0


def test_what_people_took_is_not_work() -> None:
    """The deadline was moved by three hours: the operation began four hours ago and has worked for one."""
    fleet = Fleet(lambda: NOW)
    told = standing(Situation.ROLLING_BACK)
    assert told.operation is not None
    start = NOW - timedelta(hours=4)
    operation = told.operation.model_copy(
        update={"start_time": rfc3339(start), "deadline_time": rfc3339(start + timedelta(hours=2 + 3))}
    )
    fleet.note(world(), told.model_copy(update={"operation": operation}))
    assert numbers(fleet)["switchback_oldest_operation_seconds", "RollingBack"] == 3600


def test_an_approval_waits_until_somebody_gives_it() -> None:
    fleet = Fleet(lambda: LATER)
    approval = ApprovalState(token="t", wants=(Want.ROLLBACK,), request_time=rfc3339(NOW))
    waiting = standing(Situation.AWAITING_APPROVAL).model_copy(update={"approval": approval})
    fleet.note(world(), waiting)
    found = numbers(fleet)
    assert found["switchback_approvals_waiting", "Rollback"] == 1
    assert found["switchback_approvals_waiting", "Migrate"] == 0
    assert found["switchback_oldest_operation_seconds", "AwaitingApproval"] == 3 * 3600
    given = approval.model_copy(update={"approved_by": "maria"})
    fleet.note(world(), standing(Situation.WORKING).model_copy(update={"approval": given}))
    assert numbers(fleet)["switchback_approvals_waiting", "Rollback"] == 0


def test_suspended_and_deleted_resources_are_seen() -> None:
    fleet = Fleet(lambda: LATER)
    fleet.note(called("a"), standing(Situation.SUSPENDED, suspend_time=rfc3339(NOW)))
    fleet.note(replace(called("b"), deletion_time=NOW), standing(Situation.DELETING))
    fleet.note(called("c"), standing(Situation.SUSPENDED_REACHED))
    found = numbers(fleet)
    assert found["switchback_oldest_operation_seconds", "Suspended"] == 3 * 3600
    assert found["switchback_oldest_operation_seconds", "Deleting"] == 3 * 3600


def point(phase: SnapshotPhase, at: datetime, size: int) -> SnapshotState:
    return SnapshotState(name=f"{phase}-{size}", phase=phase, restore_point_time=rfc3339(at), size_bytes=size)


def test_restore_points_are_counted_and_the_newest_verified_of_each_resource_has_an_age() -> None:
    fleet = Fleet(lambda: NOW)
    day = timedelta(days=1)
    first = (
        point(SnapshotPhase.READY, NOW - 9 * day, 100),
        point(SnapshotPhase.READY, NOW - 3 * day, 20),
        point(SnapshotPhase.FAILED, NOW, 7),
    )
    fleet.note(called("a"), standing(Situation.DONE).model_copy(update={"snapshots": first}))
    second = (point(SnapshotPhase.READY, NOW - day, 3),)
    fleet.note(called("b"), standing(Situation.DONE).model_copy(update={"snapshots": second}))
    found = numbers(fleet)
    assert found["switchback_restore_points", "Ready"] == 3
    assert found["switchback_restore_points", "Failed"] == 1
    assert found[("switchback_restore_point_bytes",)] == 123
    assert found["switchback_restore_point_age_seconds", "youngest"] == day.total_seconds()
    assert found["switchback_restore_point_age_seconds", "oldest"] == 3 * day.total_seconds()


def test_no_number_is_given_without_its_labels() -> None:
    fleet = Fleet()
    fleet.note(world(), standing(Situation.DONE))
    told: list[tuple[Series, tuple[str, ...]]] = [(one.series, one.labels) for one in fleet.numbers()]
    assert all(len(one.labels) == len(labels) for one, labels in told)
    assert ("switchback_restore_point_age_seconds", "oldest") not in numbers(fleet)


def test_an_unreadable_time_is_no_time() -> None:
    fleet = Fleet(lambda: datetime(2026, 1, 2, tzinfo=UTC))
    fleet.note(world(), standing(Situation.WORKING, start_time="yesterday"))
    assert numbers(fleet)["switchback_oldest_operation_seconds", "Progressing"] >= 0


def switching(phase: CutoverPhase, *, since: datetime = NOW, **more: Any) -> tuple[Observed, Status]:
    """A look at a resource whose switch is in this phase."""
    state = CutoverState(id="c1", phase=phase, from_="blue", to="green", from_selector={}, to_selector={})
    traffic = TrafficState(live_slot="green", selector={}, cutover=state, **more)
    told = standing(Situation.WORKING).model_copy(update={"traffic": traffic})
    return replace(world(), now=since), told


def test_the_live_slot_is_told_for_each_resource_that_has_a_cutover_and_for_no_other() -> None:
    fleet = Fleet()
    fleet.note(*switching(CutoverPhase.COMPLETED))
    fleet.note(called("other"), standing(Situation.DONE))
    told = {key: number for key, number in numbers(fleet).items() if key[0] == "switchback_live_slot_info"}
    assert told == {("switchback_live_slot_info", "shop", world().name, "green"): 1}


def test_a_phase_is_as_old_as_this_process_has_seen_it() -> None:
    clock = Wall()
    fleet, age = Fleet(clock), "switchback_oldest_cutover_seconds"
    fleet.note(*switching(CutoverPhase.SWITCHED))
    fleet.note(*switching(CutoverPhase.SWITCHED, since=NOW + timedelta(seconds=20)))
    clock.now = NOW + timedelta(seconds=30)
    assert numbers(fleet)[age, "Switched"] == 30
    fleet.note(*switching(CutoverPhase.RESTORING, since=NOW + timedelta(seconds=25)))
    assert numbers(fleet)[age, "Switched"] == 0
    assert numbers(fleet)[age, "Restoring"] == 5


def test_a_soak_counts_from_its_planned_end() -> None:
    clock = Wall()
    fleet, age = Fleet(clock), "switchback_oldest_cutover_seconds"
    fleet.note(*switching(CutoverPhase.SOAKING, soak_end_time=rfc3339(NOW + timedelta(minutes=5))))
    clock.now = NOW + timedelta(minutes=4)
    assert numbers(fleet)[age, "Soaking"] == 0
    clock.now = NOW + timedelta(minutes=7)
    assert numbers(fleet)[age, "Soaking"] == 120


def test_a_switch_that_waits_for_a_person_is_not_stuck() -> None:
    clock = Wall()
    fleet, age = Fleet(clock), "switchback_oldest_cutover_seconds"
    look, told = switching(CutoverPhase.PREPARING)
    asked = standing(Situation.AWAITING_APPROVAL).model_copy(update={"traffic": told.traffic})
    fleet.note(look, asked)
    clock.now = LATER
    assert numbers(fleet)[age, "Preparing"] == 0
    fleet.note(replace(look, now=LATER), told)
    clock.now = LATER + timedelta(seconds=9)
    assert numbers(fleet)[age, "Preparing"] == 9
