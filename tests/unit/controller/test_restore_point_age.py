"""A restore point between the moment it is ready and the change of the schema: lost, old, or another's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.status import SnapshotPhase
from switchback.contract.points import Phase
from switchback.contract.reasons import Reason
from switchback.controller.decision import CreateJob, RequestSnapshot, Wait
from tests.property.keeping import NO_ANSWER
from tests.unit.controller.test_restore_points import asked, point, ready, settle

if TYPE_CHECKING:
    from tests.property.world import World


def behind_a_job_that_fails(**snapshot: Any) -> World:
    """The restore point is ready, and the rollback Job could not reach the database."""
    there = asked(**snapshot)
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there, until=CreateJob)
    [job] = [one for one in there.jobs.values() if not one.ended]
    there.run(job.job.name, Reason.CONNECTION_REFUSED)
    assert point(there).phase is SnapshotPhase.READY
    return there


@pytest.mark.parametrize("phase", [Phase.ABSENT, Phase.DELETING])
def test_one_that_was_ready_and_is_deleted_before_the_next_try_blocks_it(phase: Phase) -> None:
    there = behind_a_job_that_fails()
    if phase is Phase.ABSENT:
        there.keeping.artifacts.clear()
    else:
        there.keeping.artifacts[point(there).name].phase = phase
    assert "rollback" not in settle(there)
    assert ready(there)[0] == "SnapshotLost"
    assert point(there).phase is SnapshotPhase.FAILED
    assert there.postgres.applied == ["0001", "0002", "0003"]


def test_one_that_is_ready_is_relied_upon_while_its_provider_cannot_be_asked() -> None:
    there = behind_a_job_that_fails()
    there.keeping.trouble = NO_ANSWER
    assert settle(there)[0] == "rollback"


def test_one_that_is_being_deleted_before_it_was_seen_is_lost() -> None:
    there = asked()
    there.keeping.go_on(Phase.DELETING)
    assert "rollback" not in settle(there)
    assert ready(there)[0] == "SnapshotLost"


def test_another_provider_takes_one_of_its_own() -> None:
    there = asked()
    first = point(there).name
    there.spec = {**there.spec, "snapshot": {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}}}}
    there.generation += 1
    assert settle(there) == ["snapshot", "rollback"]
    assert (point(there).provider, point(there).attempt) == ("pgDump", 2)
    assert {known.name: str(known.phase) for known in there.status.snapshots}[first] == "Failed"


def test_one_that_may_have_been_there_for_long_while_suspended_is_taken_anew() -> None:
    there = asked(maxAgeSeconds=60)
    there.spec = {**there.spec, "suspend": True}
    there.generation += 1
    settle(there)
    there.keeping.go_on(Phase.AVAILABLE)
    there.now += timedelta(seconds=200)
    there.spec = {**there.spec, "suspend": False}
    there.generation += 1
    assert "rollback" not in settle(there, until=RequestSnapshot)
    assert len(there.keeping.artifacts) == 2
    there.keeping.go_on(Phase.AVAILABLE)
    assert "rollback" in settle(there)


def test_an_operator_that_was_away_before_the_job_takes_one_that_is_young_enough() -> None:
    there = asked(maxAgeSeconds=60)
    there.keeping.go_on(Phase.AVAILABLE)
    while there.status.operation is None or "rollback" not in there.status.operation.job_name:
        there.tick(there.reconcile())
    assert not [name for name in there.jobs if "rollback" in name]
    there.now += timedelta(seconds=120)
    assert "rollback" not in settle(there, until=RequestSnapshot)
    assert len(there.keeping.artifacts) == 2


def test_a_deletion_asks_again_soon_for_restore_points_that_could_not_be_listed() -> None:
    there = asked(deletionPolicy="Delete")
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there)
    there.deleted_at = there.now
    there.now += timedelta(seconds=90)
    there.keeping.trouble = NO_ANSWER
    decision = there.reconcile()
    assert isinstance(decision, Wait)
    assert decision.until is not None
    assert (decision.until - there.now).total_seconds() <= 30
    for _ in range(30):
        there.tick(there.reconcile())
    assert there.gone, "a deletion does not wait for ever"
    assert there.now - there.deleted_at < timedelta(seconds=340)
