"""Slots that are StatefulSets, as programs with a disk or a name of their own are run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.traffic.shop import at
from tests.traffic.slots import BLUE, GREEN, SLOTS, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.traffic.load import Load
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster


def slots(*sets: str) -> list[dict[str, Any]]:
    """`spec.cutover.slots`, where those of `sets` are StatefulSets."""
    return [
        {"name": slot, "workloadRef": {"name": workload(slot), "kind": kind(slot, *sets)}} for slot in SLOTS
    ]


def kind(slot: str, *sets: str) -> str:
    return "StatefulSet" if slot in sets else "Deployment"


def is_missing(state: dict[str, Any]) -> bool:
    return "SlotMissing" in {one["reason"] for one in state.get("status", {}).get("conditions", [])}


@pytest.mark.parametrize("sets", [SLOTS, (GREEN,)], ids=["both", "green"])
def test_the_traffic_moves_between_stateful_sets(
    sets: tuple[str, ...], shop: Shop, load: Callable[..., Load]
) -> None:
    shop.slots.start(sets=sets)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, slots=slots(*sets))
        move.succeeded()
        with load() as running:
            for slot in (GREEN, BLUE):
                move.switch(slot)
                move.succeeded()
                running.answered_by(slot)

    assert not running.tally.failed, running.tally.text()
    assert len(oracle.switches()) == 2
    assert oracle.violations() == []


def test_a_stateful_set_that_dies_in_the_soak_is_left(shop: Shop) -> None:
    shop.slots.start(sets=SLOTS)
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, slots=slots(*SLOTS), soakPeriodSeconds=120)
        move.succeeded()
        move.switch(GREEN)
        move.phase("Soaking")
        shop.slots.fault(GREEN, unready=True)
        state = move.stalled("RolledBack")

    assert shop.slots.live() == BLUE
    assert (at(state)["phase"], at(state)["reason"]) == ("Restored", "SlotDied")
    assert oracle.violations() == []


def test_a_deployment_of_the_same_name_is_not_taken_for_the_stateful_set(shop: Shop) -> None:
    """The spec says Deployment, and there is only a StatefulSet: its pods are nobody's."""
    shop.slots.start(sets=(GREEN,))
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, slots=slots(), slotReadyDeadlineSeconds=5)
        move.succeeded()
        move.switch(GREEN)
        state = move.until("the slot is not found", is_missing, seconds=30)

    assert "Deployment shop-green" in str(state["status"]["conditions"])
    assert shop.slots.live() == BLUE
    assert oracle.switches() == []
