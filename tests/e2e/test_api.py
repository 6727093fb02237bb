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
from tests.e2e.invalid import INVALID
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
        ("spec.shadow", "spec.shadow"),
        ("spec.cutover.service", "spec.cutover.service"),
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
            "automatic": "Never",
            "dataLossPolicy": "RequireApproval",
            "reasonPolicy": "Optional",
            "downSource": "Auto",
        },
        "approval": {
            "migratePolicy": "Automatic",
            "rollbackPolicy": "Automatic",
            "cutoverPolicy": "Automatic",
            "timeoutSeconds": 86400,
        },
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
    assert header.split() == ["NAME", "READY", "REASON", "SCHEMA", "TARGET", "SLOT", "AGE"]
    assert line.split()[:6] == ["shop", "Unknown", "AwaitingApproval", "0007", "latest", "Green_2"]


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
