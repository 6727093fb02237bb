"""The schema on a real API server: what it refuses, fills in, prunes and shows.

It is installed under another group, so that an operator that runs in the same cluster answers nothing here.
"""

from __future__ import annotations

import copy
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.conditions import Situation, conditions_for
from switchback.api.reasons import OperatorReason
from switchback.api.status import Status
from switchback.api.v1alpha1 import DatabaseMigration
from switchback.contract.reasons import Reason
from tests.cluster import binaries
from tests.e2e.everything import AT, MOMENT, SPEC, STATUS
from tests.e2e.trial import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

Body = dict[str, Any]

GROUP = "trial.switchback.dev"
RESOURCE = f"databasemigrations.{GROUP}"
SHOP = f"{RESOURCE}/shop"


class Kubectl:
    """kubectl in one namespace; `refused` is for calls that have to fail."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._argv = [str(binaries.path("kubectl")), f"--kubeconfig={kubeconfig}", f"--namespace={namespace}"]

    def run(self, *argv: str, body: object = None) -> subprocess.CompletedProcess[str]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        return subprocess.run(
            [*self._argv, *argv], input=text, capture_output=True, text=True, timeout=60, check=False
        )

    def __call__(self, *argv: str, body: object = None) -> str:
        done = self.run(*argv, body=body)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *argv: str, body: object = None) -> Body:
        found: Body = json.loads(self(*argv, "-o", "json", body=body))
        return found

    def refused(self, *argv: str, body: object = None) -> str:
        done = self.run(*argv, body=body)
        assert done.returncode != 0, f"accepted: {body}"
        return done.stderr


@pytest.fixture(scope="module")
def anywhere(bare_cluster: Cluster) -> Iterator[Kubectl]:
    """Kubectl where the schema is installed, for what stores nothing."""
    with served(bare_cluster, RESOURCE):
        yield Kubectl(bare_cluster.kubeconfig, "default")


@pytest.fixture
def kubectl(bare_cluster: Cluster, anywhere: Kubectl, namespace: str) -> Kubectl:
    return Kubectl(bare_cluster.kubeconfig, namespace)


def resource(**spec: object) -> Body:
    smallest = {
        "target": "latest",
        "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
        "source": {"configMapRefs": [{"name": "shop-migrations"}]},
    }
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": {"name": "shop"},
        "spec": {**smallest, **spec},
    }


def put(path: str, value: object) -> Callable[[Body], None]:
    """Set one field of the resource that has everything; `-` as the value takes it away."""

    def change(body: Body) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        node: Any = body["spec"]
        for part in way:
            node = node[part]
        if value == "-":
            del node[last]
        else:
            node[last] = value

    return change


def without_ca(mode: str) -> Callable[[Body], None]:
    """A TLS mode that verifies, and nobody whom it trusts."""

    def change(body: Body) -> None:
        put("database.caFrom", "-")(body)
        put("database.connection.sslMode", mode)(body)

    return change


def by_token(mode: str) -> Callable[[Body], None]:
    """A login with a token of AWS, in this TLS mode."""

    def change(body: Body) -> None:
        put("database.connection.passwordFrom", "-")(body)
        put("database.connection.iam", {"region": "eu-west-1"})(body)
        put("database.connection.sslMode", mode)(body)

    return change


POD = "jobTemplate.spec"
IMAGE = {"image": {"reference": "registry.example/shop:1"}}

INVALID: list[tuple[Callable[[Body], None], str, str]] = [
    (put("target", "-"), "spec.target", "Required value"),
    (put("target", ""), "spec.target", "at least 1"),
    (put("target", "x" * 254), "spec.target", "Too long"),
    (put("target", "-1"), "spec.target", "nothing relative"),
    (put("target", "~2"), "spec.target", "nothing relative"),
    (put("target", "../0001"), "spec.target", "no slash"),
    (put("database", "-"), "spec.database", "Required value"),
    (put("database", {}), "spec.database", "set exactly one of urlFrom, connection"),
    (
        put("database.urlFrom", {"secretKeyRef": {"name": "shop-db", "key": "URL"}}),
        "spec.database",
        "set exactly one of urlFrom, connection",
    ),
    (put("database.connection.host", "a,b"), "spec.database.connection.host", "should match"),
    (put("database.connection.port", 0), "spec.database.connection.port", "greater than or equal to 1"),
    (
        put("database.connection.sslMode", "verify"),
        "spec.database.connection.sslMode",
        "Unsupported value",
    ),
    (put("database.connection.passwordFrom", {}), "passwordFrom.secretKeyRef", "Required value"),
    (
        put("database.connection.usernameFrom.secretKeyRef.name", "Shop_DB"),
        "secretKeyRef.name",
        "should match",
    ),
    (put("source", "-"), "spec.source", "Required value"),
    (put("source", {}), "spec.source", "set exactly one of image, configMapRefs"),
    (put("source", {**IMAGE, "configMapRefs": [{"name": "a"}]}), "spec.source", "set exactly one of image"),
    (put("source", {"configMapRefs": []}), "spec.source.configMapRefs", "at least 1 items"),
    (
        put("source", {"configMapRefs": [{"name": "a"}] * 2}),
        "spec.source.configMapRefs[1]",
        "Duplicate value",
    ),
    (
        put("source", {"configMapRefs": [{"name": f"a{n}"} for n in range(17)]}),
        "spec.source.configMapRefs",
        "at most 16 items",
    ),
    (put("source.image.path", "migrations"), "spec.source.image.path", "absolute path"),
    (put("source.image.path", "/a/../etc"), "spec.source.image.path", "without .."),
    (put("source.image.pullPolicy", "Sometimes"), "spec.source.image.pullPolicy", "Unsupported value"),
    (put("source.aheadPolicy", "Sometimes"), "spec.source.aheadPolicy", "Unsupported value"),
    (put("source.format", "Sqitch"), "spec.source.format", "Unsupported value"),
    (put("source.outOfOrderPolicy", "Yes"), "spec.source.outOfOrderPolicy", "Unsupported value"),
    (put("source.adoptionPolicy", "Always"), "spec.source.adoptionPolicy", "Unsupported value"),
    (put("database.ledgerSchema", "public"), "spec.database.ledgerSchema", "a schema of its own"),
    (put("database.ledgerSchema", "pg_ledger"), "spec.database.ledgerSchema", "a schema of its own"),
    (put("database.ledgerSchema", ""), "spec.database.ledgerSchema", "at least 1"),
    (put("database.role", 'a"b'), "spec.database.role", "should match"),
    (put("database.searchPath", ["x" * 64]), "spec.database.searchPath[0]", "Too long"),
    (put("database.searchPath", ["a"] * 17), "spec.database.searchPath", "at most 16 items"),
    (put("database.caFrom", {}), "spec.database.caFrom", "set exactly one of secretKeyRef, configMapKeyRef"),
    (without_ca("verify-ca"), "spec.database", "sslMode verify-ca needs caFrom"),
    *(
        (by_token(mode), "spec.database.connection", "a token is never sent in the clear")
        for mode in ("disable", "allow", "prefer", "-")
    ),
    (put("approval.migratePolicy", "Maybe"), "spec.approval.migratePolicy", "Unsupported value"),
    (put("approval.rollbackPolicy", "manual"), "spec.approval.rollbackPolicy", "Unsupported value"),
    (put("rollback.reasonPolicy", "Always"), "spec.rollback.reasonPolicy", "Unsupported value"),
    (put("rollback.downSource", "File"), "spec.rollback.downSource", "Unsupported value"),
    (put("reason", "x" * 257), "spec.reason", "Too long"),
    (put("operationDeadlineSeconds", 0), "spec.operationDeadlineSeconds", "greater than or equal to 1"),
    (
        put("execution.lockTimeoutSeconds", 0),
        "spec.execution.lockTimeoutSeconds",
        "greater than or equal to 1",
    ),
    (put("execution.backoffLimit", 101), "spec.execution.backoffLimit", "less than or equal to 100"),
    (
        put("execution.statementTimeoutSeconds", "30s"),
        "spec.execution.statementTimeoutSeconds",
        "must be of type",
    ),
    (put("rollback.policy", "allow"), "spec.rollback.policy", "Unsupported value"),
    (put("rollback.dataLossPolicy", "Maybe"), "spec.rollback.dataLossPolicy", "Unsupported value"),
    (put("approval.approvedPlan", "two words"), "spec.approval.approvedPlan", "should match"),
    (put("snapshot", {}), "spec.snapshot", "set exactly one of pgDump, rds"),
    (put("snapshot.none", {"acknowledge": True}), "spec.snapshot", "set exactly one of pgDump, rds"),
    (put("snapshot", {"none": {"acknowledge": False}}), "spec.snapshot.none.acknowledge", "must be true"),
    (put("snapshot.pgDump.persistentVolumeClaim", "-"), "spec.snapshot.pgDump", "set exactly one of"),
    (put("snapshot.pgDump.clientImages", {"14": "postgres:14"}), "pgDump.clientImages", "15, 16, 17, 18"),
    (put("snapshot.pgDump.jobs", 33), "spec.snapshot.pgDump.jobs", "less than or equal to 32"),
    (
        put("jobTemplate.metadata.labels", {"switchback.dev/step": "migrate"}),
        "spec.jobTemplate.metadata.labels",
        "set by the operator",
    ),
    (put("jobTemplate.metadata.labels", {"a": "no blanks"}), "jobTemplate.metadata.labels.a", "should match"),
    (
        put("jobTemplate.metadata.annotations", {"batch.kubernetes.io/x": ""}),
        "metadata.annotations",
        "set by",
    ),
    *(
        (put(f"{POD}.env.0.name", name), "spec.jobTemplate.spec.env[0].name", "belongs in spec.database")
        for name in ("DATABASE_URL", "PGHOST", "PGPASSWORD", "PYTHONPATH", "LD_PRELOAD")
    ),
    (put(f"{POD}.env", [{"name": "A"}, {"name": "A"}]), "spec.jobTemplate.spec.env[1]", "Duplicate value"),
    (
        put(f"{POD}.volumes.0.name", "switchback-work"),
        "spec.jobTemplate.spec.volumes[0].name",
        "operator's own",
    ),
    (put(f"{POD}.volumes.0", {"emptyDir": {}}), "spec.jobTemplate.spec.volumes[0].name", "Required value"),
    (put(f"{POD}.volumeMounts.0.mountPath", "/"), "volumeMounts[0].mountPath", "absolute path"),
    (
        put(f"{POD}.volumeMounts.0.mountPath", "/switchback/source"),
        "volumeMounts[0].mountPath",
        "operator's own",
    ),
    (put(f"{POD}.initContainers.0.name", "switchback"), "initContainers[0].name", "operator's own"),
    *(
        (put(f"{POD}.initContainers.0.name", name), "initContainers[0].name", "operator's own")
        for name in ("dump", "snapshot", "fence", "login", "restore")
    ),
    (put(f"{POD}.securityContext.runAsUser", 0), "securityContext.runAsUser", "greater than or equal to 1"),
    (
        put(f"{POD}.resources.limits", {"cpu": "much"}),
        "spec.jobTemplate.spec.resources.limits.cpu",
        "should match",
    ),
    (put("jobHistoryLimit", -1), "spec.jobHistoryLimit", "greater than or equal to 0"),
]


@pytest.mark.parametrize(
    ("change", "field", "words"), INVALID, ids=[f"{n}-{row[1]}" for n, row in enumerate(INVALID)]
)
def test_an_invalid_spec_is_refused_by_the_name_of_its_field(
    anywhere: Kubectl, change: Callable[[Body], None], field: str, words: str
) -> None:
    body = resource(**copy.deepcopy(SPEC))
    change(body)
    said = anywhere.refused("create", "--dry-run=server", "-f", "-", body=body)
    assert field in said
    assert words in said


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("spec.cutover", "spec.cutover"),
        ("spec.source.flavour", "spec.source.flavour"),
        ("spec.jobTemplate.spec.securityContext.privileged", "securityContext.privileged"),
        ("spec.jobTemplate.spec.hostNetwork", "spec.jobTemplate.spec.hostNetwork"),
    ],
)
def test_unknown_fields_are_refused_when_strict_and_pruned_when_not(
    anywhere: Kubectl, path: str, where: str
) -> None:
    body = resource(**copy.deepcopy(SPEC))
    *way, last = path.split(".")
    node = body
    for part in way:
        node = node[part]
    node[last] = True
    said = anywhere.refused("create", "--dry-run=server", "-f", "-", body=body)
    assert "unknown field" in said
    assert where in said
    stored = anywhere.json("create", "--dry-run=server", "--validate=ignore", "-f", "-", body=body)
    for part in way:
        stored = stored[part]
    assert last not in stored


def test_defaults_are_filled_in(kubectl: Kubectl) -> None:
    stored = kubectl.json("create", "-f", "-", body=resource(snapshot={"none": {"acknowledge": True}}))
    assert stored["spec"] == {
        "target": "latest",
        "suspend": False,
        "operationDeadlineSeconds": 7200,
        "database": {
            "urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}},
            "ledgerSchema": "switchback",
        },
        "source": {
            "configMapRefs": [{"name": "shop-migrations"}],
            "format": "Auto",
            "aheadPolicy": "Refuse",
            "outOfOrderPolicy": "Refuse",
            "adoptionPolicy": "Never",
        },
        "execution": {"lockTimeoutSeconds": 2, "advisoryLockTimeoutSeconds": 60, "backoffLimit": 3},
        "rollback": {
            "policy": "Allow",
            "dataLossPolicy": "RequireApproval",
            "reasonPolicy": "Optional",
            "downSource": "Auto",
        },
        "approval": {"migratePolicy": "Automatic", "rollbackPolicy": "Automatic", "timeoutSeconds": 86400},
        "snapshot": {
            "none": {"acknowledge": True},
            "beforeMigratePolicy": "Never",
            "migrateFailurePolicy": "Abort",
            "deadlineSeconds": 1800,
            "maxAgeSeconds": 1800,
            "retention": {"minimumCount": 3, "minimumAgeSeconds": 604800},
            "deletionPolicy": "Retain",
        },
        "jobHistoryLimit": 5,
    }
    read = DatabaseMigration.model_validate(stored)
    assert read.spec.to_json() == stored["spec"], "the defaults in code are those of the API server"


def test_a_new_resource_is_not_seen_yet_whatever_its_author_claims(kubectl: Kubectl) -> None:
    body = resource() | {"status": {"observedGeneration": 1}}
    assert kubectl.json("create", "-f", "-", body=body)["status"] == {"observedGeneration": -1}


def test_a_spec_with_everything_is_stored_as_it_is_and_read_back(kubectl: Kubectl) -> None:
    stored = kubectl.json("create", "-f", "-", body=resource(**SPEC))
    assert {name: stored["spec"][name] for name in SPEC} == SPEC
    assert DatabaseMigration.model_validate(stored).spec.to_json() == stored["spec"]


def apply_status(kubectl: Kubectl, status: Status) -> Body:
    body = {key: value for key, value in resource().items() if key != "spec"} | {"status": status.to_json()}
    argv = ("apply", "--server-side", "--subresource=status", "--field-manager=switchback", "-f", "-")
    return kubectl.json(*argv, body=body)


def test_a_status_with_everything_is_stored_as_it_is_and_read_back(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", body=resource())
    stored = apply_status(kubectl, STATUS)
    assert stored["status"] == STATUS.to_json(), "something was pruned or refused"
    assert DatabaseMigration.model_validate(stored).status == STATUS


def test_what_a_later_status_does_not_name_is_gone(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", body=resource())
    apply_status(kubectl, STATUS)
    stored = apply_status(kubectl, Status(observed_generation=1, history=STATUS.history))
    assert set(stored["status"]) == {"observedGeneration", "history"}


def test_the_columns_tell_the_story_in_one_line(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", body=resource())
    apply_status(kubectl, STATUS)
    header, line = kubectl("get", RESOURCE).splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "SCHEMA", "TARGET", "AGE"]
    assert line.split()[:5] == ["shop", "Unknown", "AwaitingApproval", "0007", "latest"]


def test_waiting_for_finished_is_about_the_spec_of_now(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", body=resource())
    done = conditions_for(Situation.DONE, Reason.SUCCEEDED, "", generation=1, now=MOMENT, previous=())
    apply_status(kubectl, Status(observed_generation=1, conditions=done))
    kubectl("wait", "--for=condition=Finished", "--timeout=10s", SHOP)
    kubectl("wait", "--for=condition=Ready", "--timeout=10s", SHOP)
    kubectl("patch", SHOP, "--type=merge", "--patch", '{"spec": {"target": "base"}}')
    said = kubectl.refused("wait", "--for=condition=Finished", "--timeout=1s", SHOP)
    assert "timed out" in said


def test_an_annotation_does_not_make_a_new_generation(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", body=resource())
    kubectl("annotate", SHOP, "switchback.dev/approve=ap1:token")
    assert kubectl.json("get", SHOP)["metadata"]["generation"] == 1


def test_explain_shows_the_words_of_the_code(anywhere: Kubectl) -> None:
    text = " ".join(anywhere("explain", f"{RESOURCE}.spec.snapshot").split())
    assert "How restore points are taken. Absent: a rollback is refused with SnapshotRequired." in text
    assert "Longest time that taking and verifying the restore point may take." in text


def test_a_reason_that_is_no_word_is_refused(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", body=resource())
    condition = {
        "type": "Ready",
        "status": "False",
        "observedGeneration": 1,
        "lastTransitionTime": AT,
        "reason": f"{OperatorReason.RETRYING} soon",
        "message": "",
    }
    patch = json.dumps({"status": {"conditions": [condition]}})
    said = kubectl.refused("patch", SHOP, "--subresource=status", "--type=merge", "--patch", patch)
    assert "status.conditions[0].reason" in said
