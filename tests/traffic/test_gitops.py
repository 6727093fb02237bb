"""Tools that write the Service beside the operator. Who wins is settled before anything moves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.states import condition
from tests.traffic import impersonators
from tests.traffic.shop import traffic
from tests.traffic.slots import BLUE, GREEN, KEY, SERVICE, service

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.traffic.impersonators import Impersonator
    from tests.traffic.load import Load
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster

MENDED_SECONDS = 1.0


def tool(shop: Shop, name: str, *, slot: str | None = None) -> Impersonator:
    """One of the tools in the shop's namespace. `slot`: what its manifest says; None: it leaves that out."""
    world, body = shop.world, service(slot)
    return {
        "flux": lambda: impersonators.flux(world.kube, world.namespace, body),
        "argo": lambda: impersonators.argo(world.kube, world.namespace, body),
        "helm": lambda: impersonators.helm(world.kube, world.namespace, body),
        "apply": lambda: impersonators.kubectl_apply(world.cluster, world.namespace, body),
        "replace": lambda: impersonators.kubectl_replace(world.cluster, world.namespace, body),
    }[name]()


def adopt(shop: Shop, writer: Impersonator) -> None:
    """The Service as this tool made it."""
    shop.world.kube.delete("Service", shop.world.namespace, SERVICE)
    assert not writer.once().refused


@pytest.mark.parametrize("name", ["flux", "argo", "helm"])
def test_a_tool_that_owns_the_selector_is_refused_and_nothing_moves(shop: Shop, name: str) -> None:
    shop.slots.start(replicas=1)
    adopt(shop, writer := tool(shop, name, slot=BLUE))
    shop.slots.until_behind({BLUE})
    with shop.oracle() as oracle:
        with writer:
            state = shop.traffic(GREEN).stalled("SelectorOwnedByGitOps")
            time.sleep(2.5)
        behind = shop.slots.behind()

    assert writer.name in condition(state, "Stalled")["message"]
    assert set(behind) == {BLUE}
    assert oracle.switches() == []
    assert oracle.violations() == []


def test_a_tool_that_merges_on_its_side_does_not_get_in_the_way(
    shop: Shop, load: Callable[..., Load]
) -> None:
    shop.slots.start()
    adopt(shop, writer := tool(shop, "apply"))
    shop.slots.point({KEY: BLUE})  # once, by hand: both slots have pods
    shop.slots.until_behind({BLUE})
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE)
        move.succeeded()
        with load() as running, writer:
            move.switch(GREEN)
            move.succeeded()
            time.sleep(2)

    assert len(writer.turns) >= 3
    assert not [turn for turn in writer.turns if turn.refused]
    assert not running.tally.failed, running.tally.text()
    assert shop.slots.live() == GREEN
    assert [write.user for write in oracle.story().writes] == [oracle.story().actor]
    assert oracle.violations() == []


@pytest.mark.parametrize("name", ["flux", "replace"])
def test_a_key_that_is_taken_away_in_the_soak_is_put_back_until_it_is_too_often(
    shop: Shop, name: str
) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=12)
        move.succeeded()
        move.switch(GREEN)
        move.phase("Soaking")
        writer = tool(shop, name)
        with writer:
            state = move.says("Stalled", "SelectorContested", seconds=20)
        mended = oracle.mending_times()

    assert len(mended) == 3
    assert max(mended) < MENDED_SECONDS
    assert traffic(state)["driftTimes"]
    # Whatever the tool did, the only slot that was ever chosen is the one that had passed all gates.
    assert {write.after.get(KEY) for write in oracle.switches()[1:]} == {GREEN}
    assert oracle.violations() == []


def test_a_key_that_is_taken_away_is_no_permission_to_switch(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, spec={"approval": {"cutoverPolicy": "Manual"}})
        move.succeeded()
        move.switch(GREEN)
        move.says("Reconciling", "AwaitingApproval")
        with tool(shop, "flux"):
            time.sleep(9)

    assert {write.after.get(KEY) for write in oracle.switches()} == {BLUE}
    assert max(oracle.mending_times()) < MENDED_SECONDS
    assert oracle.violations() == []


def test_a_tool_that_would_rather_fail_fails_and_the_traffic_stays(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE)
        move.succeeded()
        move.switch(GREEN)
        move.succeeded()
        writer = tool(shop, "helm")
        turn = writer.once()
        time.sleep(1)

    assert "conflict" in turn.refused
    assert shop.slots.live() == GREEN
    assert oracle.violations() == []


def test_a_person_who_points_the_service_back_at_night_is_believed(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE)
        move.succeeded()
        move.switch(GREEN)
        move.succeeded()
        shop.slots.point({KEY: BLUE})
        state = move.until("it is not Ready", lambda one: traffic(one).get("liveSlot") == BLUE, seconds=20)
        time.sleep(3)

    assert shop.slots.live() == BLUE
    assert len(oracle.switches()) == 1
    ready = next(one for one in move.now()["status"]["conditions"] if one["type"] == "Ready")
    assert ready["status"] != "True", ready
    assert state["status"]["traffic"]["liveSlot"] == BLUE
    assert oracle.violations() == []


def test_what_git_says_of_the_service_is_left_alone(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    before = shop.world.kube.get("Service", shop.world.namespace, SERVICE)
    move = shop.traffic(GREEN)
    move.succeeded()
    after = shop.world.kube.get("Service", shop.world.namespace, SERVICE)

    assert after["spec"] == {**before["spec"], "selector": {**service(GREEN)["spec"]["selector"]}}
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
