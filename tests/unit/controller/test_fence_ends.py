"""The fence: however an operation ends or stops on the way, writers are let in, or people are told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.points import ErrorClass, Failure, Phase
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.controller.decide import decide
from switchback.controller.decision import Act, CreateJob, LetGo, RequestSnapshot, Wait, WriteIntent
from switchback.controller.jobs import manifest
from switchback.controller.observed import Trouble
from tests.property.keeping import MISMATCH, NO_ANSWER, NO_RIGHT
from tests.unit.controller.build import SETTINGS
from tests.unit.controller.test_restore_points import FENCE, RDS, asked, ready, settle, world

if TYPE_CHECKING:
    from tests.property.world import World

FULL = Failure(ErrorClass.NEEDS_HUMAN, "SnapshotQuotaExceeded", "100 of 100", retry_after=300)
QUOTA = Trouble("JobRefused", "exceeded quota: pods")


def fenced(**snapshot: Any) -> World:
    """A rollback that waits for its restore point behind a fence."""
    there = asked(fence=FENCE, **snapshot)
    assert there.keeping.fenced
    return there


def edit(world: World, **spec: Any) -> None:
    world.spec = {**world.spec, **spec}
    world.generation += 1


def run_failing(world: World, passes: int) -> int:
    """Looks for a while, in which no fence can be lowered. Returns how many Jobs tried to, in that time."""
    before = len(world.created)
    for _ in range(passes):
        for name, job in list(world.jobs.items()):
            if not job.ended:
                world.run(name, Reason.FENCE_COMMAND_FAILED if "unfence" in name else "works")
        decision = world.reconcile()
        if isinstance(decision, Wait):
            world.tick(decision)
    return len([name for name in world.created[before:] if "unfence" in name])


def test_nobody_is_kept_out_while_files_are_missing() -> None:
    there = fenced()
    there.source_problem = Trouble("ConfigMapMissing", "no such ConfigMap")
    settle(there, until=Wait)
    assert not there.keeping.fenced
    assert "no such ConfigMap" in ready(there)[1]


def test_nobody_is_kept_out_while_a_person_is_asked_after_an_edit() -> None:
    there = fenced()
    there.keeping.go_on(Phase.AVAILABLE)
    edit(there, approval={"rollbackPolicy": "Manual"})
    for _ in range(10):
        for name, job in list(there.jobs.items()):
            if not job.ended:
                there.run(name)
        there.reconcile()
    assert there.token
    assert not there.keeping.fenced
    there.annotations["switchback.dev/approve"] = there.token
    assert "rollback" not in settle(there, until=RequestSnapshot)
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there)
    assert there.postgres.applied == ["0001"]
    assert not there.keeping.fenced


def test_a_wiped_status_does_not_forget_a_fence_that_could_not_be_lowered() -> None:
    there = fenced()
    there.annotations["switchback.dev/abort"] = f"{there.status.operation.id}/1"  # type: ignore[union-attr]
    run_failing(there, 12)
    while [job for job in there.jobs.values() if not job.ended]:
        run_failing(there, 1)
    assert there.keeping.fenced
    there.status = type(there.status)()
    there.annotations.clear()
    edit(there, target="latest")
    settle(there)
    assert not there.keeping.fenced


def test_while_it_is_suspended_a_fence_is_lowered_at_a_pace_and_people_are_told() -> None:
    there = fenced()
    edit(there, suspend=True)
    run_failing(there, 40)
    edit(there, target="latest")
    begun = there.now
    tries = run_failing(there, 40)
    assert there.keeping.fenced
    assert tries <= 2 + (there.now - begun).total_seconds() / 30
    assert ready(there)[0] == "FenceFailed"
    assert "kept out" in ready(there)[1]
    settle(there)
    assert not there.keeping.fenced


def test_an_operator_that_was_away_lowers_the_fence_of_a_resource_that_is_being_deleted() -> None:
    there = fenced()
    there.deleted_at = there.now
    for _ in range(10):
        decision = decide(there.observed())
        if isinstance(decision, Act) and isinstance(decision.action, CreateJob):
            break
        there.reconcile()
    assert there.status.operation is not None
    assert there.status.operation.step is Operation.UNFENCE
    there.now += timedelta(hours=1)
    for _ in range(20):
        there.tick(there.reconcile())
        for name, job in list(there.jobs.items()):
            if not job.ended:
                there.run(name)
    assert not there.keeping.fenced
    assert not there.finalizers


def test_a_deletion_waits_for_the_room_that_lowering_a_fence_needs() -> None:
    there = fenced()
    there.annotations["switchback.dev/abort"] = f"{there.status.operation.id}/1"  # type: ignore[union-attr]
    there.reconcile()  # noted
    there.deleted_at = there.now
    there.refused = QUOTA
    begun = there.now
    names = set()
    for _ in range(40):
        there.tick(there.reconcile())
        assert there.status.operation is not None
        names.add(there.status.operation.job_name)
    assert there.finalizers, "it is held while writers are kept out"
    assert len(names) <= 3 + (there.now - begun).total_seconds() / 2
    assert there.now > begun
    there.refused = None
    for _ in range(20):
        there.tick(there.reconcile())
        for name, job in list(there.jobs.items()):
            if not job.ended:
                there.run(name)
    assert not there.keeping.fenced
    assert not there.finalizers


@pytest.mark.parametrize("deleting", [False, True])
def test_a_spec_that_cannot_be_read_any_more_does_not_hide_a_fence(*, deleting: bool) -> None:
    there = fenced()
    if deleting:
        there.deleted_at = there.now
    seen = replace(there.observed(), spec=None, invalid="spec.snapshot: no such field")
    decision = decide(seen)
    assert not isinstance(decision, Act), "it is told before anything is let go"
    text = " ".join(c.message for c in decision.status.conditions)
    assert "kept out" in text
    if deleting:
        assert isinstance(decision, WriteIntent | Wait)
        later = replace(seen, status=decision.status)
        assert not isinstance(decide(later), Act)
        free = replace(later, annotations={"switchback.dev/release": "now"})
        assert decide(free) == Act(LetGo())


def test_a_restore_point_in_the_making_is_not_in_progress_for_ever_when_its_fence_goes_down() -> None:
    there = fenced()
    edit(there, suspend=True)
    settle(there)
    assert [str(point.phase) for point in there.status.snapshots] == ["Failed"]


def test_without_a_fence_nothing_of_this_happens() -> None:
    there = world("0001", **RDS)
    there.source_problem = Trouble("ConfigMapMissing", "no such ConfigMap")
    assert settle(there, until=Wait) == []


@pytest.mark.parametrize("trouble", [NO_RIGHT, NO_ANSWER])
def test_writers_are_not_kept_out_while_nothing_could_be_kept_anyhow(trouble: Failure) -> None:
    there = world("0001", fence=FENCE)
    there.keeping.trouble = trouble
    settle(there, until=Wait)
    assert "fence" not in settle(there, 10)
    assert not there.keeping.fenced
    assert ready(there)[0] == "Retrying"
    assert trouble.message in ready(there)[1]
    there.keeping.trouble = None
    assert "fence" in settle(there, until=RequestSnapshot)


def test_where_it_may_go_on_without_a_restore_point_nobody_waits_for_one_before_the_fence() -> None:
    there = world(beforeMigratePolicy="Never")
    rules = {"beforeMigratePolicy": "Always", "migrateFailurePolicy": "Continue", "deadlineSeconds": 60}
    there.files = (*there.files, "0004")
    edit(there, snapshot={**RDS, **rules, "fence": FENCE})
    there.keeping.trouble = NO_RIGHT
    settle(there)
    assert there.postgres.applied[-1] == "0004"
    assert not there.keeping.fenced


def test_where_room_can_be_made_it_is_asked_for_behind_the_fence() -> None:
    there = world("0001", fence=FENCE)
    settle(there, until=CreateJob)
    there.keeping.trouble = FULL  # the request makes room, and only the request
    assert "fence" in settle(there, 12)


def test_another_plan_is_not_waived_by_what_failed_for_the_first() -> None:
    there = world(beforeMigratePolicy="Never")
    rules = {"beforeMigratePolicy": "Always", "migrateFailurePolicy": "Continue"}
    there.files = (*there.files, "0004", "0005")
    edit(there, target="0004", snapshot={**RDS, **rules, "fence": FENCE})
    settle(there, until=RequestSnapshot)
    there.keeping.trouble = MISMATCH
    for _ in range(20):
        there.tick(there.reconcile())
        named = [job for name, job in there.jobs.items() if "migrate" in name and not job.ended]
        if named:
            break
    there.keeping.trouble = None
    there.postgres.applied += ["0004", "0005"]  # somebody else was faster
    there.postgres.reserved_by = ""
    there.run(named[0].job.name, Reason.PLAN_MOVED)
    jobs = settle(there, until=RequestSnapshot)
    assert "fence" in jobs
    assert there.keeping.fenced, "a rollback by now, whose restore point is taken behind a fence"
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there)
    assert there.postgres.applied[-1] == "0004"
    assert not there.keeping.fenced
    assert str(there.status.snapshots[-1].purpose) == "pre-rollback"


def test_a_fence_is_lowered_at_the_database_that_it_was_raised_at() -> None:
    there = fenced()
    other = {"urlFrom": {"secretKeyRef": {"name": "shop-elsewhere", "key": "DATABASE_URL"}}}
    edit(there, database=other)
    settle(there, until=CreateJob)
    operation = there.status.operation
    assert operation is not None
    assert operation.step is Operation.UNFENCE
    action = CreateJob(operation.job_name, Operation.UNFENCE, operation.attempt)
    text = json.dumps(manifest(there.observed(), action, SETTINGS))
    assert "shop-db" in text
    assert "shop-elsewhere" not in text
