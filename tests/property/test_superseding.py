"""A new intent arrives at each step of an old operation, with a fault beside it: the end is the new one's."""

from __future__ import annotations

import itertools
import random
from copy import deepcopy
from typing import Any

import pytest

from switchback.api.status import Outcome, SnapshotPhase
from switchback.contract.reasons import Reason
from switchback.controller.decision import Decision, Settle, Wait
from tests.crash.chance import CAMPAIGN, SEED
from tests.property.world import World

SPEC: dict[str, Any] = {
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-migrations"}]},
    "snapshot": {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}}},
    "rollback": {"dataLossPolicy": "Allow"},
}
OLD = [("base", "latest"), ("latest", "0001"), ("latest", "base"), ("0001", "latest")]
"""Where the schema stands when the old operation begins, and where that wants to bring it."""

NEW = ["latest", "0001", "0002", "base"]
FAULTS = ["none", "conflict", "before", "after"]
ENDS = ["works", "silent", Reason.INTERRUPTED]
"""What becomes of a run that is under way when the new intent arrives."""

PASSES = 80


def ask(world: World, target: str) -> None:
    world.spec = {**world.spec, "target": target}
    world.generation += 1


def step(world: World, fault: str = "none", ends: dict[str, str] | None = None) -> Decision:
    """One look; while it only waits, the runs come to their end, and so do pods that were told to go."""
    decision = world.reconcile(fault)
    running = alive(world)
    if not isinstance(decision, Settle | Wait):
        return decision
    for name in running:
        world.run(name, (ends or {}).get(name, "works"))
    world.sweep()
    if not running:
        world.tick(decision)
    return decision


def settle(world: World, ends: dict[str, str] | None = None) -> int:
    """Looks until nothing is left to do. Returns how many it took."""
    for count in range(1, PASSES):
        decision = step(world, ends=ends)
        still = isinstance(decision, Settle) and decision.status == world.observed().status
        if still and not alive(world) and not world.finalizers and world.condition("Finished") == "True":
            return count
    raise AssertionError(f"not at rest within {PASSES} looks: {world.status}")


def alive(world: World) -> list[str]:
    return [name for name, job in world.jobs.items() if not job.ended]


def begun(at: str) -> World:
    world = World(spec={**SPEC, "target": at})
    settle(world)
    return world


def applied(target: str) -> list[str]:
    files = ["0001", "0002", "0003"]
    return [] if target == "base" else files if target == "latest" else files[: files.index(target) + 1]


@pytest.mark.parametrize(("at", "to"), OLD)
@pytest.mark.parametrize("new", NEW)
def test_a_new_intent_at_any_step_leads_to_its_own_end(at: str, to: str, new: str) -> None:
    whole, seen = begun(at), set()
    ask(whole, to)
    looks, start, chance = settle(whole) + 1, begun(at), random.Random(SEED)  # noqa: S311 - no secret
    print(f"SWITCHBACK_SEED={SEED}")
    for number, fault, end in itertools.product(range(looks), FAULTS, ENDS):
        if fault != "none" and not CAMPAIGN and chance.random() < 0.6:
            continue
        world = deepcopy(start)
        ask(world, to)
        for _ in range(number):
            step(world)
        operation = world.status.operation
        seen.add(str(operation.step) if operation is not None else "")
        ends = dict.fromkeys(alive(world), end)
        if end != ENDS[0] and not ends:
            continue  # nothing is under way, so nothing can end in another way
        ask(world, new)
        step(world, fault, ends)
        settle(world, ends)
        check(world, new, f"{at} -> {to}, at look {number} -> {new}, {fault}, {end}")
    assert seen >= {"migrate", *(("reserve", "snapshot", "rollback") if at == "latest" else ())}


def check(world: World, new: str, what: str) -> None:
    assert world.condition("Ready") == "True", what
    assert world.postgres.applied == applied(new), what
    assert not world.finalizers, what
    assert not world.postgres.holder(world.now), f"{what}: the database stays reserved"
    assert world.status.history[-1].outcome is Outcome.SUCCEEDED, what
    assert all(point.phase is not SnapshotPhase.IN_PROGRESS for point in world.status.snapshots), what
    assert len(set(world.created)) == len(world.created), what
    for entry in world.status.history[:-1]:
        assert entry.outcome in {Outcome.SUCCEEDED, Outcome.SUPERSEDED}, what
