from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.controller.pods import TROUBLE_BYTES, jobs_of, pod_from
from tests.unit.controller.build import NOW, UID, Object, container, ended_pod, job, pod, result


def trouble(**status: Any) -> tuple[str, str]:
    found = pod_from(pod(**status), NOW).trouble
    return (found.reason, found.message) if found is not None else ("", "")


def waiting(reason: str, message: str = "", name: str = "switchback") -> Object:
    return container(name, waiting={"reason": reason, "message": message})


def ended(code: int = 1, reason: str = "Error", message: str = "", name: str = "switchback") -> Object:
    return container(name, terminated={"exitCode": code, "reason": reason, "message": message})


def test_the_result_of_an_ended_container_is_read_before_the_pod_is_over() -> None:
    seen = pod_from(ended_pod(result()), NOW)
    assert (seen.ended, seen.exit_code, seen.trouble) == (True, 0, None)
    assert seen.result == result()


def test_a_result_that_contradicts_the_exit_code_is_none() -> None:
    killed = ended_pod(result())
    killed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = 137
    seen = pod_from(killed, NOW)
    assert (seen.ended, seen.result) == (True, None)
    assert seen.trouble is not None
    assert seen.trouble.reason == "ResultContradictory"
    assert "code 137 and its result says 0" in seen.trouble.message


def test_only_the_container_of_that_name_is_asked() -> None:
    sidecar = ended(0, "Completed", "a sidecar's last words", name="mesh")
    seen = pod_from(pod(phase="Running", containerStatuses=[sidecar, container(running={})]), NOW)
    assert (seen.ended, seen.result, seen.trouble) == (False, None, None)


def test_a_sidecar_that_lives_on_does_not_keep_the_run_alive() -> None:
    whole = ended_pod(result())
    whole["status"]["containerStatuses"].append(container("mesh", running={}))
    assert pod_from(whole, NOW).ended


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_is_over_without_a_word_has_ended(phase: str) -> None:
    seen = pod_from(pod(phase=phase), NOW)
    assert (seen.ended, seen.result) == (True, None)


WRONG_TYPES = [
    '{"v":1,"operation":"migrate","reason":"Succeeded","operation_id":"x","at":"","current":[]}',
    '{"v":1,"operation":"migrate","reason":"Succeeded","operation_id":{},"at":""}',
    '{"v":1,"operation":"migrate","reason":"Succeeded","at":"","pending":"many"}',
    '{"v":1,"operation":"migrate","reason":"Succeeded","at":"","pending":true}',
    '{"v":1,"operation":"migrate","reason":"Succeeded","at":"","risks":3}',
    '{"v":1,"operation":"migrate","reason":"Succeeded","at":"","database":{"name":"a","version":"180000"}}',
    '{"v":1,"operation":"snapshot","reason":"Succeeded","at":"","snapshot":"all"}',
]


@pytest.mark.parametrize(
    "message", ["", "killed", '{"v":99}', '{"v":1}', "null", "[]", '"text"', *WRONG_TYPES]
)
def test_words_that_are_no_result_are_no_result(message: str) -> None:
    seen = pod_from(pod(phase="Failed", containerStatuses=[ended(137, message=message)]), NOW)
    assert (seen.ended, seen.result, seen.exit_code) == (True, None, 137)
    assert seen.trouble is not None
    assert seen.trouble.reason == "ResultLost"
    assert "code 137" in seen.trouble.message


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("ErrImagePull", "not found", "ImagePullFailed"),
        ("ImagePullBackOff", "Back-off pulling image", "ImagePullFailed"),
        ("InvalidImageName", "couldn't parse image name", "ImagePullFailed"),
        ("CreateContainerError", "no such device", "ContainerNotStarted"),
        ("CreateContainerConfigError", 'secret "shop-db" not found', "SecretMissing"),
        (
            "CreateContainerConfigError",
            "couldn't find key DATABASE_URL in Secret shop/shop-db",
            "SecretKeyMissing",
        ),
        ("CreateContainerConfigError", 'configmap "env" not found', "ConfigMapMissing"),
        ("CreateContainerConfigError", "couldn't find key A in ConfigMap shop/env", "ConfigMapMissing"),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            "ContainerNotStarted",
        ),
    ],
)
@pytest.mark.parametrize("place", ["containerStatuses", "initContainerStatuses"])
def test_trouble_is_told_while_it_happens(reason: str, message: str, expected: str, place: str) -> None:
    assert trouble(**{place: [waiting(reason, message, name="prepare")]})[0] == expected


