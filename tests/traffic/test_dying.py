"""The new slot dies after the switch: the traffic goes back, whatever else is broken."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import FIRST, SHOP
from tests.e2e.states import is_true
from tests.traffic.load import NEW
from tests.traffic.shop import at, healthy
from tests.traffic.slots import BLUE, GREEN, PORT, is_ready, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.postgres import Database
    from tests.traffic.load import Load
    from tests.traffic.oracle import Oracle
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster

BACK_SECONDS = 2.0
"""From the end of the last ready pod to the old selector."""


def seconds_from_death_to_return(oracle: Oracle, slot: str = GREEN) -> float:
    """From the moment at which no pod of a slot was ready to the patch that leaves it."""
    story = oracle.story()
    back = story.own[-1]
    deaths = [
        change.seen
        for change in story.of("Pod")
        if change.version < back.version
        and change.body["metadata"]["labels"].get("slot") == slot
        and not is_ready(change.body)
    ]
    return back.at - deaths[-1]


def test_a_slot_that_dies_in_the_soak_is_left_while_the_database_is_out_of_reach(
    shop: Shop, load: Callable[..., Load], database: Database
) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.release(database, SHOP, BLUE)
        move.succeeded()
        with load(kept=0) as running:
            move.edit(
                target=FIRST, rollback={"dataLossPolicy": "Allow"}, snapshot={"none": {"acknowledge": True}}
            )
            move.succeeded()
            move.edit(target="latest", cutover={"activeSlot": GREEN, "soakPeriodSeconds": 200})
            move.phase("Soaking")
            pod = shop.world.kube.get("Pod", database.server.namespace, database.server.name)
            with shop.world.cluster.drop_traffic(pod["status"]["podIP"]):
                shop.slots.fault(GREEN, unready=True)
                state = move.stalled("RolledBack")
                answered = running.answered_by(BLUE, since=time.time())
    assert shop.slots.live() == BLUE
    assert answered.end
    assert (at(state)["phase"], at(state)["reason"]) == ("Restored", "SlotDied")
    assert seconds_from_death_to_return(oracle) < BACK_SECONDS
    assert oracle.violations() == []


def test_a_slot_that_answers_with_errors_is_left_when_its_checks_say_so(
    shop: Shop, load: Callable[..., Load]
) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.traffic(
            BLUE, spec={"checks": [healthy()], "rollback": {"automatic": "Traffic"}}, soakPeriodSeconds=600
        )
        move.succeeded()
        with load(kept=0) as running:
            move.switch(GREEN)
            move.phase("Soaking")
            time.sleep(3)  # the 20 connections right after the switch have been good
            shop.slots.fault(GREEN, errors=1)
            state = move.stalled("RolledBack")
            time.sleep(1.5)
            shop.slots.fault(GREEN, errors=0)
        late = [one for one in running.tally.of(NEW) if one.fault]

    assert shop.slots.live() == BLUE
    assert at(state)["reason"] == "ChecksFailed"
    assert {one.fault for one in late} == {"status-500"}
    # Two bad answers a second apart, each within a second, and two seconds to leave.
    assert max(one.sent for one in late) - min(one.sent for one in late) < 2 * 2 + 2
    assert oracle.violations() == []


def test_a_slot_that_is_ready_where_nobody_listens_is_left_whatever_the_spec_says_of_checks(
    shop: Shop,
) -> None:
    """Its pods are asked at another port whether they are ready. By default a failing check moves nothing."""
    shop.slots.start()
    kube, namespace = shop.world.kube, shop.world.namespace
    made = kube.get("Deployment", namespace, workload(GREEN))
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container["readinessProbe"]["httpGet"]["port"] = PORT
    container["ports"] = [{"name": "http", "containerPort": 9999}]
    kube.patch(
        "Deployment",
        namespace,
        workload(GREEN),
        {"spec": {"template": {"spec": {"containers": [container]}}}},
    )
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=120)
        move.succeeded()
        move.switch(GREEN)
        state = move.stalled("RolledBack")

    assert shop.slots.live() == BLUE
    assert (at(state)["phase"], at(state)["reason"]) == ("Restored", "ConnectionsFailed")
    assert [write.after["slot"] for write in oracle.switches()] == [GREEN, BLUE]
    assert oracle.violations() == []


def test_when_both_slots_are_dead_the_traffic_stays_and_the_first_that_comes_back_is_used(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=600)
        move.succeeded()
        move.switch(GREEN)
        move.phase("Soaking")
        shop.slots.fault(BLUE, unready=True)
        shop.slots.until_ready(BLUE, 0)
        shop.slots.fault(GREEN, unready=True)
        state = move.says("Ready", "NoHealthySlot")
        assert is_true(state, "Stalled")
        assert not is_true(state, "Finished")
        assert shop.slots.live() == GREEN

        shop.slots.fault(BLUE, unready=False)
        shop.slots.until_behind({BLUE})
        state = move.stalled("RolledBack")

    assert at(state)["reason"] == "SlotDied"
    assert len(oracle.switches()) == 2
    assert oracle.violations() == []
