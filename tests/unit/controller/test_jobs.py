from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.api import names
from switchback.api.status import ApprovalState
from switchback.contract.words import BY_RUNNER, Operation, Risk
from switchback.controller.decision import CreateJob
from switchback.controller.jobs import JobError, manifest, owned
from switchback.controller.podspec import literal
from tests.unit.controller.build import HASH, OPERATION, SETTINGS, UID, Object, needed, spec, status, world

if TYPE_CHECKING:
    from switchback.controller.observed import Observed

RUNS = sorted(BY_RUNNER - {Operation.DRAIN})
DUMP = {"pgDump": {"persistentVolumeClaim": {"claimName": "points"}}}


def made(seen: Observed, step: Operation = Operation.MIGRATE) -> Object:
    return manifest(seen, CreateJob(f"shop-{OPERATION}-{step}-1", step, 1), SETTINGS)


def job_for(step: Operation = Operation.MIGRATE, **more: Any) -> Object:
    return made(world(spec(**needed(step), **more), status(step)), step)


def pod_of(job: Object) -> Object:
    pod: Object = job["spec"]["template"]["spec"]
    return pod


def main(job: Object) -> Object:
    return next(one for one in pod_of(job)["containers"] if one["name"] == "switchback")


def argument(job: Object, name: str) -> str | None:
    args = main(job)["args"]
    return args[args.index(name) + 1] if name in args else None


def test_a_job_runs_once_and_belongs_to_the_resource() -> None:
    job = job_for()
    assert job["metadata"]["name"] == f"shop-{OPERATION}-migrate-1"
    assert job["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "switchback.dev/v1alpha1",
            "kind": "DatabaseMigration",
            "name": "shop",
            "uid": UID,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert {key: job["spec"][key] for key in ("backoffLimit", "completions", "podReplacementPolicy")} == {
        "backoffLimit": 0,
        "completions": 1,
        "podReplacementPolicy": "Failed",
    }
    assert pod_of(job)["restartPolicy"] == "Never"
    assert main(job)["terminationMessagePolicy"] == "File"


def test_job_and_pod_carry_the_same_labels_so_that_both_lead_to_the_resource() -> None:
    job = job_for()
    inner = job["spec"]["template"]["metadata"]
    assert job["metadata"]["labels"] == inner["labels"]
    assert inner["labels"] == {
        "app.kubernetes.io/managed-by": "switchback",
        "switchback.dev/uid-hash": HASH,
        "switchback.dev/operation": OPERATION,
        "switchback.dev/step": "migrate",
        "switchback.dev/attempt": "1",
    }
    assert inner["annotations"]["switchback.dev/resource"] == "shop/shop"
    assert inner["annotations"]["switchback.dev/intent-digest"] == "i1:0"


@pytest.mark.parametrize("step", list(Operation))
def test_every_container_of_ours_meets_the_restricted_profile(step: Operation) -> None:
    image = {"image": {"reference": "registry/migrations:1"}}
    pod = pod_of(job_for(step, source=image, snapshot=DUMP))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container["resources"]["requests"]
        assert {"name": "switchback-tmp", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108 - in the pod


def test_a_migration_starts_from_the_wish() -> None:
    job = job_for(target="latest", reason="INC-1", execution={"statementTimeoutSeconds": 9})
    assert main(job)["args"][:3] == ["run", "--operation", "migrate"]
    assert argument(job, "--operation-id") == OPERATION
    assert argument(job, "--target") == "latest"
    assert argument(job, "--dir") == "/switchback/source"
    assert argument(job, "--expect-source") == "f1:files"
    assert argument(job, "--reason") == "INC-1"
    assert argument(job, "--statement-timeout-seconds") == "9"
    assert argument(job, "--lock-timeout-seconds") == "2"
    assert argument(job, "--expect-plan") is None
    assert argument(job, "--accept") is None
    assert argument(job, "--result-file") == "/dev/termination-log"


@pytest.mark.parametrize("step", [Operation.RESERVE, Operation.ROLLBACK])
def test_what_was_planned_is_what_is_reserved_and_run(step: Operation) -> None:
    job = made(world(spec(target="3", snapshot=DUMP), status(step, plan_digest="p1:x")), step)
    assert argument(job, "--target") == "0003"
    assert argument(job, "--expect-plan") == "p1:x"
    assert argument(job, "--reserve-seconds") == str(1800 + 300)


def test_a_rollback_accepts_what_was_approved_and_nothing_else() -> None:
    told = status(Operation.ROLLBACK, plan_digest="p1:x", risks=(Risk.DATA_LOSS,))
    asked = told.model_copy(update={"approval": ApprovalState(token="t", risks=(Risk.DATA_LOSS,))})
    assert argument(made(world(spec(), asked), Operation.ROLLBACK), "--accept") is None
    given = asked.model_copy(
        update={"approval": ApprovalState(token="t", risks=(Risk.DATA_LOSS,), approved_by="ann")}
    )
    job = made(world(spec(), given), Operation.ROLLBACK)
    assert [main(job)["args"][at + 1] for at, word in enumerate(main(job)["args"]) if word == "--accept"] == [
        "DataLoss"
    ]


def test_a_policy_that_allows_losses_accepts_every_risk() -> None:
    job = job_for(Operation.ROLLBACK, rollback={"dataLossPolicy": "Allow"})
    assert main(job)["args"].count("--accept") == len(Risk)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, False),
        ({"snapshot": DUMP}, True),
        ({"snapshot": DUMP, "rollback": {"policy": "Deny"}}, False),
        ({"snapshot": {"none": {"acknowledge": True}}}, True),
    ],
)
def test_an_inspecting_run_reserves_only_what_could_go_on(more: Object, expected: bool) -> None:  # noqa: FBT001 - a case
    assert ("--reserve-unless-risky" in main(job_for(Operation.INSPECT, **more))["args"]) is expected


