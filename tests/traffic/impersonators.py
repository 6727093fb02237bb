"""Tools that write a Service again and again, as they do it.

Each runs in a thread, every two seconds, and ends by itself.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.cluster.errors import BedError
from tests.e2e.kube import RefusedError, url_path
from tests.traffic.slots import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube, Object

PERIOD = 2.0
MOST = 60
KUSTOMIZE, ARGO, HELM = "kustomize-controller", "argocd-controller", "helm"
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Turn:
    """One write. `refused` is empty when it was taken."""

    at: float
    refused: str = ""


class Impersonator:
    """Writes the Service every so often while the block lasts, the first time at once."""

    def __init__(
        self, name: str, write: Callable[[], None], *, period: float = PERIOD, most: int = MOST
    ) -> None:
        self.name = name
        self.turns: list[Turn] = []
        self._write, self._period, self._most = write, period, most
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def once(self) -> Turn:
        """One write now."""
        begun = time.time()
        try:
            self._write()
        except (RefusedError, BedError) as error:
            turn = Turn(begun, str(error) or type(error).__name__)
        else:
            turn = Turn(begun)
        self.turns.append(turn)
        return turn

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        for _ in range(self._most):
            self.once()
            if self._stop.wait(self._period):
                return


def server_side(kube: Kube, namespace: str, manager: str, body: Object, *, force: bool) -> None:
    """Server-side apply."""
    query = {"fieldManager": manager} | ({"force": "true"} if force else {})
    path = url_path("Service", namespace, SERVICE)
    kube.raw("PATCH", path, query=query, body=body, content_type=_APPLY)


def flux(kube: Kube, namespace: str, body: Object) -> Impersonator:
    """Flux applies on the server's side, and always by force."""
    return Impersonator(KUSTOMIZE, lambda: server_side(kube, namespace, KUSTOMIZE, body, force=True))


def argo(kube: Kube, namespace: str, body: Object) -> Impersonator:
    """Argo CD with ServerSideApply=true does the same."""
    return Impersonator(ARGO, lambda: server_side(kube, namespace, ARGO, body, force=True))


def helm(kube: Kube, namespace: str, body: Object) -> Impersonator:
    """Helm 4 does it without force: it would rather fail."""
    return Impersonator(HELM, lambda: server_side(kube, namespace, HELM, body, force=False))


def kubectl_apply(cluster: Cluster, namespace: str, body: Object) -> Impersonator:
    """Three-way merge on the client's side, as Argo CD does it where nobody has told it otherwise."""
    return Impersonator("kubectl apply", lambda: _kubectl(cluster, namespace, "apply", body))


def kubectl_replace(cluster: Cluster, namespace: str, body: Object) -> Impersonator:
    """The whole object anew, as Argo CD does it with Replace=true."""
    return Impersonator("kubectl replace", lambda: _kubectl(cluster, namespace, "replace", body))


def _kubectl(cluster: Cluster, namespace: str, verb: str, body: Object) -> None:
    cluster.kubectl(verb, "-n", namespace, "-f", "-", input=json.dumps(body))
