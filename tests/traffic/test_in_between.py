"""Things that happen in the middle of a switch: edits, deletions, pauses, and somebody else's claim."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import FIRST, SECOND, SHOP, THIRD
from tests.e2e.states import condition
from tests.traffic.shop import at
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.postgres import Database
    from tests.traffic.load import Load
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster


def test_of_two_resources_on_one_service_the_second_is_refused(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        first = shop.traffic(BLUE, name="first")
        first.succeeded()
        second = shop.traffic(GREEN, name="second")
        state = second.stalled("ServiceClaimed")
        first.switch(GREEN)
        first.succeeded()
        assert condition(second.now(), "Stalled")["status"] == "True"

    assert "first" in condition(state, "Stalled")["message"]
    assert len(oracle.switches()) == 1
    assert oracle.violations() == []


def test_another_schema_in_the_middle_leads_back_first_and_then_on(
    shop: Shop, load: Callable[..., Load], database: Database
) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.release(database, SHOP, BLUE, spec={"target": FIRST})
        move.succeeded()
        with load() as running:
            move.edit(cutover={"activeSlot": GREEN, "soakPeriodSeconds": 200})
            move.phase("Soaking")
            move.edit(target="latest", cutover={"soakPeriodSeconds": 2, "drainPeriodSeconds": 0})
            move.succeeded()

    assert not running.tally.failed, running.tally.text()
    assert shop.slots.live() == GREEN
    assert [write.after["slot"] for write in oracle.switches()] == [GREEN, BLUE, GREEN]
    assert database.applied() == [FIRST, SECOND, THIRD]
    assert oracle.violations() == []


def test_a_wish_for_the_old_slot_in_the_middle_leads_back(shop: Shop, load: Callable[..., Load]) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=600)
        move.succeeded()
        with load() as running:
            move.switch(GREEN)
            move.phase("Soaking")
            move.switch(BLUE)
            move.succeeded()

    assert not running.tally.failed, running.tally.text()
    assert shop.slots.live() == BLUE
    assert [write.after["slot"] for write in oracle.switches()] == [GREEN, BLUE]
    assert oracle.violations() == []


def test_a_deletion_in_the_middle_leads_back_and_leaves_the_service(
    shop: Shop, load: Callable[..., Load]
) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=600)
        move.succeeded()
        with load() as running:
            move.switch(GREEN)
            move.phase("Soaking")
            move.delete()
            time.sleep(0.5)
        assert shop.slots.live() == BLUE
        shop.traffic(GREEN, name="heir").succeeded()  # the Service is free

    assert not running.tally.failed, running.tally.text()
    assert [write.after["slot"] for write in oracle.switches()] == [GREEN, BLUE, GREEN]
    assert oracle.violations() == []


def test_a_suspended_soak_still_ends_when_the_new_slot_dies(shop: Shop) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=600)
        move.succeeded()
        move.switch(GREEN)
        move.phase("Soaking")
        move.edit(suspend=True)
        move.seen()
        shop.slots.fault(GREEN, unready=True)
        state = move.until("it is back", lambda one: at(one).get("phase") == "Restored")

    assert shop.slots.live() == BLUE
    assert at(state)["reason"] == "SlotDied"
    assert oracle.violations() == []