def test_a_release_needs_no_files_and_waits_for_none() -> None:
    job = job_for(Operation.RELEASE)
    assert argument(job, "--target") is None
    assert [volume["name"] for volume in pod_of(job)["volumes"]] == ["switchback-tmp"]


def test_the_password_is_a_reference_that_only_the_kubelet_resolves() -> None:
    assert main(job_for())["env"] == [
        {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}}
    ]
    connection = {
        "host": "db",
        "name": "shop",
        "usernameFrom": {"secretKeyRef": {"name": "s", "key": "u"}},
        "passwordFrom": {"secretKeyRef": {"name": "s", "key": "p"}},
    }
    env = {one["name"]: one for one in main(job_for(database={"connection": connection}))["env"]}
    assert list(env) == ["PGHOST", "PGPORT", "PGDATABASE", "PGSSLMODE", "PGUSER", "PGPASSWORD"]
    assert env["PGPASSWORD"] == {
        "name": "PGPASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}},
    }
    assert env["PGPORT"]["value"] == "5432"


@given(st.text(alphabet="$()AB{} ", max_size=30))
def test_the_kubelet_expands_nothing_that_a_user_wrote(text: str) -> None:
    """Its rule: `$$` is a dollar, `$(NAME)` the variable, anything else is as it stands."""
    variables = {"A": "secret", "B": "secret", "AB": "secret"}

    def expand(value: str) -> str:
        return re.sub(
            r"\$\$|\$\(([^)]*)\)",
            lambda hit: "$" if hit[0] == "$$" else variables.get(hit[1], hit[0]),
            value,
        )

    assert expand(literal(text)) == text


def test_a_reason_cannot_read_the_password() -> None:
    assert argument(job_for(reason="$(DATABASE_URL)"), "--reason") == "$$(DATABASE_URL)"


def test_config_maps_are_mounted_as_one_folder() -> None:
    job = job_for(source={"configMapRefs": [{"name": "a"}, {"name": "b"}]})
    assert pod_of(job)["volumes"][1] == {
        "name": "switchback-source",
        "projected": {"sources": [{"configMap": {"name": "a"}}, {"configMap": {"name": "b"}}]},
    }
    mount = {"name": "switchback-source", "mountPath": "/switchback/source", "readOnly": True}
    assert mount in main(job)["volumeMounts"]


def test_an_image_is_copied_from_by_its_own_cp() -> None:
    image = {"image": {"reference": "registry/m:1", "path": "/db/migrations/", "pullPolicy": "Always"}}
    (copy,) = pod_of(job_for(source=image))["initContainers"]
    assert copy["command"] == ["cp", "-R", "/db/migrations/.", "/switchback/source"]
    assert (copy["image"], copy["imagePullPolicy"]) == ("registry/m:1", "Always")
    assert "env" not in copy, "a tenant's image gets no password"
    assert copy["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (Operation.INSPECT, 3600 + 60),
        (Operation.RESERVE, 3600 + 60),
        (Operation.MIGRATE, 3600 + 3600),
        (Operation.ROLLBACK, 3600 + 3600),
        (Operation.RELEASE, 300 + 60),
        (Operation.SNAPSHOT, 1800 + 60),
    ],
)
def test_a_pod_ends_by_itself_a_while_after_the_operator_would_have_ended_it(
    step: Operation, seconds: int
) -> None:
    assert pod_of(job_for(step, snapshot=DUMP))["activeDeadlineSeconds"] == seconds


