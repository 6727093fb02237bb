"""Corners of a switch, one story each: who looks away, who is faster, and what is asked twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from switchback.contract.reasons import Reason
from switchback.controller.decide import decide
from switchback.controller.decision import Act, CreateJob, Wait
from switchback.controller.observed import Trouble
from tests.property.street import CUTOVER, KEY, Street
from tests.property.test_street_stories import ends, go, phase, reason, street
from tests.property.test_switch_table import edited, wipe, wish_blue

MANUAL = {"cutoverPolicy": "Manual"}


def looks(world: Street, count: int) -> Any:
    decision = None
    for _ in range(count):
        world.settle_slices()
        decision = world.reconcile()
    return decision


def passes(world: Street, count: int) -> Any:
    """The same, and time goes on."""
    decision = None
    for _ in range(count):
        decision = looks(world, 1)
        world.tick(decision)
    return decision


def cutover(world: Street, **fields: object) -> None:
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], **fields}}


def message(world: Street) -> str:
    return next(one.message for one in world.status.conditions if one.type == "Ready")


def another_template(world: Street) -> None:
    """Green gets another program, and is rolled out at once."""
    world.templates["green"] = world.templates["blue"] = "t2"


# --- nobody may look ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("going", [False, True])
def test_a_way_back_is_not_over_because_nobody_may_look(going: bool) -> None:  # noqa: FBT001 - both are told
    world = street("Traffic")
    go(world, lambda: phase(world) == "Restoring", fail=Reason.CHECKS_FAILED)
    world.forbidden = True
    if going:
        world.deleted_at = world.now
    passes(world, 10)
    assert (phase(world), world.selector[KEY]) == ("Restoring", "green")
    assert world.finalizers
    if not going:
        assert "services is forbidden" in message(world)
        world.forbidden = False
        go(world)
        assert (phase(world), world.selector[KEY], reason(world)) == ("Restored", "blue", "RolledBack")


def test_a_soak_that_nobody_may_look_at_says_so() -> None:
    world = street("Traffic")
    go(world, lambda: phase(world) == "Soaking")
    world.forbidden = True
    looks(world, 2)
    assert (phase(world), world.selector[KEY]) == ("Soaking", "green")
    assert "services is forbidden" in message(world)


# --- a switch that counts ----------------------------------------------------------------------------------


def test_a_drain_that_outlives_the_operation_takes_nothing_back() -> None:
    world = street("Traffic", operationDeadlineSeconds=300)
    cutover(world, drainPeriodSeconds=400)
    go(world)
    go(world)
    assert (world.selector[KEY], phase(world), reason(world)) == ("green", "Completed", "DeadlineExceeded")
    assert world.condition("OldSlotDrained") == "False"


def test_a_drain_that_gives_way_to_another_wish_is_over_and_was_none() -> None:
    world = street("Traffic")
    go(world, lambda: phase(world) == "Draining")
    edited(world, target="0002", rollback={**world.spec["rollback"], "policy": "Deny"})
    go(world)
    assert (world.selector[KEY], phase(world)) == ("green", "Completed")
    assert world.condition("OldSlotDrained") == "False"


def test_where_a_check_was_bad_and_the_traffic_stays_nobody_says_that_the_old_slot_had_its_time() -> None:
    world = street("Never")
    go(world, fail=Reason.CHECKS_FAILED)
    assert (phase(world), world.condition("OldSlotDrained")) == ("Completed", "False")


@pytest.mark.parametrize("how", ["retry", "edit"])
def test_a_check_that_was_bad_is_run_again_before_the_switch_is_a_success(how: str) -> None:
    world = street("Never")
    go(world, fail=Reason.CHECKS_FAILED)
    for said, ended in ((Reason.CHECKS_FAILED, "ChecksFailed"), ("", "Succeeded")):
        assert world.status.operation is not None
        if how == "retry":
            world.annotations["switchback.dev/retry"] = f"{world.status.operation.id}/1"
        else:
            edited(world, reason="the check was mended")
        go(world, fail=said)
        assert (world.selector[KEY], phase(world), reason(world)) == ("green", "Completed", ended)
    assert world.condition("OldSlotDrained") == "True"


@pytest.mark.parametrize("wanted", ["Switched", "Soaking"])
def test_what_is_asked_before_a_switch_does_not_stop_it_halfway(wanted: str) -> None:
    """Of a rollback the traffic goes first. That it may not go on is found when the switch is over."""
    world = street("Never")
    go(world)
    wish_blue(world)
    edited(world, target="0001")
    operation = world.status.operation
    go(world, lambda: world.status.operation is not operation and phase(world) == wanted)
    edited(world, rollback={**world.spec["rollback"], "policy": "Deny"})
    go(world)
    assert (world.selector[KEY], phase(world), reason(world)) == ("blue", "Completed", "RollbackDenied")
    assert ends(world)[-1] == ("Failed", "RollbackDenied")


# --- others write ------------------------------------------------------------------------------------------


def test_a_person_is_believed_after_a_selector_was_put_right_and_the_switch_given_up() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Preparing")
    world.somebody_writes({"app": "shop"}, "argocd-controller")
    go(world, lambda: phase(world) == "Switching")
    world.now += timedelta(seconds=200)
    go(world)
    assert (phase(world), world.selector[KEY]) == ("Cancelled", "blue")
    world.somebody_writes({"app": "shop", KEY: "green"})
    go(world)
    assert world.selector[KEY] == "green"


@pytest.mark.parametrize("selector", [{}, {"app": "shop"}])
def test_a_dead_slot_is_left_although_the_selector_does_not_name_it_any_more(
    selector: dict[str, str],
) -> None:
    world = street("Never")
    cutover(world, soakPeriodSeconds=3600)
    go(world, lambda: phase(world) == "Soaking")
    world.sides["green"].ready = 0
    world.somebody_writes(selector, "argocd-controller")
    looks(world, 8)
    assert world.selector == {"app": "shop", KEY: "blue"}


def test_a_service_that_another_resource_has_by_now_is_not_moved() -> None:
    world = street("Never", approval=MANUAL)
    go(world, lambda: bool(world.token))
    world.claimed_by = "shop/other"
    world.annotations["switchback.dev/approve"] = world.token
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "ServiceClaimed")


def test_a_new_service_of_the_same_name_may_say_which_slot_is_live() -> None:
    world = street("Never")
    go(world)
    world.replace_service()
    world.sides["blue"].desired = world.sides["blue"].ready = 0
    go(world)
    world.sides["blue"].desired = 2
    wish_blue(world)
    world.sides["blue"].ready = 0
    go(world, lambda: phase(world) == "Preparing")
    assert world.selector[KEY] == "green"
    world.sides["blue"].ready = 2
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "Succeeded")


def test_the_service_remembers_a_way_back_although_a_person_was_faster() -> None:
    world = street("Traffic")
    go(world, lambda: phase(world) == "Restoring", fail=Reason.CHECKS_FAILED)
    world.sides["blue"].ready = 0
    looks(world, 1)
    world.somebody_writes({"app": "shop", KEY: "blue"})
    world.sides["blue"].ready = 2
    go(world)
    wipe(world)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "PreviouslyRolledBack")


@pytest.mark.parametrize("wanted", ["Soaking", "Restored"])
def test_what_the_service_remembers_is_put_right_with_its_selector(wanted: str) -> None:
    """Who replaces a Service takes everything off that is not in their manifest."""
    world = street("Traffic")
    go(world, lambda: phase(world) == wanted, fail=Reason.CHECKS_FAILED if wanted == "Restored" else "")
    world.marks.clear()
    world.somebody_writes({"app": "shop"})
    looks(world, 4)
    assert KEY in world.selector
    wipe(world)
    go(world, lambda: bool(world.status.history), fail=Reason.CHECKS_FAILED)
    go(world)
    ended = "RolledBack" if wanted == "Soaking" else "PreviouslyRolledBack"
    assert (world.selector[KEY], reason(world)) == ("blue", ended)


def test_an_old_slot_that_dies_right_after_the_way_back_is_told() -> None:
    world = street("Traffic")
    go(world, lambda: world.selector[KEY] == "green")
    go(world, lambda: world.selector[KEY] == "blue", fail=Reason.CHECKS_FAILED)
    world.sides["blue"].ready = 0
    decision = looks(world, 3)
    assert isinstance(decision, Wait)
    assert decision.until is not None
    assert decision.until - world.now >= timedelta(seconds=5)
    assert reason(world) == "NoHealthySlot"
    world.sides["blue"].ready = 2
    go(world)
    assert reason(world) == "RolledBack"


def test_files_of_phase_contract_wait_for_the_slot_that_somebody_has_made_live_again() -> None:
    world = street("Never")
    world.contract = frozenset({"0003"})
    go(world)
    world.sides["blue"].desired = world.sides["blue"].ready = 0
    go(world, lambda: bool(world.status.operation and world.status.operation.kind == "Contract"))
    world.sides["blue"].desired = world.sides["blue"].ready = 2
    world.sides["green"].desired = world.sides["green"].ready = 0
    world.somebody_writes({"app": "shop", KEY: "blue"})
    for name in list(world.jobs):
        world.run(name)
    passes(world, 20)
    assert world.postgres.applied == ["0001", "0002"]


def test_files_of_phase_contract_are_not_forgotten_where_an_inspection_finds_nothing_else_to_do() -> None:
    world = street("TrafficAndSchema")
    world.contract = frozenset({"0003"})
    go(world)
    wipe(world)  # so that the next operation has to look first
    go(world)
    assert (world.postgres.applied, world.condition("ContractApplied")) == (["0001", "0002"], "False")
    world.sides["blue"].desired = world.sides["blue"].ready = 0
    go(world)
    assert (world.postgres.applied[-1], world.condition("ContractApplied")) == ("0003", "True")


# --- a person's yes ----------------------------------------------------------------------------------------


def test_the_time_of_a_question_that_was_asked_anew_is_not_the_operation_s() -> None:
    world = street("Never", approval=MANUAL)
    go(world, lambda: bool(world.token))
    first = world.token
    world.now += timedelta(hours=3)
    another_template(world)
    looks(world, 2)
    assert world.token not in {"", first}
    world.now += timedelta(minutes=1)
    world.annotations["switchback.dev/approve"] = world.token
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


@pytest.mark.parametrize("backward", [False, True])
def test_a_yes_is_to_the_program_that_was_shown_until_the_very_patch(backward: bool) -> None:  # noqa: FBT001
    world = street("Never")
    if backward:
        go(world)
        wish_blue(world)
        edited(world, target="0001")
    world.spec = {**world.spec, "approval": MANUAL}
    before = world.selector[KEY]
    go(world, lambda: bool(world.token))
    world.annotations["switchback.dev/approve"] = first = world.token
    go(world, lambda: phase(world) == "Switching")
    another_template(world)
    looks(world, 4)
    assert world.selector[KEY] == before
    assert world.token not in {"", first}
    assert reason(world) == "AwaitingApproval"
    world.annotations["switchback.dev/approve"] = world.token
    go(world)
    assert (world.selector[KEY], reason(world)) == (world.spec["cutover"]["activeSlot"], "Succeeded")


@pytest.mark.parametrize("said", [Reason.CONNECTION_LOST, "silent"])
def test_sessions_that_nobody_can_count_are_asked_for_now_and_then(said: str) -> None:
    """Backward the schema waits for them, for as long as the operation may take."""
    world = street("Never")
    go(world)
    wish_blue(world)
    slots = [{**slot, "applicationName": "shop"} for slot in CUTOVER["slots"]]
    cutover(world, slots=slots)
    edited(world, target="0001")
    go(world, lambda: phase(world) == "Draining")
    before, begun = len(world.created), world.now
    while world.now - begun < timedelta(seconds=300):
        for name in [name for name, job in world.jobs.items() if not job.ended]:
            world.run(name, said if "-drain-" in name else "works")
            world.now += timedelta(seconds=2)
        world.tick(world.reconcile())
        world.now += timedelta(milliseconds=20)
    assert 3 < len(world.created) - before < 30
    assert len(world.jobs) <= 8
    go(world)
    assert (world.postgres.applied, reason(world)) == (["0001"], "Succeeded")


# --- time --------------------------------------------------------------------------------------------------


def test_the_time_of_a_suspension_is_not_that_of_a_slot_that_is_not_ready() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Preparing")
    world.sides["green"].ready = 0
    looks(world, 2)
    edited(world, suspend=True)
    looks(world, 3)
    world.now += timedelta(hours=1)
    edited(world, suspend=False)
    looks(world, 3)
    assert (phase(world), ends(world)) == ("Preparing", [])
    world.sides["green"].ready = 2
    go(world)
    assert reason(world) == "Succeeded"


@pytest.mark.parametrize("wanted", ["Preparing", "Soaking"])
def test_a_checking_job_that_is_refused_is_asked_for_now_and_then(wanted: str) -> None:
    world = street("Never")
    go(world, lambda: phase(world) == wanted)
    if wanted == "Soaking":
        world.vanish(next(name for name in world.jobs if "-c-check-" in name))
        world.strays.clear()
    decision = None
    for _ in range(9):
        decision = decide(world.observed())
        if isinstance(decision, Act) and isinstance(decision.action, CreateJob):
            break
        world.reconcile()
    assert isinstance(decision, Act)
    seen = replace(world.observed(), probe_refused=Trouble("JobRefused", "quota", at=world.now))
    waits = decide(seen)
    assert isinstance(waits, Wait)
    assert waits.until is not None
    assert waits.until > world.now
    assert isinstance(decide(replace(seen, now=waits.until)), Act)


def test_a_long_soak_is_looked_at_seldom_and_still_ends_in_time() -> None:
    world = street("Never")
    cutover(world, soakPeriodSeconds=3600)
    go(world, lambda: phase(world) == "Soaking")
    begun = world.now
    count = 0
    while phase(world) == "Soaking":
        world.settle_slices()
        if world.now - begun >= timedelta(seconds=3590):
            for name in [name for name, job in world.jobs.items() if job.told]:
                world.run(name)
        count += 1
        world.tick(world.reconcile())
    assert count < 250
    assert timedelta(seconds=3600) <= world.now - begun < timedelta(seconds=3610)


def test_a_move_that_a_person_rejects_is_named() -> None:
    world = street("Never", approval=MANUAL)
    go(world, lambda: bool(world.token))
    world.annotations["switchback.dev/reject"] = world.token
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "ApprovalRejected")
    assert "moves from blue to green" in message(world)
