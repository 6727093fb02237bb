"""Where the plugin is tried: resources on the real API server whose status the test writes, and no operator.

An operator that runs in the same cluster is kept away from these namespaces by an admission policy: whatever
it writes there is refused. So a test can play the operator, and say at which moment it answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.status import HistoryEntry, Outcome, Status
from tests.cluster.errors import BedError
from tests.cluster.run import wait_for
from tests.e2e.kube import Kube, url_path
from tests.e2e.terminal import Terminal
from tests.unit.kubectl import statuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from switchback.contract.words import Operation
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Object

BIN = Path(sys.executable).parent
POLICY = "switchback-plugin-tests"
LABEL = "switchback.dev/played-by-tests"
OPERATOR = "system:serviceaccount:switchback-system:switchback"
APPLY = "application/apply-patch+yaml"
NO_SNAPSHOT = {"none": {"acknowledge": True}}


def _policy() -> list[Object]:
    group = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": [names.GROUP], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
        "resources": [names.PLURAL, f"{names.PLURAL}/status"],
    }  # fmt: skip
    jobs = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    away = (
        "!(request.userInfo.username.startsWith('system:serviceaccount:')"
        " && request.userInfo.username.contains('switchback'))"
    )
    return [
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": POLICY},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "namespaceSelector": {"matchLabels": {LABEL: "true"}},
                    "resourceRules": [rule, jobs],
                },
                "validations": [{"expression": away, "message": "here a test plays the operator"}],
            },
        },
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": POLICY},
            "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
        },
    ]


class Plugin:
    """The plugin, called as kubectl calls it, in one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        self.env = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubeconfig),
            "HOME": "/nonexistent",
        }

    def __call__(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), capture_output=True, text=True, timeout=90, check=False,
            stdin=subprocess.DEVNULL, env=self.env | env,
        )  # fmt: skip

    def argv(self, *words: str) -> list[str]:
        if "-A" in words or "-n" in words or words[0] == "completion":
            return [str(BIN / "kubectl-switchback"), *words]
        return [str(BIN / "kubectl-switchback"), *words, "-n", self.namespace]

    def json(self, *words: str) -> tuple[int, Any]:
        """(exit code, the answer) with -o json."""
        done = self(*words, "-o", "json")
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    def begin(self, *words: str) -> Call:
        """Call it, and go on while it works."""
        return Call(self.argv(*words), self.env)

    def terminal(self, *words: str, columns: int = 110, lines: int = 40) -> Terminal:
        """Call it in a terminal."""
        return Terminal(self.argv(*words), self.env, columns=columns, lines=lines)


class Call:
    """A call that goes on. As a context manager it is ended with its block."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=env
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate(timeout=10)

    def line(self) -> str:
        """The next line of its answer."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def end(self, *, seconds: float = 30.0) -> tuple[int, str, str]:
        """(exit code, stdout, stderr)."""
        out, err = self._process.communicate(timeout=seconds)
        return self._process.returncode, out, err