def test_a_missing_key_is_named_with_its_secret() -> None:
    message = "couldn't find key DATABASE_URL in Secret shop/shop-db"
    told = trouble(containerStatuses=[waiting("CreateContainerConfigError", message)])
    assert told[1] == "Secret shop-db has no key DATABASE_URL"


def test_starting_is_no_trouble() -> None:
    for reason in ("ContainerCreating", "PodInitializing"):
        assert trouble(containerStatuses=[waiting(reason)]) == ("", "")
    assert trouble() == ("", "")


def test_a_claim_that_is_missing_is_told_from_other_reasons_not_to_be_scheduled() -> None:
    def unscheduled(message: str) -> tuple[str, str]:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        return trouble(conditions=[condition])

    text = '0/1 nodes are available: persistentvolumeclaim "points" not found. not found'
    assert unscheduled(text) == ("VolumeClaimMissing", "PersistentVolumeClaim points does not exist")
    assert unscheduled("0/1 nodes are available: 1 Insufficient cpu.")[0] == "Unschedulable"


def test_nothing_is_trouble_while_the_run_runs() -> None:
    """What is in trouble may be deleted, and a run that changes the database must not be."""
    crashing = waiting("CrashLoopBackOff", "back-off 10s", name="mesh")
    gone = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    status: dict[str, Any] = {
        "phase": "Running",
        "initContainerStatuses": [crashing],
        "containerStatuses": [container(running={"startedAt": "2026-01-01T12:00:00Z"})],
        "conditions": [gone],
    }
    assert trouble(**status) == ("", "")


def test_a_sidecar_that_is_restarted_is_no_lost_node() -> None:
    """It makes its pod unready as well, and the pod is there."""
    gone = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T11:59:00Z"}
    sidecar = container(name="check-buy", running={"startedAt": "2026-01-01T11:59:59Z"}) | {"ready": False}
    status = {
        "phase": "Running",
        "initContainerStatuses": [sidecar],
        "containerStatuses": [container(running={"startedAt": "2026-01-01T11:50:00Z"}) | {"ready": True}],
        "conditions": [gone],
    }
    assert trouble(**status) == ("", "")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted"),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, "DeadlineExceeded"),
        ({"phase": "Failed", "reason": "NodeLost"}, "NodeLost"),
        (
            {
                "phase": "Failed",
                "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC"}],
            },
            "NodeLost",
        ),
        ({"phase": "Failed", "containerStatuses": [ended(137, "OOMKilled")]}, "OutOfMemory"),
        (
            {"phase": "Failed", "containerStatuses": [ended(128, "StartError", "exec format error")]},
            "ContainerNotStarted",
        ),
        ({"phase": "Failed", "initContainerStatuses": [ended(1, name="theirs")]}, "InitContainerFailed"),
        ({"phase": "Failed", "initContainerStatuses": [ended(137, "OOMKilled", name="dump")]}, "OutOfMemory"),
        ({"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no devices"}, "ResultLost"),
    ],
)
def test_how_a_pod_ended_is_told_in_a_word(status: dict[str, Any], expected: str) -> None:
    assert trouble(**status)[0] == expected
    assert pod_from(pod(**status), NOW).ended