def test_the_template_adds_and_cannot_replace() -> None:
    template = {
        "metadata": {
            "labels": {"team": "shop", "switchback.dev/step": "forged"},
            "annotations": {"switchback.dev/resource": "other/other", "sidecar.istio.io/inject": "false"},
        },
        "spec": {
            "serviceAccountName": "runner",
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "db", "operator": "Exists"}],
            "priorityClassName": "high",
            "imagePullSecrets": [{"name": "registry"}],
            "resources": {"limits": {"memory": "1Gi"}},
            "env": [
                {"name": "HTTPS_PROXY", "value": "http://proxy"},
                {"name": "DATABASE_URL", "value": "postgresql://elsewhere"},
                {"name": "PGOPTIONS", "value": "-c x=y"},
                {"name": "LD_PRELOAD", "value": "/evil.so"},
            ],
            "volumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
            "volumeMounts": [
                {"name": "ca", "mountPath": "/etc/ca", "readOnly": True},
                {"name": "ca", "mountPath": "/switchback/source/"},
            ],
            "initContainers": [
                {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"},
                {"name": "wait", "image": "wait:1", "securityContext": {"runAsUser": 7}},
            ],
            "securityContext": {"runAsUser": 1234, "fsGroup": 99},
        },
    }
    job = job_for(jobTemplate=template)
    pod = pod_of(job)
    assert job["metadata"]["labels"]["team"] == "shop"
    assert job["metadata"]["labels"]["switchback.dev/step"] == "migrate"
    assert job["metadata"]["annotations"]["switchback.dev/resource"] == "shop/shop"
    assert job["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    assert pod["serviceAccountName"] == "runner"
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["tolerations"] == [{"key": "db", "operator": "Exists"}]
    assert pod["priorityClassName"] == "high"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["securityContext"]["runAsUser"] == 1234
    assert pod["securityContext"]["fsGroup"] == 99
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert main(job)["resources"] == {"limits": {"memory": "1Gi"}}
    assert [one["name"] for one in main(job)["env"]] == ["HTTPS_PROXY", "DATABASE_URL"]
    assert "valueFrom" in main(job)["env"][1]
    paths = [mount["mountPath"] for mount in main(job)["volumeMounts"]]
    assert paths == ["/switchback/source", "/etc/ca", "/tmp"]  # noqa: S108 - in the pod
    assert [one["name"] for one in pod["initContainers"]] == ["proxy", "wait"]
    assert pod["initContainers"][0]["restartPolicy"] == "Always"
    assert pod["initContainers"][1]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["initContainers"][1]["securityContext"]["runAsUser"] == 7
    assert {"name": "ca", "secret": {"secretName": "ca"}} in pod["volumes"]


def test_a_snapshot_is_described_by_its_provider_and_framed_like_every_run() -> None:
    told = status(Operation.SNAPSHOT, snapshot_name="pre-rollback-x")
    job = made(world(spec(snapshot=DUMP), told), Operation.SNAPSHOT)
    pod = pod_of(job)
    assert main(job)["image"] == "registry/switchback:1"
    assert "pre-rollback-x" in main(job)["args"]
    assert any(one["image"] == "postgres:18" for one in pod["initContainers"])
    claim = {"claimName": "points"}
    assert any(volume.get("persistentVolumeClaim") == claim for volume in pod["volumes"])
    with_password = [
        one["name"]
        for one in [*pod["initContainers"], *pod["containers"]]
        if any(variable["name"] == "DATABASE_URL" for variable in one.get("env", []))
    ]
    assert with_password == ["prepare"]
    scripts = [word for one in pod["initContainers"] for word in one.get("command", [])]
    assert not any(re.search(r"(?<!\$)(\$\$)*\$\(", word) for word in scripts), "the kubelet would expand it"


def test_a_snapshot_that_cannot_be_described_is_refused_in_words() -> None:
    told = status(Operation.SNAPSHOT, snapshot_name="x")
    seen = world(spec(snapshot={**DUMP}), told)
    old = told.schema_state
    assert old is not None
    assert old.database is not None
    state = old.model_copy(update={"database": old.database.model_copy(update={"server_version": 150000})})
    with pytest.raises(JobError) as caught:
        made(world(spec(snapshot=DUMP), told.model_copy(update={"schema_state": state})), Operation.SNAPSHOT)
    assert caught.value.trouble.reason == "ClientImageMissing"
    with pytest.raises(JobError):
        made(world(spec(), told), Operation.SNAPSHOT)
    assert made(seen, Operation.SNAPSHOT)


def test_a_job_under_our_name_is_ours_only_with_owner_and_label() -> None:
    seen = world()
    mine = made(seen)
    assert owned(seen, mine)
    assert not owned(seen, {"metadata": {**mine["metadata"], "ownerReferences": []}})
    assert not owned(seen, {"metadata": {**mine["metadata"], "labels": {}}})
    stranger = [{**mine["metadata"]["ownerReferences"][0], "uid": "other"}]
    assert not owned(seen, {"metadata": {**mine["metadata"], "ownerReferences": stranger}})


NAME = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,80}[a-z0-9])?", fullmatch=True)


@given(name=NAME, step=st.sampled_from(RUNS), attempt=st.integers(1, 9999))
def test_names_and_labels_are_always_valid(name: str, step: Operation, attempt: int) -> None:
    chosen = names.job_name(name, OPERATION, step, attempt)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", chosen)
    job = manifest(world(None, status(step)), CreateJob(chosen, step, attempt), SETTINGS)
    for key, value in job["metadata"]["labels"].items():
        assert re.fullmatch(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", key)
        assert re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", value)
        assert len(value) <= 63


def test_every_part_of_the_spec_survives_the_way_through_the_models() -> None:
    """The manifest is plain JSON: no model, no enum, no tuple that a client would trip over."""
    job = job_for(snapshot=DUMP, jobTemplate={"spec": {"resources": {"requests": {"cpu": 1}}}})
    assert json.loads(json.dumps(job)) == job
