"""A way back that something holds up: a node that is gone, a look that is refused, a resource that goes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from switchback.api.names import ANNOTATION_RELEASE
from switchback.contract.reasons import Reason
from tests.property.street import KEY, Street
from tests.property.test_street_edges import looks, passes
from tests.property.test_street_stories import ends, go, phase, reason, street
from tests.property.test_switch_table import wish_blue


def soaking() -> Street:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    passes(world, 2)
    return world


def text(world: Street) -> str:
    """What is told, in whatever condition."""
    return " ".join(one.message for one in world.status.conditions)


def held() -> Street:
    """The traffic is back, and the pod that checked is on a node that is gone."""
    world = soaking()
    world.lose_the_node()
    go(world, lambda: world.selector[KEY] == "blue")
    return world


def test_a_way_back_ends_although_the_node_of_the_checking_pod_is_gone() -> None:
    world = held()
    begun = world.now
    go(world)
    assert (phase(world), reason(world)) == ("Restored", "RolledBack")
    assert world.now - begun < timedelta(minutes=3)


def test_another_wish_is_followed_although_the_node_of_the_checking_pod_is_gone() -> None:
    world = held()
    go(world)
    world.sides["green"].ready = 2
    wish_blue(world)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "Succeeded")
    cutover = {**world.spec["cutover"], "activeSlot": "green"}
    check = {**world.spec["checks"][0], "stages": ["BeforeCutover", "AfterCutover"]}
    world.spec = {**world.spec, "cutover": cutover, "checks": [check]}
    world.generation += 1
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


def test_a_deletion_names_the_way_out_where_the_node_of_the_checking_pod_is_gone() -> None:
    world = held()
    world.deleted_at = world.now
    passes(world, 30)
    assert (phase(world), world.selector[KEY]) == ("Restored", "blue")
    assert world.finalizers
    assert ANNOTATION_RELEASE in text(world)
    world.annotations[ANNOTATION_RELEASE] = "now"
    looks(world, 2)
    assert world.gone


@pytest.mark.parametrize("what", ["no healthy slot", "nobody may look"])
def test_a_deletion_whose_way_back_waits_names_the_way_out(what: str) -> None:
    world = soaking()
    go(world, lambda: phase(world) == "Restoring", fail=Reason.CONNECTIONS_FAILED)
    world.deleted_at = world.now
    world.forbidden = what == "nobody may look"
    world.sides["blue"].ready = 0
    looks(world, 3)
    assert ANNOTATION_RELEASE not in text(world), "it is told to whoever has waited for a while"
    passes(world, 20)
    assert world.finalizers
    assert ANNOTATION_RELEASE in text(world)
    assert ("forbidden" if world.forbidden else "no ready pod") in text(world)


def test_a_deletion_does_not_let_go_of_a_soak_that_nobody_may_look_at() -> None:
    world = soaking()
    world.forbidden = True
    world.deleted_at = world.now
    passes(world, 30)
    assert (phase(world), world.selector[KEY]) == ("Soaking", "green")
    assert world.finalizers
    assert "services is forbidden" in text(world)
    assert ANNOTATION_RELEASE in text(world)
    world.forbidden = False
    passes(world, 20)
    assert world.gone
    assert world.selector[KEY] == "blue"


# --- another resource wants the Service --------------------------------------------------------------------


@pytest.mark.parametrize("begun", ["", "Preparing"])
def test_a_service_whose_resource_goes_away_is_waited_for_and_then_had(begun: str) -> None:
    """It takes its own switch back first, and writes the Service for it."""
    world = street("Never")
    if begun:
        go(world, lambda: phase(world) == begun)
    world.claimed_by, world.claim_ends = "shop/other", True
    passes(world, 3)
    assert (world.selector[KEY], ends(world)) == ("blue", [])
    assert "takes its switch back first" in text(world)
    world.claimed_by, world.claim_ends = "", False
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


def test_an_owner_that_takes_its_switch_back_is_waited_for_however_long_that_takes() -> None:
    """Its old slot has no ready pod. To fail meanwhile would need a person when it has ended at last."""
    world = street("Never")
    world.claimed_by, world.claim_ends = "shop/other", True
    begun = world.now
    while world.now - begun < timedelta(minutes=20):
        world.settle_slices()
        world.tick(world.reconcile())
    assert (world.selector[KEY], ends(world)) == ("blue", [])
    world.claimed_by, world.claim_ends = "", False
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")