def test_a_source_image_without_cp_is_named_as_such() -> None:
    text = 'failed to create containerd task: exec: "cp": executable file not found in $PATH'
    told = pod_from(
        pod(phase="Failed", initContainerStatuses=[ended(128, "StartError", text, name="source")]), NOW
    ).trouble
    assert told is not None
    assert (told.reason, told.fatal) == ("SourceImageUnusable", True)
    assert "has no cp" in told.message


def test_a_source_image_without_the_path_is_named_with_the_words_of_cp() -> None:
    text = "cp: cannot stat '/migrations/.': No such file or directory"
    told = trouble(phase="Failed", initContainerStatuses=[ended(1, "Error", text, name="source")])
    assert told[0] == "SourceImageUnusable"
    assert "/migrations" in told[1]


@given(st.text(max_size=2000))
def test_messages_are_bounded_and_of_one_line(text: str) -> None:
    message = trouble(containerStatuses=[waiting("ErrImagePull", text)])[1]
    assert len(message.encode()) <= TROUBLE_BYTES
    assert "\n" not in message


def test_jobs_get_their_pods_and_what_is_left_is_stray() -> None:
    mine = [job("j2", uid="b"), job("j1", uid="a")]
    pods = [pod(job_uid="a", name="p1"), pod(job_uid="gone", name="p2")]
    jobs, strays = jobs_of(UID, mine, pods, NOW)
    assert [(one.name, [p.name for p in one.pods]) for one in jobs] == [("j1", ["p1"]), ("j2", [])]
    assert [one.name for one in strays] == ["p2"]


def test_jobs_of_another_life_or_another_release_are_left_out() -> None:
    other = job("other")
    other["metadata"]["ownerReferences"][0]["uid"] = "an earlier resource of this name"
    assert jobs_of(UID, [other, job("new", step="tomorrow")], [], NOW) == ((), ())


def test_what_a_job_says_about_itself() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    seen = jobs_of(UID, [job(conditions=[failed])], [ended_pod(result(Reason.SQL_FAILED, exit_code=8))], NOW)[
        0
    ][0]
    assert (seen.step, seen.attempt, seen.finished, seen.failure) == (
        Operation.MIGRATE,
        2,
        True,
        "BackoffLimitExceeded",
    )
    assert seen.created.isoformat() == "2026-01-01T11:59:00+00:00"
    assert seen.ended
    assert seen.result is not None
    assert seen.result.reason is Reason.SQL_FAILED


def test_a_condition_that_is_not_true_ends_nothing() -> None:
    seen = jobs_of(UID, [job(conditions=[{"type": "Complete", "status": "False"}])], [], NOW)[0][0]
    assert not seen.finished


def test_two_pods_that_say_different_things_have_said_nothing() -> None:
    pods = [ended_pod(result(message="one"), name="p1"), ended_pod(result(message="two"), name="p2")]
    assert jobs_of(UID, [job()], pods, NOW)[0][0].result is None


@pytest.mark.parametrize(
    "line", ["[[]]", '{"d":"Forward","id":[],"s":"Data","l":[]}', '{"d":"Forward","id":"1"']
)
def test_a_step_or_a_tail_that_is_none_is_counted_as_omitted(line: str) -> None:
    core = '{"v":1,"operation":"migrate","reason":"Succeeded","operation_id":"x","at":""}'
    seen = pod_from(pod(phase="Failed", containerStatuses=[ended(0, message=f"{core}\n{line}")]), NOW)
    assert seen.result is not None
    assert (seen.result.applied_tail, seen.result.steps, seen.result.steps_omitted) == ((), (), 1)


def test_a_pod_that_only_names_a_job_is_not_the_jobs() -> None:
    foreign = ended_pod(result())
    del foreign["metadata"]["ownerReferences"][0]["controller"]
    jobs, strays = jobs_of(UID, [job()], [foreign], NOW)
    assert (jobs[0].pods, len(strays)) == ((), 1)


