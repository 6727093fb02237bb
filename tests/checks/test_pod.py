"""The pod of checks on a real kubelet: the signal, commands beside our container, and the end of it all."""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.checks import Check
from switchback.api.names import ANNOTATION_SWITCHED, CONTAINER
from switchback.api.spec import Spec
from switchback.checks import layout
from switchback.checks.pod import CheckRequest, check_pod
from switchback.contract.reasons import Reason
from switchback.contract.result import Result, decode
from switchback.contract.words import CheckStage
from switchback.controller.podspec import Body, literal, pod_spec

if TYPE_CHECKING:
    from tests.cluster.handle import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
SPEC = Spec.model_validate({"database": {"urlFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}})
SIGNAL_SECONDS = 2.0
"""The design rests on the signal being there within about a second; a busy machine gets twice of that."""


class Place:
    """A namespace that admits restricted pods alone."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        cluster.kubectl("label", "namespace", namespace, RESTRICTED)

    def kubectl(self, *words: str, **how: Any) -> Any:
        return self.cluster.kubectl("--namespace", self.namespace, *words, **how)

    def command(self, script: str, name: str = "can-buy", **more: Any) -> dict[str, Any]:
        image = self.cluster.images.postgres["15"]
        stages = ["AfterCutover", "AfterMigrate"]
        command = {"image": image, "command": ["sh", "-c", script]}
        return {"name": name, "stages": stages, "command": command, "periodSeconds": 1, **more}

    def start(self, *checks: dict[str, Any], stage: CheckStage, **wishes: Any) -> None:
        """Run the checks in a pod as a Job's would be."""
        request = CheckRequest(
            checks=tuple(Check.model_validate(check) for check in checks),
            stage=stage,
            operation_id="op-1",
            image=self.cluster.images.switchback,
            **wishes,
        )
        parts = check_pod(request)
        body = Body(
            containers=[_literal(one) for one in parts.containers],
            init_containers=[_literal(one) for one in parts.init_containers],
            volumes=parts.volumes,
            deadline_seconds=300,
        )
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "checks"},
            "spec": pod_spec(SPEC, body),
        }
        self.cluster.apply(pod, namespace=self.namespace)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.kubectl("get", "pod", "checks", json=True)["status"]
        return found

    def log(self, container: str = CONTAINER) -> str:
        return str(self.kubectl("logs", "checks", "-c", container, check=False))

    def result(self, seconds: float = 120) -> Result:
        """What our container has left, as soon as it has ended."""
        end = time.monotonic() + seconds
        while True:
            for one in self.status().get("containerStatuses", []):
                if one["name"] == CONTAINER and "terminated" in one["state"]:
                    return decode(one["state"]["terminated"]["message"])
            assert time.monotonic() < end, self.log()
            time.sleep(0.1)

    def waits_for(self, text: str) -> None:
        end = time.monotonic() + 120
        while text not in self.log():
            assert time.monotonic() < end, json.dumps(self.status())
            time.sleep(0.1)

    def switch(self) -> None:
        self.kubectl("annotate", "pod", "checks", f"{ANNOTATION_SWITCHED}=cutover-1")

    def phase_is_over(self) -> float:
        """Seconds until the pod as a whole has ended."""
        begun = time.monotonic()
        while self.status()["phase"] not in {"Succeeded", "Failed"}:
            assert time.monotonic() - begun < 60
            time.sleep(0.1)
        return time.monotonic() - begun


def _literal(container: dict[str, Any]) -> dict[str, Any]:
    lines: dict[str, Any] = {
        key: [literal(word) for word in container[key]] for key in ("command", "args") if key in container
    }
    return {**container, **lines}


@pytest.fixture
def place(bare_cluster: Cluster, namespace: str) -> Place:
    return Place(bare_cluster, namespace)


def test_how_soon_the_signal_is_seen(place: Place, record_property: Any) -> None:
    """From the beginning of `kubectl annotate` to the value in the pod, ten times, by one clock."""
    loop = (
        "import time, pathlib\n"
        f"file, seen = pathlib.Path('{layout.SIGNAL_FILE}'), ''\n"
        "while True:\n"
        "    now = file.read_text() if file.exists() else ''\n"
        "    if now != seen:\n"
        "        seen = now; print(seen, time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)\n"
        "    time.sleep(0.01)\n"
    )
    parts = check_pod(
        CheckRequest((), CheckStage.AFTER_CUTOVER, "op-1", place.cluster.images.switchback, signal=True)
    )
    container = {**parts.containers[0], "command": ["python", "-c", loop], "args": []}
    spec = pod_spec(SPEC, Body([_literal(container)], volumes=parts.volumes))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "checks"}, "spec": spec}
    place.cluster.apply(pod, namespace=place.namespace)
    place.cluster.wait("pod/checks", "--for=condition=Ready", "-n", place.namespace, timeout=120)
    took = []
    for number in range(10):
        time.sleep(0.7 + number * 0.13)
        begun = time.clock_gettime(time.CLOCK_MONOTONIC)
        place.kubectl("annotate", "pod", "checks", "--overwrite", f"{ANNOTATION_SWITCHED}=t{number}")
        place.waits_for(f"t{number} ")
        line = next(one for one in place.log().splitlines() if one.startswith(f"t{number} "))
        took.append(float(line.split()[1]) - begun)
    said = f"{min(took):.2f} to {max(took):.2f} s, median {statistics.median(took):.2f} s"
    record_property("signal", said)
    print(f"the signal is seen after {said}")
    assert statistics.median(took) < SIGNAL_SECONDS


