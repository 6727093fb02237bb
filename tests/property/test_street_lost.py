"""Runs whose word is lost while traffic waits for them: what they have committed still counts as done."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.contract.reasons import Reason
from tests.property.street import KEY, Street
from tests.property.test_street_stories import CHECK, ends, go, phase, reason, street

AFTER_MIGRATE = {**CHECK, "name": "rows", "stages": ["AfterMigrate"]}
BOTH = {**CHECK, "stages": ["AfterMigrate", "AfterCutover"]}


def until_migrating(world: Street) -> str:
    """Goes on until a Job that migrates was created; its name."""
    for _ in range(30):
        found = next((name for name, job in world.jobs.items() if job.job.step == "migrate"), "")
        if found:
            return found
        for name in list(world.jobs):
            world.run(name)
        world.tick(world.reconcile())
    raise AssertionError("no Job migrates")


def lose(world: Street, *committed: str) -> None:
    """The run commits these, and its pod is gone before it can say so."""
    running = world.jobs[until_migrating(world)]
    for file in committed:
        world.postgres.applied.append(file)
        world.postgres.applied_by[file] = running.arguments["id"]
    running.ended = True


def steps(world: Street) -> list[str]:
    return [name.rsplit("-", 2)[1] for name in world.created]


@pytest.mark.parametrize("committed", [("0002", "0003"), ("0002",)])
def test_what_a_lost_run_has_applied_is_checked(committed: tuple[str, ...]) -> None:
    world = street("Never", check=BOTH)
    lose(world, *committed)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")
    assert steps(world).count("check") == 2, "after the migration, and behind the new slot"
    assert world.status.operation is not None
    assert world.status.operation.applied_count == 2
    assert (world.status.history[-1].from_, str(world.status.history[-1].direction)) == ("0001", "Forward")


@pytest.mark.parametrize("committed", [("0002", "0003"), ("0002",)])
def test_what_a_lost_run_has_applied_is_undone_with_the_rest(committed: tuple[str, ...]) -> None:
    world = street("TrafficAndSchema")
    lose(world, *committed)
    go(world, lambda: phase(world) == "Restored", fail=Reason.CHECKS_FAILED)
    assert world.postgres.applied == ["0001", "0002", "0003"]
    go(world)
    assert (world.selector[KEY], world.postgres.applied) == ("blue", ["0001"])
    assert ends(world)[-2:] == [("RolledBack", "RolledBack"), ("RolledBack", "RolledBack")]


def test_what_a_run_has_applied_before_it_failed_counts() -> None:
    """It said so, and the next one finds only the rest."""
    world = street("TrafficAndSchema", check=BOTH)
    running = world.jobs[until_migrating(world)]
    world.postgres.applied.append("0002")
    world.postgres.applied.append("0003")
    world.postgres.applied_by.update(dict.fromkeys(("0002", "0003"), running.arguments["id"]))
    said: Any = world._result(running, Reason.CONNECTION_LOST, world._plan(running)[0], done=2)  # noqa: SLF001 - the world is ours
    running.result, running.ended = said, True
    go(world, lambda: phase(world) == "Restored", fail=Reason.CHECKS_FAILED)
    assert steps(world).count("check") == 2
    go(world)
    assert (world.selector[KEY], world.postgres.applied) == ("blue", ["0001"])


def test_what_others_have_applied_in_the_meantime_is_not_ours() -> None:
    world = street("TrafficAndSchema", check=BOTH)
    lose(world)
    world.postgres.applied += ["0002", "0003"]
    go(world, fail=Reason.CHECKS_FAILED)
    assert (world.selector[KEY], world.postgres.applied) == ("blue", ["0001", "0002", "0003"])
    assert steps(world).count("check") == 1, "nothing of ours was applied, so nothing is looked at after it"
    assert world.status.operation is not None
    assert world.status.operation.applied_count == 0
