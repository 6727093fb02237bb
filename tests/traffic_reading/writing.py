"""Writing a Service the way other tools do it: the same requests, under the same names."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cluster import binaries
from tests.cluster.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.handle import Cluster

Object = dict[str, Any]

NAME = "web"


def manifest(*, annotations: dict[str, str] | None = None, **selector: str) -> Object:
    """The Service as Git has it: by default without the key of the slot."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "annotations": annotations or {}},
        "spec": {"selector": {"app": "shop", **selector}, "ports": ports},
    }


def newer(body: Object, release: int) -> Object:
    """The next commit, in which something else has changed."""
    made = copy.deepcopy(body)
    made["metadata"]["labels"] = {"release": str(release)}
    return made


@dataclass(frozen=True)
class Ground:
    """Where it is written."""

    cluster: Cluster
    namespace: str
    folder: Path

    def kubectl(self, *words: str, body: Object | None = None, check: bool = True) -> str:
        text = None if body is None else json.dumps(body)
        given = ["-f", "-"] if body is not None else []
        return str(
            self.cluster.kubectl(*words, "--namespace", self.namespace, *given, input=text, check=check)
        )

    def helm(self, body: Object, *words: str) -> None:
        """A real Helm 3, with a chart of this one object."""
        chart = self.folder / "chart"
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
        (chart / "templates" / "service.yaml").write_text(json.dumps(body))
        place = [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}"]
        run([binaries.path("helm"), *place, "upgrade", "--install", "web", chart, *words], timeout=60)


Write = Callable[[Ground, Object], object]


def server_side(manager: str, *, force: bool = True) -> Write:
    """Server-side apply, as Flux, Argo CD, Helm 4 and `kubectl apply --server-side` do it."""
    words = [
        "apply",
        "--server-side",
        f"--field-manager={manager}",
        *(["--force-conflicts"] if force else []),
    ]
    return lambda ground, body: ground.kubectl(*words, body=body)


def client_side(manager: str = "kubectl-client-side-apply") -> Write:
    """`kubectl apply`, and Argo CD in its usual mode."""
    return lambda ground, body: ground.kubectl("apply", f"--field-manager={manager}", body=body)


def replaced(manager: str) -> Write:
    """`kubectl replace`, and Argo CD with Replace=true."""

    def write(ground: Ground, body: Object) -> str:
        there = ground.kubectl("get", "service", NAME, "--ignore-not-found", "-o", "name").strip()
        verb = "replace" if there else "create"
        return ground.kubectl(verb, f"--field-manager={manager}", body=body)

    return write


def helm_3(ground: Ground, body: Object) -> None:
    """A release of a chart."""
    ground.helm(body)
