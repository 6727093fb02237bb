"""What holds a switch up, and what that does not hold up: a suspension, a selector that others fight for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from switchback.controller.decide import decide
from switchback.controller.decision import Act, PointService
from tests.property.street import KEY, Street
from tests.property.test_street_edges import looks
from tests.property.test_street_stories import ends, go, phase, reason, street
from tests.property.test_switch_table import abort, edited

FENCE = {"image": "fence:1", "command": ["/fence"]}
DUMP = {"persistentVolumeClaim": {"claimName": "dumps"}}


# --- suspended ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ready", [0, 2])
def test_suspended_between_the_intent_and_the_patch_nothing_is_patched(ready: int) -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Switching")
    world.sides["green"].ready = ready
    edited(world, suspend=True)
    looks(world, 2)
    world.sides["green"].ready = 2
    go(world)
    assert (world.selector[KEY], phase(world), reason(world)) == ("blue", "Preparing", "Suspended")
    world.now += timedelta(hours=1)
    edited(world, suspend=False)
    go(world)
    assert (world.selector[KEY], phase(world), reason(world)) == ("green", "Completed", "Succeeded")


def test_a_patch_that_arrives_after_the_suspension_is_taken_back() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Switching")
    decision = decide(world.observed())
    assert isinstance(decision, Act)
    assert isinstance(decision.action, PointService)
    edited(world, suspend=True)
    looks(world, 3)
    world.take(decision.action)
    go(world)
    assert (world.selector[KEY], phase(world)) == ("blue", "Restored")
    edited(world, suspend=False)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


# --- contested ---------------------------------------------------------------------------------------------


def fight(world: Street, writer: str = "argocd-controller") -> None:
    """Somebody takes the key away as often as it is put back, until they are named."""
    for _ in range(20):
        world.settle_slices()
        if reason(world) == "SelectorContested":
            return
        if KEY in world.selector:
            world.somebody_writes({"app": "shop"}, writer)
        world.reconcile()
    raise AssertionError(f"nobody is named: {world.status}")


def running(world: Street, step: str) -> str:
    """A Job of this step runs."""
    for _ in range(40):
        found = [name for name, one in world.jobs.items() if not one.ended and f"-{step}-" in name]
        if found:
            return found[0]
        for name in [name for name, one in world.jobs.items() if not one.ended]:
            world.run(name)
        looks(world, 1)
    raise AssertionError(f"it does not come: {world.status}")


def test_a_request_to_end_is_followed_while_others_fight_for_the_selector() -> None:
    world = street("Never")
    name = running(world, "migrate")
    fight(world)
    abort(world)
    looks(world, 4)
    assert world.jobs[name].deleting, "the Job is told to end"
    world.run(name)
    world.sweep()
    looks(world, 4)
    assert ends(world)[-1][0] == "Aborted"


def test_a_request_to_end_is_followed_although_no_job_runs_while_others_fight() -> None:
    world = street("Never", approval={"migratePolicy": "Manual"})
    go(world, lambda: bool(world.token))
    fight(world)
    abort(world)
    looks(world, 4)
    assert ends(world)[-1][0] == "Aborted"


def test_a_job_that_has_ended_is_heard_and_the_fight_is_told() -> None:
    world = street("Never")
    world.run(running(world, "migrate"))
    fight(world)
    looks(world, 4)
    operation = world.status.operation
    assert operation is not None
    assert (operation.job_name, operation.reached) == ("", True)
    assert reason(world) == "SelectorContested"


@pytest.mark.parametrize("until", ["snapshot", "migrate"])
def test_nobody_is_kept_out_while_others_fight_for_the_selector(until: str) -> None:
    snapshot = {"pgDump": DUMP, "beforeMigratePolicy": "Always", "fence": FENCE}
    world = street("Never", snapshot=snapshot)
    name = running(world, until)
    assert world.keeping.fenced
    fight(world, "a-script")
    world.run(name)
    for _ in range(10):
        for one in [one for one, job in world.jobs.items() if not job.ended and "-c-check-" not in one]:
            world.run(one)
        looks(world, 1)
        world.now += timedelta(seconds=1)
    assert not world.keeping.fenced
    assert (world.selector, phase(world)) == ({"app": "shop"}, ""), "the traffic waits"
    assert reason(world) == "SelectorContested"
    go(world)
    assert (world.postgres.applied[-1], world.selector[KEY], reason(world)) == ("0003", "green", "Succeeded")


@pytest.mark.parametrize("wanted", ["Preparing", "Soaking"])
def test_no_traffic_moves_and_no_soak_ends_while_others_fight_for_the_selector(wanted: str) -> None:
    world = street("Never")
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "soakPeriodSeconds": 5}}
    go(world, lambda: phase(world) == wanted)
    fight(world)
    for _ in range(6):
        world.now += timedelta(seconds=10)
        for name in [name for name, one in world.jobs.items() if one.told and not one.ended]:
            world.run(name)
        looks(world, 3)
    assert (phase(world), reason(world)) == (wanted, "SelectorContested")
    go(world)
    assert (world.selector[KEY], phase(world), reason(world)) == ("green", "Completed", "Succeeded")
