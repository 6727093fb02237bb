"""The stories: the operator's own decisions, case by case. What they say is what `decide` says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from switchback.api import names
from switchback.api.status import ApprovalState, Status, Want
from switchback.contract.words import Direction, Operation, Risk
from switchback.controller.intent import approval_token
from switchback.controller.observed import Job, Namespace, Pod, PolicyState, Source, Trouble
from switchback.explain.files import files_of
from switchback.explain.scenes import EndingKind, SceneKind
from switchback.explain.stories import Stage, Told, backward, stories
from tests.unit.explain.build import (
    DUMP,
    FILES,
    NONE,
    SETTINGS,
    at,
    config_map,
    files,
    reasons,
    spec,
    stage,
    steps,
)


def told(*args: Any, **more: Any) -> list[Told]:
    return stories(stage(*args, **more))


def test_one_job_in_the_common_case() -> None:
    forward, _back = told(spec())
    assert steps(forward) == ["migrate"]
    assert forward.story.ending.kind is EndingKind.REACHED
    assert forward.refusals == ()


def test_the_way_back() -> None:
    _forward, back = told(spec(snapshot=DUMP))
    assert steps(back) == ["migrate", "reserve", "snapshot", "rollback"]
    assert back.asks_when_risky
    assert back.risky is not None
    assert [scene.kind for scene in back.risky.scenes][1] is SceneKind.APPROVAL


def test_every_refusal_is_told_not_only_the_first() -> None:
    wanted = spec(rollback={"policy": "Deny", "reasonPolicy": "Required", "dataLossPolicy": "Deny"})
    forward, back = told(wanted)
    assert reasons(forward) == []
    assert reasons(back) == [
        "RollbackDenied", "ReasonRequired", "SnapshotRequired", "DataLossDenied if it loses data"
    ]  # fmt: skip
    assert steps(back) == ["migrate"], "the story itself ends where the operator would"


@pytest.mark.parametrize(
    ("policy", "steps_of", "refused"),
    [
        ("Refuse", ["migrate"], ["SourceBehindLedger"]),
        ("Keep", ["migrate"], []),
        ("Rollback", ["migrate", "reserve", "rollback"], []),
    ],
)
def test_a_database_that_is_ahead(policy: str, steps_of: list[str], refused: list[str]) -> None:
    source = {"image": {"reference": "x"}, "aheadPolicy": policy}
    _behind, ahead = told(spec(target="latest", source=source, snapshot=NONE))
    assert (steps(ahead), reasons(ahead)) == (steps_of, refused)


@pytest.mark.parametrize(
    ("approval", "labels", "forward_steps", "back_steps"),
    [
        (
            {"migratePolicy": "Manual"},
            "",
            ["inspect", "Approval", "migrate"],
            ["inspect", "rollback"],  # an inspection that nobody has to follow reserves at once
        ),
        ({"rollbackPolicy": "Manual"}, "", ["migrate"], ["migrate", "Approval", "reserve", "rollback"]),
        ({}, "rollback", ["migrate"], ["migrate", "Approval", "reserve", "rollback"]),
        (
            {},
            "migrate.rollback",
            ["inspect", "Approval", "migrate"],
            ["inspect", "Approval", "reserve", "rollback"],
        ),
    ],
)
def test_who_is_asked(
    approval: dict[str, str], labels: str, forward_steps: list[str], back_steps: list[str]
) -> None:
    around = Namespace({names.LABEL_REQUIRE_APPROVAL: labels} if labels else {})
    forward, back = told(spec(approval=approval, snapshot=NONE), around=around)
    assert (steps(forward), steps(back)) == (forward_steps, back_steps)


def test_no_approval_counts_without_the_policy() -> None:
    wanted = spec(approval={"migratePolicy": "Manual"})
    forward, _back = told(wanted, approval_policy=PolicyState.MISSING)
    assert reasons(forward) == ["ApprovalPolicyMissing"]


def test_no_client_image_for_the_server() -> None:
    wanted = spec(snapshot=DUMP, target="0001")
    (back,) = told(wanted, at(spec(), "0001", "0002", server=150000))
    assert reasons(back) == ["ClientImageMissing"]
    _forward, unseen = told(wanted)
    assert reasons(unseen) == ["ClientImageMissing if the server is PostgreSQL 15 or 16 or 17"]


def test_a_way_back_that_the_files_do_not_hold() -> None:
    wanted = spec(source=FILES, target="0001_a", snapshot=NONE)
    content = config_map("0001_a", "0003_c", **{"0002_b.up.sql": "SELECT 1;"})
    source = files_of(wanted, {"shop-files": content})
    (back,) = told(wanted, at(spec(source=FILES), "0001_a", "0002_b", "0003_c"), source)
    assert reasons(back) == ["NoDown"]
    assert "0002_b" in back.refusals[0].message
    _forward, unseen = told(wanted, source=source)
    assert reasons(unseen) == ["NoDown if it is applied"]


def test_suspended_and_what_comes_after() -> None:
    forward, _back = told(spec(suspend=True))
    assert forward.suspended
    assert steps(forward) == ["migrate"]


def test_nothing_to_do() -> None:
    wanted = spec()
    (one,) = told(wanted, at(wanted, "0001", "0002"))
    assert steps(one) == []
    assert one.story.ending.kind is EndingKind.REACHED
    assert not one.story.is_new


def test_a_new_target_begins_an_operation() -> None:
    was, wanted = spec(), spec(target="0001", snapshot=NONE)
    (back,) = told(wanted, at(was, "0001", "0002"))
    assert steps(back) == ["migrate", "reserve", "rollback"]
    assert back.story.is_new
    assert back.story.pattern(back.story.scenes[0].name) == "shop-<operation>-migrate-1"


def test_a_missing_config_map_does_not_hide_the_rest() -> None:
    wanted = spec(source=FILES)
    gone = files(wanted, "0001", "0002")
    gone = replace(
        gone, source=Source(problem=Trouble("ConfigMapMissing", "ConfigMap shop-files is missing"))
    )
    forward, _back = told(wanted, source=gone)
    assert steps(forward) == ["migrate"]


def waiting(**more: Any) -> tuple[Stage, str]:
    """A rollback that waits for a person, and its token."""
    wanted = spec(target="0001", snapshot=NONE)
    before = at(wanted, "0001", "0002")
    assert before.operation is not None
    risks = (Risk.DATA_LOSS,)
    operation = before.operation.model_copy(
        update={
            "id": "abc-2", "target": "0001", "to": "0001", "from_": "0002", "direction": Direction.BACKWARD,
            "reached": False, "plan_digest": "p1:x", "risks": risks, "step": Operation.MIGRATE,
            "deadline_time": "2026-01-01T02:00:00Z",
        }
    )  # fmt: skip
    token = approval_token("abc-2", "p1:x", tuple(risks))
    approval = ApprovalState(
        token=token, wants=(Want.ROLLBACK,), risks=risks, request_time="2026-01-01T00:00:00Z",
        deadline_time="2026-01-02T00:00:00Z",
    )  # fmt: skip
    status = before.model_copy(update={"operation": operation, "approval": approval})
    return stage(wanted, Status.model_validate(status.to_json()), **more), token


def test_what_waits_goes_on_when_it_is_approved() -> None:
    here, token = waiting()
    (one,) = stories(here)
    assert steps(one) == ["Approval", "reserve", "rollback"]
    assert not one.story.is_new
    assert one.story.scenes[1].name == "shop-abc-2-reserve-2", "its name is known"
    approved, _token = waiting(
        annotations={names.ANNOTATION_APPROVE: token, names.ANNOTATION_APPROVED_BY: "ann"}
    )
    assert steps(stories(approved)[0]) == ["reserve", "rollback"]
    rejected, _token = waiting(annotations={names.ANNOTATION_REJECT: token})
    assert reasons(stories(rejected)[0]) == ["ApprovalRejected"]


def test_an_abort_ends_what_waits() -> None:
    aborted, _token = waiting(annotations={names.ANNOTATION_ABORT: "abc-2/1"})
    (one,) = stories(aborted)
    assert (steps(one), one.story.ending.kind) == ([], EndingKind.ABORTED)


def test_a_rollback_on_request() -> None:
    wanted = spec(snapshot=NONE)
    status = at(wanted, "0001", "0002")
    assert status.operation is not None
    annotations = {names.ANNOTATION_ROLLBACK: f"0001/{status.operation.intent_digest}"}
    (one,) = told(wanted, status, annotations=annotations)
    assert one.known.target == "0001"
    # Without anything that could refuse it, the inspection reserves at once.
    assert steps(one) == ["inspect", "rollback"]
    assert one.story.ending.kind is EndingKind.ROLLED_BACK


def running(step: Operation = Operation.MIGRATE, **pod: Any) -> Stage:
    """An operation whose Job is there."""
    wanted = spec(target="0003")
    before = at(wanted, "0001", "0002")
    assert before.operation is not None
    name = f"shop-abc-2-{step}-1"
    operation = before.operation.model_copy(
        update={
            "id": "abc-2", "target": "0003", "to": "0003", "step": step, "job_name": name, "job_uid": "j",
            "reached": False, "direction": None, "generation": 2, "deadline_time": "2026-01-01T02:00:00Z",
        }
    )  # fmt: skip
    here = stage(wanted, Status.model_validate(before.model_copy(update={"operation": operation}).to_json()))
    pods = (Pod(f"{name}-x", "p", name, ended=False, **pod),)
    job = Job(name, "j", "abc-2", step, 1, here.world.now, finished=False, pods=pods)
    return replace(here, world=replace(here.world, jobs=(job,), finalizers=(names.FINALIZER,)))


def test_a_job_that_runs_comes_to_its_end() -> None:
    (one,) = stories(running(started=True))
    assert [scene.kind for scene in one.story.scenes] == [SceneKind.RUNNING]
    assert one.story.ending.kind is EndingKind.REACHED


def test_a_job_that_cannot_start_is_told() -> None:
    trouble = Trouble("ImagePullFailed", "image nowhere:1: not found")
    (one,) = stories(running(trouble=trouble))
    assert reasons(one) == ["ImagePullFailed"]


def test_another_wish_waits_for_the_job_that_runs() -> None:
    here = running(started=True)
    wanted = spec(target="0004")
    moved = replace(here, spec=wanted, world=replace(here.world, spec=wanted))
    (one,) = stories(moved)
    assert [str(scene.kind) for scene in one.story.scenes] == ["RunningJob", "Job"]


def test_a_preview_is_a_look_beside() -> None:
    wanted = spec()
    (one,) = told(wanted, at(wanted, "0001", "0002"), annotations={names.ANNOTATION_PREVIEW: "0001/1"})
    assert [str(scene.kind) for scene in one.story.scenes] == ["Look"]


def test_a_look_of_a_new_resource_has_no_name_yet() -> None:
    forward, _back = told(spec(), annotations={names.ANNOTATION_PREVIEW: "0001"})
    assert forward.story.pattern(forward.story.scenes[0].name) == "shop-<look>-inspect-1"


def test_everything_that_the_way_back_would_need() -> None:
    wanted = spec(target="latest", rollback={"policy": "Deny"}, suspend=True)
    scenes = backward(stage(wanted)).scenes
    assert [scene.step for scene in scenes] == [Operation.MIGRATE, Operation.RESERVE, Operation.ROLLBACK]


def test_jobs_are_those_of_the_operator() -> None:
    forward, _back = told(spec(jobTemplate={"spec": {"serviceAccountName": "migrator"}}))
    pod = forward.story.scenes[0].manifest["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "migrator"
    assert pod["containers"][0]["image"] == SETTINGS.runner_image