class Shop:
    """A resource of which the test writes spec and status."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self.kube, self.namespace, self.name = kube, namespace, name

    def create(self, **spec: Any) -> Object:
        return self.kube.create(
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": {"name": self.name},
                "spec": {**statuses.SPEC, "snapshot": NO_SNAPSHOT, **spec},
            },
            self.namespace,
        )

    def now(self) -> Object:
        return self.kube.get(names.KIND, self.namespace, self.name)

    def annotation(self, name: str) -> str:
        found: str = (self.now()["metadata"].get("annotations") or {}).get(f"{names.GROUP}/{name}", "")
        return found

    def show(self, drawn: Any) -> Object:
        """Give it the status of a resource of `tests.unit.kubectl.statuses`, for the spec as it is now."""
        generation = self.now()["metadata"]["generation"]
        status = json.loads(json.dumps(drawn.status))
        status["observedGeneration"] = generation if status.get("conditions") else -1
        for one in status.get("conditions", []):
            one["observedGeneration"] = generation
        return self.kube.json(
            "PATCH",
            url_path(names.KIND, self.namespace, self.name, "status"),
            query={"fieldManager": names.FIELD_MANAGER, "force": "true"},
            body={
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": {"name": self.name},
                "status": status,
            },
            content_type=APPLY,
        )

    def stands(self, status: Status, situation: Situation, **told: Any) -> Object:
        """Give it a status and the conditions of a situation."""
        return self.show(statuses.resource(status, situation=situation, since=0, **told))

    def ends(self, status: Status, outcome: Outcome, message: str = "so it ended") -> Object:
        """The operation of the status has ended."""
        assert status.operation is not None
        entry = HistoryEntry(
            operation_id=status.operation.id, outcome=outcome, reason=outcome, message=message
        )
        good = outcome is Outcome.SUCCEEDED
        return self.stands(
            status.model_copy(update={"history": (*status.history, entry)}),
            Situation.DONE if good else Situation.FAILED,
            reason=outcome,
            message=message,
        )

    def asked(self, annotation: str, *, seconds: float = 20.0) -> str:
        """The request that is left on it, once there is one."""
        wait_for(f"annotation {annotation}", lambda: bool(self.annotation(annotation)), timeout=seconds)
        return self.annotation(annotation)


@pytest.fixture(scope="module")
def played(bare_cluster: Cluster, kube: Kube, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that knows the kind, and in which no operator touches what is labelled."""
    if "databasemigrations.switchback.dev" not in bare_cluster.kubectl("get", "crd", "-o", "name"):
        request.getfixturevalue("cluster")  # the chart brings it
    bare_cluster.apply(*_policy())
    yield bare_cluster
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        bare_cluster.kubectl("delete", kind, POLICY, "--ignore-not-found")


@pytest.fixture
def place(played: Cluster, kube: Kube, namespace: str) -> str:
    """A namespace that belongs to the test alone."""
    kube.patch("Namespace", "", namespace, {"metadata": {"labels": {LABEL: "true"}}})
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "probe"},
        "spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}
        },
    }

    def refused() -> bool:
        try:
            played.kubectl(
                "create", "-n", namespace, "--dry-run=server", "-f", "-", f"--as={OPERATOR}",
                "--as-group=system:masters", input=json.dumps(body),
            )  # fmt: skip
        except BedError as error:
            return "plays the operator" in str(error)
        return False

    wait_for("the policy that keeps operators away is in force", refused, timeout=30, pause=0.2)
    return namespace


@pytest.fixture
def plugin(played: Cluster, place: str) -> Plugin:
    return Plugin(played.kubeconfig, place)


@pytest.fixture
def shop(kube: Kube, place: str) -> Shop:
    """The resource `shop`, not seen by any operator."""
    made = Shop(kube, place, "shop")
    made.create()
    return made


def job(of: Shop, step: Operation, attempt: int, image: str, *command: str) -> Object:
    """A real Job, labelled as the operator does it."""
    uid = of.now()["metadata"]["uid"]
    labels = {
        names.LABEL_UID: names.uid_hash(uid),
        names.LABEL_OPERATION: statuses.OPERATION,
        names.LABEL_STEP: str(step),
        names.LABEL_ATTEMPT: str(attempt),
    }
    container = {
        "name": names.CONTAINER, "image": image, "imagePullPolicy": "IfNotPresent", "command": list(command),
    }  # fmt: skip
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": statuses.job_name(step, attempt), "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [container],
                    "terminationGracePeriodSeconds": 0,
                },
            },
        },
    }
    return of.kube.create(body, of.namespace)


def talks(seconds: int = 0) -> tuple[str, ...]:
    return "python3", "-c", f"import time; print('one\\ntwo', flush=True); time.sleep({seconds})"


def pods_are(kube: Kube, namespace: str, phase: str) -> None:
    def look() -> bool:
        return [one["status"].get("phase") for one in kube.list("Pod", namespace)] == [phase]

    wait_for(f"the pod is {phase}", look, timeout=60, pause=0.2)
