"""Files of phase=contract and an old slot that is not gone: it restarts, or somebody brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.api.status import Begun
from switchback.contract.reasons import Reason
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


BEHIND_A_FENCE = {
    "pgDump": {"persistentVolumeClaim": {"claimName": "dumps"}},
    "beforeMigratePolicy": "Always",
    "fence": {"image": "fence:1", "command": ["/fence"]},
}


def applying(world: Street) -> str:
    """The Job that applies the file, once whatever comes before it has ended well."""
    for _ in range(80):
        found = [name for name, one in world.jobs.items() if "-migrate-" in name and not one.ended]
        if contract_begun(world) and found:
            return found[0]
        for name in [name for name, one in world.jobs.items() if not one.ended]:
            world.run(name, "works")
        world.settle_slices()
        world.tick(world.reconcile())
    pytest.fail("nothing applies the file")


def wishes_blue(world: Street) -> None:
    edited(world, cutover={**world.spec["cutover"], "activeSlot": "blue"})
    go(world)


def test_what_a_lost_run_has_applied_behind_a_fence_is_known_although_the_old_slot_is_back() -> None:
    world = waiting(snapshot=BEHIND_A_FENCE)
    blue(world, GONE)
    world.run(applying(world), "silent")
    blue(world, Side(2, 2))
    go(world)
    assert (world.postgres.applied, world.condition("ContractApplied")) == (AFTER, "True")
    assert not world.keeping.fenced
    wishes_blue(world)
    assert reason(world) == "PointOfNoReturn"


def test_a_file_that_is_applied_in_part_is_not_called_nothing() -> None:
    """A file without a transaction has run its first statements, and has met a lock; the old slot returns."""
    world = waiting()
    blue(world, GONE)
    name = applying(world)
    assert world.status.operation is not None
    world.postgres.begun["0003"] = world.status.operation.id
    world.run(name, Reason.LOCK_TIMEOUT)
    blue(world, Side(2, 2))
    go(world, lambda: bool(world.status.operation and world.status.operation.begun is Begun.SURELY))
    for _ in range(3):
        passes(world, 1)
    assert "Files of phase=contract wait for the end of the old slot: pod blue-0" in message(world)
    assert world.condition("ContractApplied") == "False"
    assert len(ends(world)) == 1, "the operation is under way"
    blue(world, GONE)
    go(world)
    assert (world.postgres.applied, world.condition("ContractApplied")) == (AFTER, "True")


def test_a_run_that_could_not_begin_is_no_reason_to_wait() -> None:
    """It waited for a lock, and the ledger says that it has begun nothing."""
    world = waiting()
    blue(world, GONE)
    world.run(applying(world), Reason.LOCK_TIMEOUT)
    blue(world, Side(2, 2))
    go(world)
    as_before(world)
    assert reason(world) == "Succeeded"