def test_a_switch_is_verified_and_watched(place: Place) -> None:
    server = {
        "name": "web", "image": place.cluster.images.postgres["15"],
        "command": ["python3", "-m", "http.server", "8080", "--directory", "/usr/share"],
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 65532,
                            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    }  # fmt: skip
    place.cluster.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}},
         "spec": {"containers": [server], "terminationGracePeriodSeconds": 0}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
         "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}},
        namespace=place.namespace,
    )  # fmt: skip
    place.cluster.wait("pod/web", "--for=condition=Ready", "-n", place.namespace, timeout=120)
    address = place.kubectl("get", "service", "web", json=True)["spec"]["clusterIP"]
    place.start(
        {"name": "health", "stages": ["AfterCutover"], "httpGet": {"url": f"http://{address}/"}},
        place.command('echo "bought in $SWITCHBACK_STAGE by $SWITCHBACK_CHECK for $SWITCHBACK_OPERATION_ID"'),
        stage=CheckStage.AFTER_CUTOVER, soak_seconds=3, connect=(f"{address}:80",), signal=True,
    )  # fmt: skip
    place.waits_for("Ready; waiting for the switch.")
    assert "bought" not in place.log()

    place.switch()
    result = place.result()

    assert (result.reason, result.exit_code) == (Reason.SUCCEEDED, 0), result.message
    assert "20 new connections were made, of which none failed." in result.message
    assert {check.name: check.passed for check in result.checks} == {
        "health": True, "can-buy": True, f"connect {address}:80": True,
    }  # fmt: skip
    assert "can-buy| bought in AfterCutover by can-buy for op-1\n" in place.log()
    assert place.phase_is_over() < 10
    assert place.status()["phase"] == "Succeeded"


def test_a_command_that_fails_is_told_by_its_last_words(place: Place) -> None:
    place.start(
        place.command("echo $(HOME) and $HOME >&2; echo no book left; exit 4", failureThreshold=2),
        stage=CheckStage.AFTER_MIGRATE,
    )
    result = place.result()
    assert (result.reason, result.exit_code) == (Reason.CHECKS_FAILED, 8)
    assert result.message == "Check can-buy failed 2 times in a row: exit code 4: no book left."
    (check,) = result.checks
    assert (check.passed, check.runs, check.failures) == (False, 2, 2)
    assert place.phase_is_over() < 10
    assert place.status()["phase"] == "Failed"


def test_commands_that_hang_are_killed_and_do_not_hold_the_pod(place: Place) -> None:
    hangs = place.command(
        "trap '' TERM; sleep 1000 & sleep 1000", "hangs", timeoutSeconds=1, failureThreshold=2
    )
    place.start(hangs, place.command("exit 0", "good"), stage=CheckStage.AFTER_MIGRATE)
    result = place.result()
    assert result.message == "Check hangs failed 2 times in a row: no end within 1 s; it was killed."
    assert {check.name: check.passed for check in result.checks} == {"hangs": False, "good": True}
    assert place.phase_is_over() < 10


def test_it_can_be_stopped_while_it_waits(place: Place) -> None:
    place.start(place.command("exit 0"), stage=CheckStage.AFTER_CUTOVER, signal=True)
    place.waits_for("Ready; waiting for the switch.")
    begun = time.monotonic()
    place.kubectl("delete", "pod", "checks", timeout=60)
    assert time.monotonic() - begun < 15
