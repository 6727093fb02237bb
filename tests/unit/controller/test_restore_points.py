"""Restore points that the operator asks for itself: what follows from what a provider shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from switchback.api.status import SnapshotPhase, SnapshotState
from switchback.contract.points import ErrorClass, Failure, Phase, Purpose
from switchback.contract.reasons import Reason
from switchback.controller.decision import Act, CreateJob, DeleteSnapshot, RequestSnapshot, Settle, Wait
from tests.property.keeping import MISMATCH, NO_ANSWER, NO_RIGHT, Artifact
from tests.property.test_decide import SPEC
from tests.property.world import World

RDS = {"rds": {"instance": "shop", "region": "eu-west-1"}}
FENCE = {"image": "fence:1", "command": ["/fence"]}


def world(target: str = "latest", **snapshot: Any) -> World:
    there = World(spec={**SPEC, "snapshot": {**RDS, **snapshot}, "rollback": {"dataLossPolicy": "Allow"}})
    settle(there)
    if target != "latest":
        there.spec = {**there.spec, "target": target}
        there.generation += 1
    return there


def settle(world: World, passes: int = 60, *, until: type | None = None) -> list[str]:
    """Runs Jobs and looks until there is nothing to do, or `until` is the action decided on."""
    before = len(world.created)
    for _ in range(passes):
        for name, job in list(world.jobs.items()):
            if not job.ended:
                world.run(name)
        status = world.status
        decision = world.reconcile()
        if until is not None and isinstance(decision, Act) and isinstance(decision.action, until):
            break
        if isinstance(decision, Settle) and status == world.status:
            break
        if isinstance(decision, Wait):
            if decision.until is None or until is Wait:
                break
            world.tick(decision)
    return [name.split("-")[-2] for name in world.created[before:]]


def asked(**snapshot: Any) -> World:
    """A rollback whose restore point has just been asked for."""
    there = world("0001", **snapshot)
    settle(there, until=RequestSnapshot)
    assert there.keeping.asked
    return there


def point(world: World) -> SnapshotState:
    return world.status.snapshots[-1]


def ready(world: World) -> tuple[str, str]:
    return next((c.reason, c.message) for c in world.status.conditions if c.type == "Ready")


def test_no_rollback_job_before_the_restore_point_is_there() -> None:
    there = asked()
    assert settle(there, 10) == []
    assert ready(there)[0] == "RollingBack"
    assert "creating" in ready(there)[1]
    there.keeping.go_on(Phase.AVAILABLE)
    assert settle(there) == ["rollback"]
    assert there.postgres.applied == ["0001"]
    assert point(there).phase is SnapshotPhase.READY
    assert point(there).purpose is Purpose.PRE_ROLLBACK
    assert point(there).name.startswith("pre-rollback-")
    assert point(there).parts is not None
    assert len(there.keeping.artifacts) == 1


def test_the_name_is_stored_and_the_resource_is_held_before_anything_is_asked_for() -> None:
    there = world("0001")
    settle(there, until=RequestSnapshot)  # the world itself refuses anything else
    assert there.status.operation is not None
    assert there.keeping.asked == [there.status.operation.snapshot_name]


def test_a_death_after_the_request_makes_no_second_one() -> None:
    there = world("0001")
    for _ in range(40):
        for name, job in list(there.jobs.items()):
            if not job.ended:
                there.run(name)
        there.tick(there.reconcile("after" if not there.keeping.asked else "none"))
        there.keeping.go_on(Phase.AVAILABLE)
    assert there.postgres.applied == ["0001"]
    assert len(there.keeping.artifacts) == 1


def test_a_failed_one_is_tried_once_more_under_another_name_and_then_nothing_is_rolled_back() -> None:
    there = asked()
    there.keeping.go_on(Phase.FAILED)
    assert settle(there, until=RequestSnapshot) == []
    assert len(there.keeping.artifacts) == 2
    names = list(there.keeping.artifacts)
    assert names[1].endswith("-2")
    there.keeping.go_on(Phase.FAILED)
    assert settle(there) == ["release"]
    assert ready(there)[0] == "SnapshotAttemptFailed"
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert set(there.keeping.artifacts) == set(names), "they stay for people to look at"


def test_one_that_vanishes_blocks_the_rollback() -> None:
    there = asked()
    settle(there, 3)
    there.keeping.artifacts.clear()
    there.now += timedelta(seconds=200)
    assert "rollback" not in settle(there)
    assert ready(there)[0] == "SnapshotLost"


def test_one_that_is_not_there_right_after_the_request_is_asked_for_again_under_the_same_name() -> None:
    there = asked()
    name = there.keeping.asked[0]
    there.keeping.artifacts.clear()
    settle(there, 5)
    assert set(there.keeping.asked) == {name}
    assert list(there.keeping.artifacts) == [name]


def test_it_is_given_up_after_its_deadline() -> None:
    there = asked(deadlineSeconds=60)
    there.now += timedelta(seconds=61)
    assert "rollback" not in settle(there)
    assert ready(there)[0] == "SnapshotLate"


@pytest.mark.parametrize("trouble", [NO_ANSWER, NO_RIGHT])
def test_trouble_that_passes_is_waited_for(trouble: Failure) -> None:
    there = asked()
    there.keeping.trouble = trouble
    decision = there.reconcile()
    assert isinstance(decision, Wait)
    assert ready(there)[0] == "Retrying"
    shown = next(c for c in there.status.conditions if c.type == "SnapshotReady")
    assert shown.reason == trouble.reason
    assert decision.until is not None
    pace = 300 if trouble.kind is ErrorClass.NEEDS_HUMAN else 5
    assert pace <= (decision.until - there.now).total_seconds() <= pace + 3
    there.keeping.trouble = None
    there.keeping.go_on(Phase.AVAILABLE)
    assert settle(there) == ["rollback"]


def test_what_no_retry_could_mend_ends_the_operation() -> None:
    there = asked()
    there.keeping.trouble = MISMATCH
    assert settle(there) == ["release"]
    assert ready(there)[0] == "SnapshotSourceMismatch"


def test_nobody_is_asked_for_a_consent_that_could_lead_to_nothing() -> None:
    there = world("0001")
    there.spec = {**there.spec, "approval": {"rollbackPolicy": "Manual"}}
    there.generation += 1
    settle(there, until=Wait)
    assert there.token
    seen = there.observed()
    from switchback.contract.points import Finding  # noqa: PLC0415
    from switchback.controller.decide import decide  # noqa: PLC0415

    found = replace(seen, kept=replace(seen.kept, findings=(Finding(MISMATCH),)))
    decision = decide(found)
    status = decision.status if not isinstance(decision, Act) else None
    assert status is not None
    assert [c.reason for c in status.conditions if c.type == "Ready"] == ["SnapshotSourceMismatch"]


def test_one_that_is_too_old_is_taken_anew() -> None:
    there = asked(maxAgeSeconds=60)
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there, until=CreateJob)
    [job] = [one for one in there.jobs.values() if not one.ended]
    assert str(job.job.step) == "rollback"
    there.run(job.job.name, "ConnectionRefused")
    there.now += timedelta(seconds=61)
    settle(there, until=RequestSnapshot)
    assert len(there.keeping.artifacts) == 2
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there)
    assert there.postgres.applied == ["0001"]


# --- before migrations --------------------------------------------------------------------------------------


def migrating(**snapshot: Any) -> World:
    """The first three migrations are there, and a fourth is wanted behind a restore point."""
    there = world(beforeMigratePolicy="Never")
    there.spec = {**there.spec, "snapshot": {**RDS, "beforeMigratePolicy": "Always", **snapshot}}
    there.files = (*there.files, "0004")
    there.generation += 1
    return there


def test_a_migration_waits_for_its_restore_point() -> None:
    there = migrating()
    settle(there, until=RequestSnapshot)
    assert there.postgres.applied[-1] == "0003"
    there.keeping.go_on(Phase.AVAILABLE)
    assert settle(there) == ["migrate"]
    assert point(there).name.startswith("pre-migration-")
    assert point(there).purpose is Purpose.PRE_MIGRATION


def test_without_it_the_migration_is_not_applied() -> None:
    there = migrating()
    settle(there, until=RequestSnapshot)
    there.keeping.trouble = MISMATCH
    assert "migrate" not in settle(there)
    assert there.postgres.applied[-1] == "0003"


def test_or_it_goes_on_without_and_says_so() -> None:
    there = migrating(migrateFailurePolicy="Continue")
    settle(there, until=RequestSnapshot)
    there.keeping.trouble = MISMATCH
    assert settle(there) == ["migrate"]
    assert there.postgres.applied[-1] == "0004"
    assert there.status.operation is not None
    assert there.status.operation.snapshot_waived == "SnapshotSourceMismatch"
    assert point(there).phase is SnapshotPhase.FAILED


def test_before_a_rollback_there_is_no_choice() -> None:
    there = asked(migrateFailurePolicy="Continue")
    there.keeping.trouble = MISMATCH
    assert "rollback" not in settle(there)


# --- the fence ----------------------------------------------------------------------------------------------


def test_writers_are_kept_out_from_before_the_restore_point_until_after_the_rollback() -> None:
    there = world("0001", fence=FENCE)
    assert settle(there, until=RequestSnapshot)[-1] == "fence"
    assert there.keeping.fenced
    there.keeping.go_on(Phase.AVAILABLE)
    assert settle(there) == ["rollback", "unfence"]
    assert not there.keeping.fenced
    assert point(there).writers_fenced


def test_the_fence_goes_down_when_the_restore_point_cannot_be_had() -> None:
    there = world("0001", fence=FENCE)
    settle(there, until=RequestSnapshot)
    there.keeping.trouble = MISMATCH
    assert settle(there) == ["unfence", "release"]
    assert not there.keeping.fenced


def test_a_fence_that_does_not_go_down_is_told_and_tried_again() -> None:
    there = world("0001", fence=FENCE)
    settle(there, until=RequestSnapshot)
    there.keeping.trouble = MISMATCH
    for _ in range(30):
        for name, job in list(there.jobs.items()):
            if not job.ended:
                there.run(name, "FenceCommandFailed" if "unfence" in name else "works")
        there.tick(there.reconcile())
    assert there.keeping.fenced
    assert ready(there)[0] == "FenceFailed"
    assert "kept out" in ready(there)[1]
    assert there.condition("Stalled") == "True"
    assert settle(there)[0] == "unfence"
    assert not there.keeping.fenced
    assert ready(there)[0] == "SnapshotSourceMismatch"


def test_an_edit_that_takes_the_fence_out_of_the_spec_does_not_leave_it_up() -> None:
    there = world("0001", fence=FENCE)
    settle(there, until=RequestSnapshot)
    there.spec = {**there.spec, "target": "latest", "snapshot": RDS}
    there.generation += 1
    settle(there)
    assert not there.keeping.fenced
    assert there.condition("Ready") == "True"


def test_suspending_lets_writers_in_and_the_restore_point_is_taken_anew() -> None:
    there = world("0001", fence=FENCE)
    settle(there, until=RequestSnapshot)
    there.keeping.go_on(Phase.AVAILABLE)
    there.spec = {**there.spec, "suspend": True}
    there.generation += 1
    assert settle(there) == ["unfence"]
    assert not there.keeping.fenced
    there.spec = {**there.spec, "suspend": False}
    there.generation += 1
    assert "fence" in settle(there, until=RequestSnapshot)
    there.keeping.go_on(Phase.AVAILABLE)
    assert "rollback" in settle(there)
    assert len(there.keeping.artifacts) == 2


# --- retention ----------------------------------------------------------------------------------------------


def test_older_ones_are_deleted_one_at_a_time_when_the_operation_has_ended() -> None:
    there = asked(retention={"minimumCount": 1, "minimumAgeSeconds": 60})
    old = there.now - timedelta(days=30)
    held = ((), "", 0)
    for number in (1, 2):
        name = f"pre-rollback-{number}"
        there.keeping.artifacts[name] = Artifact("aa-bb", held, old, Phase.AVAILABLE)
        entry = SnapshotState(
            name=name, phase=SnapshotPhase.READY, verified="Metadata", completion_time="2025-12-01T00:00:00Z"
        )
        there.status = there.status.model_copy(update={"snapshots": (entry, *there.status.snapshots)})
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there, until=DeleteSnapshot)
    assert len(there.keeping.artifacts) == 2
    settle(there)
    assert [there.status.snapshots[-1].name] == list(there.keeping.artifacts)
    assert there.status.retention is not None
    assert (there.status.retention.kept, len(there.status.retention.deleted)) == (1, 2)
    assert there.condition("Ready") == "True"


def deleted(world: World) -> World:
    """Somebody deletes the resource, and it is gone."""
    world.deleted_at = world.now
    for _ in range(30):
        if world.gone:
            break
        for name, job in list(world.jobs.items()):
            if not job.ended:
                world.run(name)
        world.tick(world.reconcile())
    assert world.gone
    return world


@pytest.mark.parametrize(("policy", "left"), [("Retain", 3), ("Delete", 2)])
def test_a_deletion_takes_restore_points_along_only_where_asked_and_never_the_last(
    policy: str, left: int
) -> None:
    there = asked(deletionPolicy=policy, retention={"minimumCount": 2})
    for number in (1, 2):
        made = there.now - timedelta(hours=number)
        there.keeping.artifacts[f"older-{number}"] = Artifact("aa-bb", ((), "", 0), made, Phase.AVAILABLE)
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there)
    assert bool(there.finalizers) is (policy == "Delete")
    if policy == "Retain":
        assert len(there.keeping.artifacts) == left
        return
    deleted(there)
    assert len(there.keeping.artifacts) == left
    assert "older-2" not in there.keeping.artifacts


def test_what_an_operation_that_ended_badly_has_left_is_protected_until_another_ends_well() -> None:
    there = asked()
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there, until=CreateJob)
    [job] = [one for one in there.jobs.values() if not one.ended]
    there.run(job.job.name, Reason.SQL_FAILED)
    settle(there)
    assert ready(there)[0] == Reason.SQL_FAILED
    assert point(there).protected_by == "its operation ended Failed"
    there.spec = {**there.spec, "target": "latest"}
    there.generation += 1
    settle(there)
    assert there.condition("Ready") == "True"
    assert point(there).protected_by == ""
