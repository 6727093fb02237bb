"""The story of one switch: a shop with two slots under load, and the resource that moves its traffic."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from switchback.api import names
from tests.crash.proxy import Fault, Moment
from tests.crash.request import BY_THE_WAY
from tests.crash.story import until
from tests.traffic.load import Load, reach
from tests.traffic.oracle import Oracle
from tests.traffic.shop import NAME, cutover
from tests.traffic.slots import KEY, Slots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cluster.handle import Cluster
    from tests.crash.request import Request
    from tests.e2e.kube import Kube, Object

OPERATOR = "operator"
SECONDS = 120.0
AGAIN_SECONDS = 15.0
"""So soon after a death the next thing has happened, or all is at rest."""

ENOUGH = {"switchDeadlineSeconds": 120}
"""For an operator that dies in between, again and again."""


@dataclass
class SwitchStory:
    """A shop in a namespace of its own, with a service account for its operator."""

    cluster: Cluster
    kube: Kube
    namespace: str
    folder: Path
    token: str = ""
    since: int = field(init=False)
    """Where the audit log ended before the story began."""

    def __post_init__(self) -> None:
        self.since = self.cluster.audit_mark()
        self.slots = Slots(self.kube, self.namespace, self.cluster.images.web)

    @property
    def user(self) -> str:
        """The operator, as the API server knows it."""
        return f"system:serviceaccount:{self.namespace}:{OPERATOR}"

    def prepare(self, replicas: int) -> None:
        """The operator's account, and both slots."""
        subject = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": self.namespace}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": OPERATOR}},
            namespace=self.namespace,
        )
        self.cluster.apply(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": self.namespace},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "cluster-admin",
                },
                "subjects": [subject],
            }
        )
        self.token = self.cluster.kubectl("create", "token", OPERATOR, "-n", self.namespace).strip()
        self.slots.start(replicas=replicas)

    def remove(self) -> None:
        """What is not in the namespace."""
        self.cluster.kubectl("delete", "clusterrolebinding", self.namespace, "--ignore-not-found")

    def oracle(self) -> Oracle:
        """Begins to watch."""
        return Oracle(self.cluster, self.kube, self.namespace, actor=self.user)

    @contextmanager
    def load(self) -> Iterator[Load]:
        """Asks the Service, new connections and kept ones, while the block lasts."""
        log = self.folder / f"{self.namespace}.tsv"
        reach(self.cluster, self.slots.url, log)
        with Load(self.cluster, self.slots.url, log) as running:
            yield running

    def ask(self, active: str, *, spec: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """Applies the resource with a wish for this slot."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": NAME},
            "spec": {"cutover": cutover(active, **{**ENOUGH, **fields}), **(spec or {})},
        }
        self.kube.apply(body, self.namespace)

    def annotate(self, **annotations: str) -> None:
        """Requests of people, without the domain: `abort="…"`."""
        told = {f"{names.GROUP}/{key}": value for key, value in annotations.items()}
        self.kube.patch(names.KIND, self.namespace, NAME, {"metadata": {"annotations": told}})

    def resource(self) -> Object:
        """The resource as it is."""
        return self.kube.get(names.KIND, self.namespace, NAME)

    def at(self) -> Object:
        """The switch under way, or the last one."""
        found: Object = (self.resource().get("status", {}).get("traffic") or {}).get("cutover") or {}
        return found

    def conditions(self) -> dict[str, str]:
        """The conditions by type, as `Status/Reason`; none while the present spec has not been seen."""
        resource = self.resource()
        status = resource.get("status", {})
        if status.get("observedGeneration") != resource["metadata"]["generation"]:
            return {}
        return {one["type"]: f"{one['status']}/{one['reason']}" for one in status.get("conditions", [])}

    def finished(self, seconds: float = SECONDS) -> dict[str, str]:
        """Waits until the present wish has come to an end. Gives its conditions."""
        said: dict[str, str] = {}

        def over() -> bool:
            said.clear()
            said.update(self.conditions())
            return said.get("Finished", "").startswith("True")

        self.until(over, seconds, "end of the operation")
        return said

    def succeeded(self, seconds: float = SECONDS) -> None:
        """Waits for a good end, and until nothing is left to do."""
        ready = self.finished(seconds)["Ready"]
        if ready != "True/Succeeded":
            raise AssertionError(f"ended with Ready {ready}: {self.resource()['status']}")
        self.at_rest(seconds)

    def at_rest(self, seconds: float = SECONDS) -> None:
        """Waits until the resource may go at any moment."""
        self.until(lambda: not self.resource()["metadata"].get("finalizers"), seconds, "rest")

    def phase(self, *phases: str, seconds: float = SECONDS) -> Object:
        """Waits until the switch is in one of these phases."""
        self.until(lambda: self.at().get("phase") in phases, seconds, f"phase {' or '.join(phases)}")
        return self.at()

    def until(self, seen: Any, seconds: float, what: str) -> None:
        """Waits until `seen()` holds. When it does not, tells how the resource is."""
        try:
            until(seen, seconds, what)
        except TimeoutError as error:
            found = self.resource()
            raise TimeoutError(f"{error}: {found['metadata']}: {found.get('status')}") from None

    def told(self) -> None:
        """Waits until the pod that checks the new slot knows that the traffic has moved."""

        def seen() -> bool:
            pods = self.kube.list("Pod", self.namespace)
            return any(
                names.ANNOTATION_SWITCHED in (pod["metadata"].get("annotations") or {}) for pod in pods
            )

        self.until(seen, SECONDS, "word to the pod that checks")

    def probes(self) -> list[str]:
        """Number of each Job for the checks of a switch that the API server has taken, oldest first."""
        taken = self.cluster.audit(
            since=self.since, namespace=self.namespace, verb="create", resource="jobs", code=201
        )
        return [event.name.rpartition("-")[2] for event in taken if "-c-check-" in event.name]


def check_writes(oracle: Oracle, expected: list[str]) -> None:
    """The operator has written these slots, once each, over what it had seen; nothing else was amiss."""
    switches = oracle.switches()
    assert [write.after[KEY] for write in switches] == expected
    assert all(write.request["metadata"]["resourceVersion"] for write in switches)
    assert oracle.violations() == []


class AtWrites(Fault):
    """The operator dies at each write of each stage, at these moments. It begins when it is armed.

    With `words`, only at writes that have one of them in their stage or are of that kind.
    """

    def __init__(self, *moments: Moment, words: tuple[str, ...] = ()) -> None:
        self.armed = False
        self._moments, self._words = moments, words
        self.deaths: dict[tuple[str, str, Moment], float] = {}
        """Stage, what was asked, and moment of each death; and when it was."""

    @override
    def kills(self, request: Request) -> Moment | None:
        if not self.armed or not request.writes or request.resource in BY_THE_WAY:
            return None
        if self._words and not any(word in f"{request.stage} {request.what}" for word in self._words):
            return None
        for moment in self._moments:
            place = (request.stage, request.what, moment)
            if place not in self.deaths:
                self.deaths[place] = time.time()
                return moment
        return None

    @property
    def kinds(self) -> Counter[str]:
        """How often it died at which kind of request."""
        return Counter(what for _, what, _ in self.deaths)

    def check_pace(self, end: float) -> None:
        """After each death it went on soon: to the next one, or to the end."""
        times = [*self.deaths.values(), end]
        waits = [after - before for before, after in pairwise(times)]
        assert max(waits, default=0.0) < AGAIN_SECONDS, list(zip(self.deaths, waits, strict=True))

    def told(self) -> str:
        """For people."""
        times = list(self.deaths.values())
        seconds = times[-1] - times[0] if times else 0.0
        return f"{len(times)} deaths within {seconds:.0f} s: {dict(self.kinds)}"
