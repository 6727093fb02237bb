"""A shop with two slots: two Deployments or StatefulSets of the bookshop's web server, and one Service."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.e2e.kube import url_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.e2e.kube import Kube, Object

APP, KEY, SERVICE = "bookshop", "slot", "shop-web"
BLUE, GREEN = "blue", "green"
SLOTS = (BLUE, GREEN)
PORT, CONTROL = 8080, 8081
START_SECONDS = 60.0
_STEP = 0.05


def other(slot: str) -> str:
    """The slot that it is not."""
    return GREEN if slot == BLUE else BLUE


def selector(slot: str | None) -> dict[str, str]:
    """The Service's selector for a slot; None: without the key."""
    return {"app": APP} | ({KEY: slot} if slot is not None else {})


def workload(slot: str) -> str:
    """Name of a slot's Deployment or StatefulSet."""
    return f"shop-{slot}"


def as_set(made: Object) -> Object:
    """The same as a StatefulSet whose pods need not wait for each other."""
    more = {"serviceName": SERVICE, "podManagementPolicy": "Parallel"}
    return made | {"kind": "StatefulSet", "spec": made["spec"] | more}


def deployment(slot: str, image: str, *, replicas: int = 2, env: Mapping[str, str] | None = None) -> Object:
    """A slot, whose pods end well unless `env` says otherwise."""
    labels = {"app": APP, KEY: slot}
    settings = {"SLOT": slot, "VERSION": "1", **(env or {})}
    probe = {
        "httpGet": {"path": "/ready", "port": "http"},
        "periodSeconds": 1,
        "timeoutSeconds": 3,
        "failureThreshold": 2,
    }
    container = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": name, "value": value} for name, value in settings.items()],
        "ports": [{"name": "http", "containerPort": PORT}, {"name": "control", "containerPort": CONTROL}],
        "readinessProbe": probe,
        # Without a request they would get next to nothing of a busy machine, and look as if they were broken.
        "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": workload(slot), "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 10,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [container],
                },
            },
        },
    }


def service(slot: str | None = BLUE, *, name: str = SERVICE) -> Object:
    """The Service; with None its selector is as Git has it, without the key."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"app": APP}},
        "spec": {"selector": selector(slot), "ports": ports},
    }


@dataclass(frozen=True)
class Slots:
    """Both slots and the Service in a namespace."""

    kube: Kube
    namespace: str
    image: str

    def start(
        self,
        live: str | None = BLUE,
        *,
        replicas: int = 2,
        env: Mapping[str, Mapping[str, str]] | None = None,
        ready: Iterable[str] = SLOTS,
        sets: Iterable[str] = (),
    ) -> None:
        """Make them and wait until all pods are ready. `live` None: a Service without the key.

        Those of `sets` are StatefulSets.
        """
        for slot in SLOTS:
            made = deployment(slot, self.image, replicas=replicas, env=(env or {}).get(slot))
            if slot in sets:
                made = as_set(made)
            self.kube.create(made, self.namespace)
        self.kube.create(service(live), self.namespace)
        for slot in ready:
            self.until_ready(slot, replicas)
        self.until_behind({live} if live else set(ready))

    @property
    def url(self) -> str:
        """The Service as the node and every pod reach it, without asking for a name."""
        spec = self.kube.get("Service", self.namespace, SERVICE)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/"

    def live(self) -> str | None:
        """The slot that the Service names."""
        spec = self.kube.get("Service", self.namespace, SERVICE)["spec"]
        found: str | None = (spec.get("selector") or {}).get(KEY)
        return found

    def pods(self, slot: str) -> list[Object]:
        return self.kube.list("Pod", self.namespace, labels=f"app={APP},{KEY}={slot}")

    def ready(self, slot: str) -> list[Object]:
        return [pod for pod in self.pods(slot) if is_ready(pod)]

    def behind(self) -> dict[str, int]:
        """Ready endpoints by slot, from the EndpointSlices."""
        slots = {
            pod["metadata"]["name"]: pod["metadata"]["labels"].get(KEY, "")
            for pod in self.kube.list("Pod", self.namespace, labels=f"app={APP}")
        }
        found: dict[str, int] = {}
        labels = f"kubernetes.io/service-name={SERVICE}"
        for part in self.kube.list("EndpointSlice", self.namespace, labels=labels):
            for name in ready_targets(part):
                slot = slots.get(name, "")
                found[slot] = found.get(slot, 0) + 1
        return found

    def scale(self, slot: str, replicas: int) -> None:
        """As a person would."""
        self.kube.patch("Deployment", self.namespace, workload(slot), {"spec": {"replicas": replicas}})

    def fault(self, slot: str, **faults: object) -> None:
        """Change the faults of every pod of a slot; see `examples/bookshop/web/server`."""
        for pod in self.pods(slot):
            if "deletionTimestamp" not in pod["metadata"]:
                self.fault_of(pod, **faults)

    def fault_of(self, pod: Object, **faults: object) -> None:
        """The same for one pod."""
        query = {key: str(value).lower() for key, value in faults.items()}
        path = url_path("Pod", self.namespace, f"{pod['metadata']['name']}:{CONTROL}", "proxy")
        self.kube.raw("POST", f"{path.replace('%3A', ':')}/faults", query=query)

    def until_ready(self, slot: str, count: int, *, seconds: float = START_SECONDS) -> None:
        _until(f"{count} ready pods of {slot}", lambda: len(self.ready(slot)) == count, seconds)

    def until_behind(self, slots: set[str], *, seconds: float = START_SECONDS) -> None:
        _until(f"only {slots} behind the Service", lambda: set(self.behind()) == slots, seconds)

    def point(self, chosen: Mapping[str, str | None], **metadata: Any) -> Object:
        """A merge patch of the selector: None removes a key."""
        body = {"metadata": metadata, "spec": {"selector": dict(chosen)}}
        return self.kube.patch("Service", self.namespace, SERVICE, body)

    def switch(self, slot: str) -> Object:
        """The patch as the operator makes it, by hand: compare-and-set, with an id of the switch."""
        now = self.kube.get("Service", self.namespace, SERVICE)
        before = (now["spec"].get("selector") or {}).get(KEY, "")
        annotations = {
            "switchback.dev/cutover-id": f"by-hand-{secrets.token_hex(4)}",
            "switchback.dev/from-slot": before,
        }
        version = now["metadata"]["resourceVersion"]
        return self.point({KEY: slot}, resourceVersion=version, annotations=annotations)


def is_ready(pod: Object) -> bool:
    """Ready, and not about to go."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def ready_targets(part: Object) -> list[str]:
    """Names of the pods that are ready endpoints of an EndpointSlice."""
    return [
        one["targetRef"]["name"]
        for one in part.get("endpoints") or []
        if one.get("conditions", {}).get("ready", True) and "targetRef" in one
    ]


def _until(what: str, check: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {seconds:.0f} s: {what}")
        time.sleep(_STEP)