def test_a_job_that_gets_no_pod_says_where_to_look() -> None:
    (early,), _ = jobs_of(UID, [job()], [], NOW - timedelta(seconds=40))
    (late,), _ = jobs_of(UID, [job()], [], NOW)
    (over,), _ = jobs_of(UID, [job(conditions=[{"type": "Failed", "status": "True"}])], [], NOW)
    assert (early.trouble, over.trouble) == (None, None)
    assert late.trouble is not None
    assert (late.trouble.reason, late.started) == ("PodNotCreated", False)
    assert "kubectl describe job j" in late.trouble.message


def test_a_pod_that_waits_for_its_volumes_says_where_to_look() -> None:
    placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T11:59:00Z"}
    ready = {"type": "PodReadyToStartContainers", "status": "False"}
    creating = [waiting("ContainerCreating")]
    reason, message = trouble(conditions=[placed, ready], containerStatuses=creating)
    assert reason == "VolumeNotMounted"
    assert "kubectl describe pod p" in message
    recent = {**placed, "lastTransitionTime": "2026-01-01T11:59:50Z"}
    assert trouble(conditions=[recent, ready], containerStatuses=creating) == ("", "")
    pulling = {**ready, "status": "True"}
    assert trouble(conditions=[placed, pulling], containerStatuses=creating) == ("", ""), "it pulls its image"


def test_a_run_has_started_when_its_container_has() -> None:
    assert not pod_from(pod(containerStatuses=[waiting("ContainerCreating")]), NOW).started
    assert pod_from(pod(phase="Running", containerStatuses=[container(running={})]), NOW).started
    assert pod_from(ended_pod(result()), NOW).started


def stepping(step: str, *parts: Object) -> Object:
    found = pod(phase="Failed", initContainerStatuses=list(parts))
    found["metadata"]["labels"]["switchback.dev/step"] = step
    return found


@pytest.mark.parametrize(
    ("step", "name", "expected", "subject"),
    [
        ("snapshot", "snapshot", "SnapshotCommandFailed", "the command of spec.snapshot.job"),
        ("fence", "fence", "FenceCommandFailed", "the command of spec.snapshot.fence"),
        ("unfence", "fence", "FenceCommandFailed", "the command of spec.snapshot.fence"),
        ("snapshot", "login", "AuthenticationFailed", "making a token"),
        ("migrate", "snapshot", "InitContainerFailed", "container snapshot"),
        ("snapshot", "prepare", "InitContainerFailed", "container prepare"),
    ],
)
def test_a_command_of_somebodys_own_is_told_by_its_code(
    step: str, name: str, expected: str, subject: str
) -> None:
    told = pod_from(stepping(step, ended(7, name=name)), NOW).trouble
    assert told is not None
    assert (told.reason, told.fatal) == (expected, False)
    assert told.message.startswith(subject)
    assert "ended with code 7" in told.message


def test_and_by_the_last_line_of_its_output_without_what_looks_like_a_secret() -> None:
    output = "connecting\npg_basebackup: error: postgresql://shop:hunter2@db/shop: no such\x1b[31m slot\n\n"
    told = pod_from(stepping("snapshot", ended(1, message=output, name="snapshot")), NOW).trouble
    assert told is not None
    assert told.message == (
        "the command of spec.snapshot.job ended with code 1: pg_basebackup: error: postgresql://***@db/shop: "
        "no such [31m slot"
    )
    silent = pod_from(stepping("snapshot", ended(1, name="snapshot")), NOW).trouble
    assert silent is not None
    assert silent.message.endswith("and said nothing")


def test_a_command_that_is_not_there_is_told_in_the_runtimes_words() -> None:
    text = 'exec: "take": executable file not found in $PATH'
    told = pod_from(stepping("snapshot", ended(128, "StartError", text, name="snapshot")), NOW).trouble
    assert told is not None
    assert told.reason == "ContainerNotStarted"
    assert "take" in told.message
