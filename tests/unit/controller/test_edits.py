"""Edits that come at a bad moment, and Jobs that never start: nothing is lost, and nothing is claimed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from switchback.controller.decision import Act, Wait
from switchback.controller.observed import Trouble
from switchback.controller.times import rfc3339
from tests.property.runner import RESERVATION_SECONDS
from tests.unit.controller.test_decide import PG_DUMP, at_latest, reason, settle, world

if TYPE_CHECKING:
    from tests.property.database import Running
    from tests.property.world import World

CLAIM = Trouble("VolumeClaimMissing", "PersistentVolumeClaim backups does not exist")


def edit(there: World, **more: Any) -> None:
    there.spec = {**there.spec, **more}
    there.generation += 1


def going_back(**more: Any) -> World:
    """At latest, with the wish to go back to 0002 and nobody to ask."""
    there = at_latest()
    edit(there, target="0002", rollback={"dataLossPolicy": "Allow"}, **more)
    return there


def until_alive(there: World, step: str) -> Running:
    """Goes on until a Job of this step has been created, and leaves it as it is."""
    for _ in range(60):
        for name, running in list(there.jobs.items()):
            if running.job.step == step and not running.ended:
                return running
            there.run(name)
        there.tick(there.reconcile())
    raise AssertionError(f"no Job of step {step}")


def generation_said(there: World) -> tuple[str, int]:
    """Status of Ready, and the generation that it is about."""
    (ready,) = [c for c in there.status.conditions if c.type == "Ready"]
    return str(ready.status), ready.observed_generation


def test_an_edit_mends_a_pod_that_cannot_start() -> None:
    there = going_back()
    stuck = until_alive(there, "snapshot")
    stuck.trouble = CLAIM
    there.reconcile()
    assert there.condition("Finished") == "False"
    edit(there, snapshot={"pgDump": {"persistentVolumeClaim": {"claimName": "mended"}}})
    assert settle(there) == ["snapshot", "rollback"]
    assert stuck.job.name not in there.jobs, "the Job of the old description is gone"
    assert (reason(there), there.status.operation and there.status.operation.retries) == ("Succeeded", 0)


def test_a_suspended_operation_is_not_described_anew() -> None:
    there = going_back()
    stuck = until_alive(there, "snapshot")
    stuck.trouble = CLAIM
    there.reconcile()
    edit(there, suspend=True)
    assert settle(there, passes=5) == []
    assert there.status.operation is not None
    assert there.status.operation.job_name == stuck.job.name
    stuck.trouble = None
    edit(there, suspend=False)
    assert settle(there) == ["rollback"]


def test_an_edit_while_the_reservation_is_given_back_is_a_new_attempt() -> None:
    there = going_back(execution={"backoffLimit": 0})
    until_alive(there, "snapshot")
    there.run(there.created[-1], Reason.SNAPSHOT_FAILED)
    until_alive(there, "release")
    assert there.condition("Finished") == "True"
    edit(there, reason="mended")
    there.reconcile()
    assert there.condition("Finished") == "False", "the newer generation has not been tried"
    assert settle(there)[-1] == "rollback"
    assert reason(there) == "Succeeded"


def test_success_is_not_claimed_for_a_wish_that_was_not_tried() -> None:
    there = going_back()
    until_alive(there, "snapshot")
    edit(there, target="latest")
    until_alive(there, "release")
    assert generation_said(there) == ("True", there.generation)
    edit(there, target="0001")
    there.reconcile()
    assert generation_said(there) == ("Unknown", there.generation)
    edit(there, suspend=True)
    there.reconcile()
    assert (generation_said(there), reason(there)) == (("Unknown", there.generation), "Suspended")


def test_a_failure_of_the_newest_spec_is_not_tried_again() -> None:
    there = world()
    until_alive(there, "migrate")
    edit(there, reason="while it runs")
    there.run(there.created[-1], Reason.SQL_FAILED)
    assert settle(there, outcomes={"migrate": Reason.SQL_FAILED}) == ["migrate"], (
        "the edit came after the try"
    )
    assert settle(there) == []
    edit(there, reason="mended")
    assert settle(there) == ["migrate"]


def test_a_server_in_trouble_is_told_and_asked_again() -> None:
    there = world()
    there.refused = Trouble("JobRefused", "failed calling webhook", passing=True)
    for _ in range(3):
        there.reconcile()
    assert "failed calling webhook" in there.status.conditions[0].message
    assert isinstance(there.reconcile(), Act)
    there.refused = None
    settle(there)
    assert (reason(there), there.status.operation and there.status.operation.retries) == ("Succeeded", 0)


def test_a_server_in_trouble_does_not_keep_an_operation_from_ending() -> None:
    there = world(operationDeadlineSeconds=600)
    there.refused = Trouble("JobRefused", "failed calling webhook", passing=True)
    for _ in range(3):
        there.reconcile()
    there.now += timedelta(seconds=601)
    for _ in range(3):
        there.reconcile()
    assert (there.condition("Finished"), reason(there)) == ("True", "DeadlineExceeded")
    assert "failed calling webhook" in there.status.conditions[0].message


def test_a_release_that_no_server_takes_ends_with_the_reservation() -> None:
    there = going_back(execution={"backoffLimit": 0})
    until_alive(there, "snapshot")
    there.run(there.created[-1], Reason.SNAPSHOT_FAILED)
    there.refused = Trouble("JobRefused", "failed calling webhook", passing=True)
    for _ in range(4):
        there.reconcile()
    assert there.condition("Finished") == "True"
    there.now += timedelta(seconds=RESERVATION_SECONDS)
    for _ in range(4):
        there.reconcile()
    assert there.status.operation is not None
    assert (there.status.operation.job_name, there.status.operation.reserved_until) == ("", "")


@pytest.mark.parametrize("step", ["migrate", "snapshot"])
def test_a_pod_that_has_not_started_by_the_deadline_is_not_waited_for(step: str) -> None:
    there = (
        going_back(operationDeadlineSeconds=600)
        if step == "snapshot"
        else world(operationDeadlineSeconds=600)
    )
    waiting = until_alive(there, step)
    waiting.starting = True
    decision = there.reconcile()
    for _ in range(5):
        if isinstance(decision, Wait):
            assert decision.until is not None
            assert decision.until <= there.now + timedelta(seconds=30), "no event may come: look again"
        decision = there.reconcile()
    there.now += timedelta(seconds=1801)
    settle(there)
    assert (there.condition("Finished"), reason(there)) == ("True", "DeadlineExceeded")
    assert waiting.job.name not in there.jobs


def test_the_time_of_a_suspension_is_not_the_operations() -> None:
    there = world()
    there.postgres.reserved_by, there.postgres.reserved_until = "other-1", there.now + timedelta(hours=1)
    settle(there, passes=10)
    edit(there, suspend=True)
    settle(there, passes=5)
    there.now += timedelta(hours=12)
    settle(there, passes=5)
    edit(there, suspend=False)
    settle(there)
    assert reason(there) == "Succeeded"


def test_a_person_who_takes_a_suspension_to_approve_is_not_given_the_time_twice() -> None:
    there = at_latest()
    edit(there, target="0002")
    settle(there)
    before = there.status.operation
    edit(there, suspend=True)
    there.reconcile()
    there.now += timedelta(hours=2)
    edit(there, suspend=False)
    there.annotations["switchback.dev/approve"] = there.token
    there.reconcile()
    after = there.status.operation
    assert before is not None
    assert after is not None
    assert after.deadline_time == rfc3339(
        there.now + timedelta(seconds=there.observed().spec.operation_deadline_seconds)  # type: ignore[union-attr]
    )


def test_a_lost_rollback_gives_its_renewed_reservation_back() -> None:
    """The run renews the reservation when it begins; when it is killed, that is what others wait for."""
    there = going_back(execution={"backoffLimit": 0}, snapshot=PG_DUMP)
    lost = until_alive(there, "rollback")
    there.now += timedelta(seconds=RESERVATION_SECONDS + 60)
    lost.ended = True
    assert settle(there) == ["release"]
    assert there.condition("Finished") == "True"


DENY = {"policy": "Deny", "dataLossPolicy": "Allow"}
NONE = {"none": {"acknowledge": True}}


def test_a_job_that_was_named_is_not_created_against_what_the_spec_says_by_now() -> None:
    there = going_back(snapshot=NONE)
    while there.status.operation is None or there.status.operation.step != "rollback":
        for name in there.jobs:
            there.run(name)
        there.reconcile()
    assert there.status.operation.job_name not in there.created
    edit(there, rollback=DENY)  # while the operator was away, or the API server took no Job
    assert settle(there) == ["release"]
    assert reason(there) == "RollbackDenied"
    assert there.postgres.applied == ["0001", "0002", "0003"]


def test_a_job_that_cannot_start_is_not_described_anew_against_what_the_spec_says_by_now() -> None:
    there = going_back(snapshot=NONE)
    stuck = until_alive(there, "rollback")
    stuck.trouble = Trouble("ImagePullFailed", "no such image")
    there.reconcile()
    edit(there, rollback=DENY)
    assert settle(there) == ["release"]
    assert reason(there) == "RollbackDenied"
    assert stuck.job.name not in there.jobs
    assert there.postgres.applied == ["0001", "0002", "0003"]


@pytest.mark.parametrize("limit", [0, 3])
def test_what_gives_way_to_a_new_intent_before_it_could_start_has_not_failed(limit: int) -> None:
    there = world(execution={"backoffLimit": limit})
    stuck = until_alive(there, "migrate")
    stuck.trouble = Trouble("ImagePullFailed", "no such image")
    there.reconcile()
    edit(there, target="0001")
    settle(there)
    assert [str(one.outcome) for one in there.status.history] == ["Superseded", "Succeeded"]
