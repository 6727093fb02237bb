"""What a test holds: the running cluster, with everything a test may do to it."""

from __future__ import annotations

import json as jsonlib
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.cluster import audit, binaries
from tests.cluster.errors import BedError
from tests.cluster.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.backends.base import Backend, Images, Volume

_WAIT = 60.0


class Cluster:
    """A running cluster with the operator in it."""

    def __init__(self, backend: Backend, images: Images) -> None:
        """Hold a cluster that is up, and the names of the images in it."""
        self.backend = backend
        self.images = images
        self._volumes: set[str] = set()

    @property
    def kubeconfig(self) -> Path:
        return self.backend.kubeconfig

    @property
    def node_ip(self) -> str:
        """Return the address at which this machine reaches Services of type NodePort."""
        return self.backend.node_ip

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - the name that subprocess uses
        json: bool = False,
        check: bool = True,
        timeout: float = _WAIT,
    ) -> Any:
        """Run kubectl as administrator; return its output, with `json` parsed from `-o json`."""
        words: list[str | Path] = [binaries.path("kubectl"), f"--kubeconfig={self.kubeconfig}", *args]
        out = run([*words, "-o", "json"] if json else words, stdin=input, check=check, timeout=timeout).stdout
        if not json:
            return out
        return jsonlib.loads(out) if out.strip() else None

    def apply(self, *objects: dict[str, Any], namespace: str = "") -> None:
        """Apply objects given as Python values."""
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        where = ["--namespace", namespace] if namespace else []
        self.kubectl("apply", *where, "-f", "-", input=jsonlib.dumps(bundle))

    def wait(self, *args: str, timeout: float = _WAIT) -> None:
        """Run `kubectl wait` with a time limit, for example `wait("pod/db", "--for=condition=Ready")`."""
        self.kubectl("wait", *args, f"--timeout={timeout:.0f}s", timeout=timeout + 10)

    def audit_mark(self) -> int:
        """Return the present end of the audit log, to be given to `audit` as `since`."""
        return audit.size(self.backend.audit_log)

    def audit(self, *, since: int = 0, **wanted: str | int | bool | tuple[str, ...]) -> list[audit.Event]:
        """Return requests to the API server; filters are properties of `audit.Event`."""
        return audit.read(self.backend.audit_log, since=since, **wanted)

    def freeze(self, name: str) -> None:
        """Stop a program of the node, such as `kube-apiserver` or `kubelet`, without ending it."""
        self.backend.freeze(name)

    def thaw(self, name: str) -> None:
        """Let a stopped program go on."""
        self.backend.thaw(name)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Keep a program stopped during a block."""
        self.freeze(name)
        try:
            yield
        finally:
            self.thaw(name)

    @contextmanager
    def drop_traffic(self, pod_ip: str) -> Iterator[None]:
        """Drop all packets of a pod during a block: not even the end of a connection arrives."""
        self.backend.drop_traffic(pod_ip)
        try:
            yield
        finally:
            self.backend.restore_traffic(pod_ip)

    def volume(self, size: str = "64Mi", name: str = "") -> Volume:
        """Make a static PersistentVolume of limited size; `volume.claim(name)` is a claim for it."""
        if name:  # an earlier volume of this name may be on its way out
            self.wait(f"pv/{name}", "--for=delete")
        volume = self.backend.make_volume(name or f"switchback-{secrets.token_hex(4)}", size)
        self._volumes.add(volume.name)
        self.apply(_persistent_volume(volume))
        return volume

    def remove_volume(self, name: str) -> None:
        """Remove a volume made by `volume`, whoever still uses it."""
        self._volumes.discard(name)
        self.kubectl("delete", "pv", name, "--ignore-not-found", "--wait=false")
        self.backend.remove_volume(name)

    def remove_volumes(self) -> None:
        """Remove every volume made here."""
        for name in sorted(self._volumes):
            self.remove_volume(name)

    def create_namespace(self, name: str) -> None:
        """Make a namespace and wait until pods are accepted in it."""
        self.kubectl("create", "namespace", name)
        # A pod is refused until its service account exists.
        self.kubectl("wait", "serviceaccount/default", "-n", name, "--for=create", "--timeout=30s")

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace without waiting for it; its pods are not asked twice."""
        quick = ["--grace-period=1", "--wait=false", "--ignore-not-found"]
        try:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
            self.kubectl("delete", "pods", "--all", "-n", name, *quick)
        except BedError as error:
            raise BedError(f"namespace {name} was not deleted: {error}") from None


def _persistent_volume(volume: Volume) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume.name, "labels": {"switchback.dev/test-bed": "true"}},
        "spec": {
            "capacity": {"storage": volume.size},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            # `local`, not hostPath: the kubelet then gives it the pod's fsGroup, as it does for real storage.
            "local": {"path": volume.path},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
                            ]
                        }
                    ]
                }
            },
        },
    }
