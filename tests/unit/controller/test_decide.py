"""Stories of one resource, told pass by pass: which Jobs come, in which order, and what the status says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from switchback.api.status import Status
from switchback.contract.reasons import Reason
from switchback.controller.decision import Act, CreateJob, DeleteJob, Hold, Settle, Wait, WriteIntent
from switchback.controller.observed import Trouble
from tests.property.test_decide import SPEC
from tests.property.world import World

PG_DUMP = {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}}}


def world(**spec: Any) -> World:
    return World(
        spec={"snapshot": PG_DUMP, "rollback": {"dataLossPolicy": "RequireApproval"}, **SPEC, **spec}
    )


def settle(world: World, passes: int = 60, outcomes: dict[str, str] | None = None) -> list[str]:
    """Runs until nothing is left to do. Gives the steps of the Jobs that were created, in order."""
    before = len(world.created)
    for _ in range(passes):
        for name, job in list(world.jobs.items()):
            if not job.ended:
                world.run(name, (outcomes or {}).pop(job.job.step, "works"))
        status = world.status
        decision = world.reconcile()
        if isinstance(decision, Settle) and status == world.status:
            break
        if isinstance(decision, Wait) and decision.until is not None and not world.token:
            world.tick(decision)
        elif isinstance(decision, Wait) and world.token:
            break
    return [name.split("-")[-2] for name in world.created[before:]]


def approve(world: World) -> None:
    world.annotations["switchback.dev/approve"] = world.token


def reason(world: World, kind: str = "Ready") -> str:
    return next(c.reason for c in world.status.conditions if c.type == kind)


def at_latest() -> World:
    there = world()
    settle(there)
    return there


def test_the_common_case_is_one_job_and_one_intent() -> None:
    there = world()
    first = there.reconcile()
    assert isinstance(first, WriteIntent)
    assert there.reconcile() == Act(Hold())
    third = there.reconcile()
    assert isinstance(third, Act)
    assert isinstance(third.action, CreateJob)
    assert settle(there) == []
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert (there.condition("Ready"), there.condition("Finished")) == ("True", "True")


@pytest.mark.parametrize(
    "edit",
    [{"reason": "because"}, {"jobHistoryLimit": 1}, {"operationDeadlineSeconds": 9}, {"suspend": True}],
)
def test_what_is_no_intent_starts_nothing(edit: dict[str, Any]) -> None:
    there = at_latest()
    there.spec = {**there.spec, **edit}
    there.generation += 1
    assert settle(there) == []
    assert there.condition("Ready") == "True"
    assert there.status.observed_generation == there.generation


def test_a_rollback_waits_for_consent_then_takes_a_snapshot_first() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    assert settle(there) == ["migrate"], "the run that finds out; it changes nothing"
    assert reason(there) == "AwaitingApproval"
    assert there.postgres.applied == ["0001", "0002", "0003"]
    approve(there)
    assert settle(there) == ["reserve", "snapshot", "rollback"]
    assert there.postgres.applied == ["0001", "0002"]
    assert there.status.history[-1].outcome == "Succeeded"
    assert there.condition("SnapshotReady") == "True"


def test_a_token_of_another_plan_approves_nothing() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    approve(there)
    there.spec = {**there.spec, "target": "0001"}
    assert settle(there) == ["migrate"]
    assert reason(there) == "AwaitingApproval"


def test_an_approval_by_commit_counts() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    there.spec = {**there.spec, "approval": {"approvedPlan": there.token}}
    there.generation += 1
    assert settle(there) == ["reserve", "snapshot", "rollback"]


def test_an_approval_that_nobody_gives_expires() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "approval": {"timeoutSeconds": 60}}
    settle(there)
    there.now += timedelta(seconds=61)
    settle(there)
    assert (there.condition("Stalled"), reason(there)) == ("True", "ApprovalExpired")
    assert there.status.history[-1].outcome == "Expired"


def test_the_time_that_people_take_is_not_the_operations() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "operationDeadlineSeconds": 100}
    settle(there)
    there.now += timedelta(hours=5)
    approve(there)
    assert settle(there) == ["reserve", "snapshot", "rollback"]


def test_a_plan_that_moved_needs_its_own_restore_point() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0001", "rollback": {"dataLossPolicy": "Allow"}}
    while "snapshot" not in [name.split("-")[-2] for name in there.created]:
        there.reconcile()
        for name in there.jobs:
            there.run(name)
    there.reconcile()  # the snapshot is sealed; now the reservation runs out and somebody migrates
    first = there.status.operation.snapshot_name if there.status.operation else ""
    there.now += timedelta(seconds=900)
    there.postgres.applied.append("0004")
    steps = settle(there)
    assert steps[-3:] == ["reserve", "snapshot", "rollback"]
    assert there.status.operation is not None
    assert there.status.operation.snapshot_name not in {"", first}
    assert there.postgres.applied == ["0001"]


@pytest.mark.parametrize("failure", [Reason.SNAPSHOT_VOLUME_FULL, Reason.SNAPSHOT_CLIENT_TOO_OLD])
def test_without_a_restore_point_no_rollback_and_the_reservation_is_given_back(failure: Reason) -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    assert settle(there, outcomes={"snapshot": failure}) == ["migrate", "reserve", "snapshot", "release"]
    assert (there.condition("Stalled"), reason(there)) == ("True", failure)
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert there.postgres.reserved_by == ""
    assert there.condition("SnapshotReady") == "False"


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("snapshot", [PG_DUMP, {"none": {"acknowledge": True}}])
def test_a_wrong_clock_of_the_databases_server_repeats_nothing(hours: int, snapshot: dict[str, Any]) -> None:
    there = at_latest()
    there.postgres.clock_error = timedelta(hours=hours)
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    there.spec["snapshot"] = snapshot
    taken = [step for step in settle(there) if step != "snapshot"]
    assert taken == ["migrate", "reserve", "rollback"]
    assert there.postgres.applied == ["0001", "0002"]


def test_a_snapshot_pod_that_never_starts_ends_with_its_trouble_as_reason() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    there.spec["snapshot"] = {**PG_DUMP, "deadlineSeconds": 30}
    for _ in range(40):
        for name, job in list(there.jobs.items()):
            if job.job.step == "snapshot":
                job.trouble = Trouble("VolumeClaimMissing", 'persistentvolumeclaim "backups" not found')
            there.run(name)
        there.tick(there.reconcile())
    assert (there.condition("Stalled"), reason(there)) == ("True", "VolumeClaimMissing")
    assert not [name for name in there.created if "rollback" in name]
    assert there.postgres.reserved_by == ""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"snapshot": None}, "SnapshotRequired"),
        ({"rollback": {"policy": "Deny"}}, "RollbackDenied"),
        ({"rollback": {"dataLossPolicy": "Deny"}}, "DataLossDenied"),
    ],
)
def test_what_may_not_be_rolled_back_is_not_even_asked_about(spec: dict[str, Any], expected: str) -> None:
    there = at_latest()
    there.spec = {key: value for key, value in {**there.spec, "target": "0002", **spec}.items() if value}
    assert settle(there) == ["migrate"]
    assert (there.condition("Stalled"), reason(there)) == ("True", expected)
    assert there.status.approval is None


def test_a_client_image_of_the_servers_major_must_be_known() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    observed = there.observed
    there.observed = lambda: type(observed())(  # type: ignore[method-assign]
        **{
            **{f: getattr(observed(), f) for f in observed().__slots__},
            "client_images": {"15": "postgres:15"},
        }
    )
    settle(there)
    assert reason(there) == "ClientImageMissing"


def test_a_lost_result_is_looked_into_before_anything_else() -> None:
    there = world()
    assert settle(there, outcomes={"migrate": "silent"}) == ["migrate", "inspect"]
    assert there.condition("Ready") == "True"


def test_a_job_deleted_by_hand_while_running_is_looked_into() -> None:
    there = world()
    [there.reconcile() for _ in range(4)]
    (name,) = there.created
    there.vanish(name)
    assert isinstance(there.reconcile(), Wait), "its pod may still be at work"
    there.sweep()
    assert settle(there) == ["inspect"]
    assert there.condition("Ready") == "True"


def test_the_deletion_of_a_finished_job_starts_nothing() -> None:
    there = at_latest()
    there.jobs.clear()
    assert settle(there) == []


def test_a_wiped_status_finds_the_truth_and_repeats_nothing() -> None:
    there = at_latest()
    there.status = Status()
    assert settle(there) == ["migrate"]
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert there.condition("Ready") == "True"


def test_a_failure_stays_until_the_intent_or_the_spec_changes() -> None:
    there = world()
    assert settle(there, outcomes={"migrate": Reason.SQL_FAILED}) == ["migrate"]
    assert (there.condition("Stalled"), reason(there)) == ("True", "SQLFailed")
    entry = there.status.history[-1]
    assert (entry.direction, entry.to) == ("Forward", "0003"), "as the failed run has told"
    assert settle(there) == []
    there.files = (*there.files, "0004")  # the ConfigMap was mended: no new generation
    assert settle(there) == ["migrate"]
    assert there.condition("Ready") == "True"


def test_a_failure_that_may_pass_is_tried_again_within_its_limit() -> None:
    there = world(execution={"backoffLimit": 2})
    for attempt in range(1, 4):
        for _ in range(6):
            decision = there.reconcile()
            if [job for job in there.jobs.values() if not job.ended]:
                break
            there.tick(decision)
        there.run(there.created[-1], Reason.AUTHENTICATION_FAILED)
        there.reconcile()
        assert reason(there, "SchemaReady") == "AuthenticationFailed"
        assert there.condition("Stalled") == ("True" if attempt == 3 else "False")
    assert len(there.created) == 3


def test_the_source_behind_the_ledger_undoes_nothing() -> None:
    there = at_latest()
    there.files = there.files[:2]
    assert settle(there) == ["migrate"]
    assert (there.condition("Stalled"), reason(there)) == ("True", "SourceBehindLedger")
    assert there.postgres.applied == ["0001", "0002", "0003"]


def test_a_new_intent_does_not_kill_a_running_migration() -> None:
    there = world()
    [there.reconcile() for _ in range(3)]
    there.spec = {**there.spec, "target": "0001"}
    for _ in range(5):
        assert not isinstance(there.reconcile(), Act)
    there.run(there.created[0])
    assert settle(there)[0] == "migrate"


def test_a_new_intent_ends_a_job_that_has_not_started() -> None:
    there = world()
    [there.reconcile() for _ in range(4)]
    there.jobs[there.created[0]].trouble = Trouble("ImagePullFailed", "no such image")
    there.spec = {**there.spec, "target": "0001"}
    decision = there.reconcile()
    assert isinstance(decision, Act)
    assert isinstance(decision.action, DeleteJob)
    assert settle(there) == ["migrate"]
    assert there.postgres.applied == ["0001"]


def test_finished_jobs_beyond_the_limit_are_dropped_once_the_outcome_is_stored() -> None:
    there = world(jobHistoryLimit=1)
    settle(there)
    for version in ("0002", "latest", "0002"):
        there.spec = {**there.spec, "target": version, "rollback": {"dataLossPolicy": "Allow"}}
        settle(there)
    assert len(there.jobs) == 1


def test_a_missing_config_map_is_waited_for() -> None:
    there = world()
    there.source_problem = Trouble("ConfigMapMissing", 'ConfigMap "shop-migrations" does not exist')
    decision = there.reconcile()
    assert isinstance(decision, Wait)
    assert reason(there, "SchemaReady") == "ConfigMapMissing"
    there.source_problem = None
    assert settle(there) == ["migrate"]


def test_a_job_that_the_api_server_refuses_is_tried_again_and_then_given_up() -> None:
    there = world(execution={"backoffLimit": 1})
    there.refused = Trouble("JobRefused", "exceeded quota: pods")
    settle(there)
    assert (there.condition("Stalled"), reason(there)) == ("True", "JobRefused")
    there.refused = None
    there.generation += 1
    assert settle(there) == ["migrate"]
    assert there.condition("Ready") == "True"


def test_a_pod_that_can_never_start_is_not_waited_for() -> None:
    there = world()
    [there.reconcile() for _ in range(3)]
    there.jobs[there.created[0]].trouble = Trouble("ImagePullFailed", "InvalidImageName", fatal=True)
    settle(there)
    assert (there.condition("Stalled"), reason(there)) == ("True", "ImagePullFailed")
    assert not there.jobs, "the Job that cannot start is gone"


def test_a_source_that_never_fits_is_asked_ever_more_rarely() -> None:
    there = world()
    begun = there.now
    for _ in range(60):
        for name, job in there.jobs.items():
            there.run(name, Reason.SOURCE_MOVED if job.job.step == "migrate" else "works")
        there.tick(there.reconcile())
    assert (there.now - begun).total_seconds() / len(there.created) > 5, "seconds per Job"


def test_a_wrong_token_is_answered() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    there.annotations["switchback.dev/approve"] = "deadbeefdeadbeef"
    settle(there)
    assert (there.condition("Approved"), reason(there, "Approved")) == ("False", "TokenMismatch")
    approve(there)
    settle(there)
    assert reason(there, "Approved") == "Approved"


def test_a_waived_snapshot_and_a_plan_without_risk_are_told() -> None:
    there = world(snapshot={"none": {"acknowledge": True}}, rollback={"dataLossPolicy": "Allow"})
    settle(there)
    there.spec = {**there.spec, "target": "0002"}
    assert settle(there) == ["migrate", "reserve", "rollback"]
    assert (there.condition("SnapshotReady"), reason(there, "SnapshotReady")) == ("False", "SnapshotWaived")
    assert (there.condition("Approved"), reason(there, "Approved")) == ("True", "ApprovalNotRequired")
