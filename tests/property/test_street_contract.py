"""Files of phase=contract and an old slot that is not gone: it restarts, or somebody brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.property.street import Side
from tests.property.test_street_edges import message, passes
from tests.property.test_street_stories import ends, go, reason, street
from tests.property.test_switch_table import edited

if TYPE_CHECKING:
    from tests.property.street import Street

BEFORE, AFTER = ["0001", "0002"], ["0001", "0002", "0003"]
GONE = Side(0, 0)
RESTARTS = Side(desired=1, ready=0, missing=1)


def waiting(**more: object) -> Street:
    """Green is live, and a file waits for the end of blue."""
    world = street("Never", **more)
    world.contract = frozenset({"0003"})
    go(world)
    assert (world.postgres.applied, reason(world)) == (BEFORE, "Succeeded")
    return world


def blue(world: Street, side: Side) -> None:
    world.sides["blue"] = Side(side.desired, side.ready, side.leaving, side.missing, side.settled)


def as_before(world: Street) -> None:
    """It rests, nothing has run, and the file still waits."""
    assert world.postgres.applied == BEFORE
    assert (world.condition("Ready"), world.condition("Stalled")) == ("True", "False")
    assert world.condition("ContractApplied") == "False"


@pytest.mark.parametrize("side", [RESTARTS, Side(2, 0, missing=2), Side(0, 0, leaving=1)])
def test_a_slot_that_has_no_pod_for_a_while_is_not_gone(side: Side) -> None:
    world = waiting()
    blue(world, side)
    go(world)
    as_before(world)
    assert len(ends(world)) == 1, "nothing has begun"
    blue(world, GONE)
    go(world)
    assert (world.postgres.applied, world.condition("ContractApplied")) == (AFTER, "True")


def test_a_slot_whose_controller_has_not_seen_yet_that_nothing_is_asked_for_is_not_gone() -> None:
    world = waiting()
    blue(world, Side(0, 0, settled=False))
    for _ in range(5):
        world.reconcile()
    as_before(world)
    go(world)
    assert world.postgres.applied == AFTER


def contract_begun(world: Street) -> bool:
    return bool(world.status.operation and world.status.operation.kind == "Contract")


def named(world: Street) -> bool:
    """The Job that applies the file is stored, and not there yet."""
    operation = world.status.operation
    return operation is not None and contract_begun(world) and "-migrate-" in operation.job_name


def job(world: Street) -> str:
    """The same, and it is there."""
    go(world, lambda: named(world))
    while True:
        passes(world, 1)
        found = [name for name, one in world.jobs.items() if not one.ended]
        if found:
            return found[0]


@pytest.mark.parametrize("side", [Side(2, 2), RESTARTS])
def test_an_old_slot_that_returns_before_anything_has_run_is_waited_for_as_before(side: Side) -> None:
    world = waiting()
    blue(world, GONE)
    go(world, lambda: contract_begun(world))
    blue(world, side)
    go(world)
    as_before(world)
    assert reason(world) == "Succeeded"
    assert "old slot" in message(world)
    blue(world, GONE)
    go(world)
    assert (world.postgres.applied, world.condition("ContractApplied")) == (AFTER, "True")


def test_it_may_return_while_a_job_is_named_and_not_there_yet() -> None:
    world = waiting()
    blue(world, GONE)
    go(world, lambda: named(world))
    blue(world, Side(2, 2))
    go(world)
    as_before(world)
    blue(world, GONE)
    go(world)
    assert world.postgres.applied == AFTER


def test_it_may_return_while_a_job_is_there_and_has_not_started() -> None:
    """Whether it has done something before it was told to end is for the ledger to say."""
    world = waiting()
    blue(world, GONE)
    name = job(world)
    world.jobs[name].starting = True
    passes(world, 1)
    blue(world, Side(2, 2))
    go(world)
    as_before(world)
    assert name not in world.jobs
    blue(world, GONE)
    go(world)
    assert world.postgres.applied == AFTER


def test_what_a_lost_run_has_applied_is_known_although_the_old_slot_is_back() -> None:
    world = waiting()
    blue(world, GONE)
    world.run(job(world), "silent")
    blue(world, Side(2, 2))
    go(world)
    assert (world.postgres.applied, world.condition("ContractApplied")) == (AFTER, "True")
    edited(world, cutover={**world.spec["cutover"], "activeSlot": "blue"})
    go(world)
    assert reason(world) == "PointOfNoReturn"


def test_a_question_is_taken_back_when_the_old_slot_returns() -> None:
    world = waiting()
    edited(world, approval={"migratePolicy": "Manual"})
    blue(world, GONE)
    go(world, lambda: bool(world.token))
    blue(world, Side(2, 2))
    go(world)
    as_before(world)
    assert world.token == ""


def test_nobody_is_kept_out_while_an_old_slot_is_waited_for() -> None:
    world = waiting()
    fence = {"image": "fence:1", "command": ["/fence"]}
    dump = {"persistentVolumeClaim": {"claimName": "dumps"}}
    edited(world, snapshot={"pgDump": dump, "beforeMigratePolicy": "Always", "fence": fence})
    blue(world, GONE)
    go(world, lambda: world.keeping.fenced)
    blue(world, Side(2, 2))
    go(world)
    as_before(world)
    assert not world.keeping.fenced
    assert world.postgres.reserved_by == ""


def test_a_rollout_in_the_live_slot_is_not_over_while_pods_are_missing() -> None:
    """The old program's pods may come back in their stead."""
    world = street("Never")
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": "blue"}}
    world.contract = frozenset({"0003"})
    blue_only(world)
    go(world)
    assert world.postgres.applied == BEFORE
    world.templates["blue"] = "t2"
    world.sides["blue"] = Side(desired=2, ready=1, missing=1)
    go(world)
    as_before(world)
    world.sides["blue"] = Side(2, 2)
    go(world)
    assert world.postgres.applied == AFTER


def blue_only(world: Street) -> None:
    world.sides["green"] = Side(0, 0)
