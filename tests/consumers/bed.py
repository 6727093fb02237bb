"""Our resource on a real API server without an operator: the same kind, under a group of this run's own.

An operator in the cluster does not know the group, so what a test writes into a status stays there.
"""

from __future__ import annotations

import copy
import json
import secrets
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import crd, names
from tests.cluster import binaries
from tests.cluster.run import wait_for
from tests.e2e.kube import MERGE, Kube, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kube import Object

APPLY = "application/apply-patch+yaml"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FINALIZER = "consumers.switchback.dev/held"
SPEC = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
    "source": {"configMapRefs": [{"name": "files"}]},
    "snapshot": {"none": {"acknowledge": True}},
    "jobTemplate": {"metadata": {"labels": {}}, "spec": {"tolerations": [], "nodeSelector": {}}},
}


@dataclass
class Bed:
    """One namespace, and the kind under the group `group`."""

    kubeconfig: Path
    namespace: str
    group: str

    @property
    def kind(self) -> str:
        """What kubectl calls the kind."""
        return f"{names.PLURAL}.{self.group}"

    @property
    def kube(self) -> Kube:
        return Kube(self.kubeconfig)

    def install(self) -> None:
        definition = copy.deepcopy(crd.definition())
        definition["metadata"]["name"] = self.kind
        definition["spec"]["group"] = self.group
        definition["spec"]["names"]["shortNames"] = []
        self.kube.json("POST", DEFINITIONS, body=definition)
        wait_for(f"the kind {self.kind}", self._is_served, timeout=60, pause=0.2)

    def remove(self) -> None:
        """The kind with all that there is of it. What a test has left behind is held no longer."""
        for one in self.kube.json("GET", self.path())["items"]:
            if one["metadata"].get("finalizers"):
                self.patch(one["metadata"]["name"], {"metadata": {"finalizers": []}})
        self.kube.raw("DELETE", f"{DEFINITIONS}/{self.kind}")

    def path(self, name: str = "", sub: str = "") -> str:
        base = f"/apis/{self.group}/{names.VERSION}/namespaces/{self.namespace}/{names.PLURAL}"
        return "/".join(part for part in (base, name, sub) if part)

    def create(self, name: str, *, held: bool = False) -> Object:
        """A resource as its user creates it. `held`: its deletion waits for somebody."""
        meta: Object = {"name": name, **({"finalizers": [FINALIZER]} if held else {})}
        body = {**self._head(meta), "spec": SPEC}
        return self.kube.json("POST", self.path(), body=body)

    def get(self, name: str) -> Object:
        return self.kube.json("GET", self.path(name))

    def edit(self, name: str, **spec: Any) -> Object:
        return self.patch(name, {"spec": spec})

    def patch(self, name: str, body: Object) -> Object:
        return self.kube.json("PATCH", self.path(name), body=body, content_type=MERGE)

    def delete(self, name: str) -> None:
        self.kube.raw("DELETE", self.path(name))

    def write(self, name: str, status: Object) -> Object:
        """The status as the operator writes it: server-side apply of the whole."""
        return self.kube.json(
            "PATCH",
            self.path(name, "status"),
            query={"fieldManager": names.FIELD_MANAGER, "force": "true"},
            body={**self._head({"name": name}), "status": status},
            content_type=APPLY,
        )

    def kubectl(self, *words: str) -> subprocess.Popen[str]:
        """The real kubectl, started and not waited for."""
        argv = [
            str(binaries.path("kubectl")),
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
        ]
        return subprocess.Popen(
            [*argv, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def wait(self, name: str, condition: str, *, seconds: int) -> subprocess.Popen[str]:
        return self.kubectl(
            "wait", f"{self.kind}/{name}", f"--for=condition={condition}", f"--timeout={seconds}s"
        )

    def _head(self, meta: Object) -> Object:
        return {"apiVersion": f"{self.group}/{names.VERSION}", "kind": names.KIND, "metadata": meta}

    def _is_served(self) -> bool:
        try:
            self.kube.json("GET", self.path())
        except RefusedError as error:
            if error.code in {404, 429}:  # not known yet, or its storage is being set up
                return False
            raise
        return True


def new_group() -> str:
    """A group that no other run has."""
    return f"t{secrets.token_hex(3)}.switchback.dev"


def ended(process: subprocess.Popen[str]) -> bool:
    """Whether kubectl says that what it waited for has come. Any other end than a timeout is a failure."""
    out, err = process.communicate(timeout=120)
    if process.returncode == 0:
        assert "condition met" in out, out
        return True
    assert "timed out waiting for the condition" in err, err
    return False


def plain(resource: Object) -> Object:
    """Without what the API server adds for itself, as JSON that can be compared."""
    copied: Object = json.loads(json.dumps(resource))
    for key in ("managedFields", "resourceVersion"):
        copied["metadata"].pop(key, None)
    return copied
