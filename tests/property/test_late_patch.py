"""A patch of the Service that arrives late, from a process that slept: it never stays unverified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from switchback.controller.decide import decide
from switchback.controller.decision import Act, PointService, Settle
from tests.property.street import CUTOVER, KEY, Street

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES = 60


@dataclass
class Held:
    """A patch that was decided upon and is not there yet."""

    action: PointService
    version: int

    def arrives(self, world: Street) -> None:
        """The API server takes it: nobody has written the Service since it was looked at."""
        assert world.service_version == self.version
        world.take(self.action)


def told(world: Street, until: Callable[[Any], bool]) -> Any:
    """All goes well until a decision is like this; it is not carried out."""
    for _ in range(PASSES):
        world.settle_slices()
        for name, job in list(world.jobs.items()):
            if not job.ended and ("-c-check-" not in name or job.told):
                world.run(name)
        world.sweep()
        decision = decide(world.observed())
        if until(decision):
            return decision
        world.tick(world.reconcile())
    raise AssertionError(f"it does not come: {world.status}")


def at_rest(world: Street) -> None:
    """Everything is over."""
    told(world, lambda one: isinstance(one, Settle) and one.status == world.observed().status)


def wish(world: Street, slot: str) -> None:
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": slot}}
    world.generation += 1


def held_back() -> tuple[Street, Held]:
    """Blue is live; the patch to green is on its way."""
    world = Street(spec={"cutover": CUTOVER})
    at_rest(world)
    wish(world, "green")
    decision = told(world, lambda one: isinstance(one, Act) and isinstance(one.action, PointService))
    return world, Held(decision.action, world.service_version)


def phase(world: Street) -> str:
    state = world.status.traffic.cutover if world.status.traffic is not None else None
    return str(state.phase) if state is not None else ""


def test_it_is_undone_when_the_wish_was_taken_back() -> None:
    world, held = held_back()
    wish(world, "blue")
    at_rest(world)
    held.arrives(world)
    at_rest(world)
    assert world.selector[KEY] == "blue"
    assert world.condition("Ready") == "True"


@pytest.mark.parametrize("when", ["Preparing", "Switching"])
def test_it_is_undone_when_the_same_wish_came_back_as_another_switch(when: str) -> None:
    """The new switch is verified like any other."""
    world, held = held_back()
    wish(world, "blue")
    at_rest(world)
    wish(world, "green")
    told(world, lambda _: phase(world) == when)
    held.arrives(world)
    at_rest(world)
    assert world.condition("Ready") == "True"
    assert world.selector[KEY] == "green"
    state = world.status.traffic.cutover  # type: ignore[union-attr]
    assert state is not None
    assert (phase(world), state.probed) == ("Completed", True)


def test_it_is_undone_when_the_switch_was_aborted() -> None:
    world, held = held_back()
    assert world.status.operation is not None
    world.annotations["switchback.dev/abort"] = f"{world.status.operation.id}/1"
    at_rest(world)
    held.arrives(world)
    at_rest(world)
    assert world.selector[KEY] == "blue"


def test_it_is_told_when_the_status_was_lost_meanwhile() -> None:
    """Nobody remembers the switch: it looks like the will of somebody else, which is respected and told."""
    world, held = held_back()
    world.status = type(world.status)()
    world.resource_version += 1
    wish(world, "blue")
    at_rest(world)
    held.arrives(world)
    at_rest(world)
    assert world.condition("Ready") == "False"


def test_it_is_undone_when_a_person_has_to_be_asked_once_more() -> None:
    """Another program was rolled out between a person's yes and the patch."""
    world = Street(spec={"cutover": CUTOVER, "approval": {"cutoverPolicy": "Manual"}})
    at_rest(world)
    wish(world, "green")
    told(world, lambda _: bool(world.token))
    world.annotations["switchback.dev/approve"] = given = world.token
    decision = told(world, lambda one: isinstance(one, Act) and isinstance(one.action, PointService))
    held = Held(decision.action, world.service_version)
    world.templates["green"] = "t2"
    told(world, lambda _: phase(world) == "Preparing")
    held.arrives(world)
    told(world, lambda _: world.token not in {"", given})
    assert world.selector[KEY] == "blue"
