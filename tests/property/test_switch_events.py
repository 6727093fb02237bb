"""In any phase of a switch several things happen at once. Then all is well again: it comes to one end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.street import KEY, Street
from tests.property.test_switch_table import (
    PHASES,
    abort,
    at,
    delete,
    edited,
    goes_on,
    kill_green,
    lose_the_source,
    refuse,
    replace,
    suspend,
    wipe,
    wish_blue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.api.status import Status

CAMPAIGN = os.environ.get("SWITCHBACK_CAMPAIGN", "") not in ("", "0")


def kill_blue(world: Street) -> None:
    world.sides["blue"].ready = 0


def lose_the_node(world: Street) -> None:
    world.lose_the_node()


def look_away(world: Street) -> None:
    world.forbidden = True


def take_the_claim(world: Street) -> None:
    world.claimed_by = "shop/other"


def deny(world: Street) -> None:
    edited(world, rollback={**world.spec["rollback"], "policy": "Deny"})


def ask_a_person(world: Street) -> None:
    edited(world, approval={"cutoverPolicy": "Manual"})


def roll_out(world: Street) -> None:
    world.templates["green"] += "+"


def strip(world: Street) -> None:
    world.somebody_writes({"app": "shop"}, "argocd-controller")


def point_at_blue(world: Street) -> None:
    world.somebody_writes({"app": "shop", KEY: "blue"})


def roll_the_schema_back(world: Street) -> None:
    edited(world, target="0001")


def one_look(world: Street) -> None:
    world.reconcile()


def some_looks(world: Street) -> None:
    for _ in range(6):
        world.settle_slices()
        world.tick(world.reconcile())


EVENTS: list[Callable[[Street], None]] = [
    abort,
    wish_blue,
    suspend,
    delete,
    wipe,
    refuse,
    lose_the_source,
    kill_green,
    kill_blue,
    lose_the_node,
    replace,
    look_away,
    take_the_claim,
    deny,
    ask_a_person,
    roll_out,
    strip,
    point_at_blue,
    roll_the_schema_back,
]
LOOKS = [one_look, some_looks]


def heal(world: Street) -> None:
    """Nothing stands in the way any more, and whoever is asked agrees."""
    world.refused, world.source_problem, world.forbidden, world.claimed_by = None, None, False, ""
    world.annotations.pop("switchback.dev/abort", None)
    world.the_node_comes_back()
    for side in world.sides.values():
        side.ready = side.desired
    if not world.selector.get(KEY):
        world.somebody_writes({"app": "shop", KEY: "blue"})  # which slot is live is a person's to say
    edited(world, suspend=False, approval={"cutoverPolicy": "Automatic"})


def undone(status: Status) -> str:
    """The slot that is said not to be live any more."""
    state = status.traffic.cutover if status.traffic is not None else None
    return state.to if state is not None and state.phase in {"Restored", "Cancelled"} else ""


@settings(
    max_examples=1500 if CAMPAIGN else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    begun=st.sampled_from(PHASES),
    steps=st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(LOOKS)), min_size=1, max_size=3),
)
def test_whatever_happens_together_it_comes_to_one_end(
    begun: str, steps: list[tuple[Callable[[Street], None], Callable[[Street], None]]]
) -> None:
    world = at(begun)
    for event, looks in steps:
        event(world)
        looks(world)
        if not world.touched and world.status.traffic is not None:
            assert world.selector[KEY] != undone(world.status), "it is said to be taken back, and is live"
    heal(world)
    goes_on(world)
    ids = [entry.operation_id for entry in world.status.history]
    assert len(ids) == len(set(ids)), "an operation ended twice"
    if world.deleted_at is not None:
        assert not world.finalizers
        return
    assert not world.finalizers
    assert world.condition("Finished") == "True"
    if world.condition("Ready") == "True":
        assert world.selector[KEY] == world.spec["cutover"]["activeSlot"]
