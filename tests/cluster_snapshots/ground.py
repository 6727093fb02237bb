"""What providers are tested on: a namespace, pods on claims, and objects that somebody else makes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from switchback.contract.points import Intent, Ownership, Purpose, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.handle import Cluster

Object = dict[str, Any]

SYSTEM = "7423456789012345678"
SECONDS = 30.0


class Ground:
    """One namespace, with the administrator's hands."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def pod(self, name: str, *claims: str, address: bool = True, **spec: Any) -> str:
        """Start a pod that mounts these claims, and return its address."""
        mounts = [{"name": f"v{number}", "mountPath": f"/v{number}"} for number in range(len(claims))]
        volumes = [
            {"name": f"v{number}", "persistentVolumeClaim": {"claimName": claim}}
            for number, claim in enumerate(claims)
        ]
        container = {
            "name": "main",
            "image": self.cluster.images.postgres["18"],
            "imagePullPolicy": "IfNotPresent",
            "command": ["sleep", "infinity"],
            "volumeMounts": mounts,
        }
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
                "containers": [container],
                "volumes": volumes,
                **spec,
            },
        }
        self.cluster.apply(body, namespace=self.namespace)
        if not address:
            return ""
        self.cluster.wait(f"pod/{name}", "-n", self.namespace, "--for=condition=Ready")
        return str(self.get("pod", name)["status"]["podIP"])

    def get(self, kind: str, name: str) -> Object:
        return dict(self.cluster.kubectl("get", kind, name, "-n", self.namespace, json=True))

    def list(self, kind: str) -> list[Object]:
        return list(self.cluster.kubectl("get", kind, "-n", self.namespace, json=True)["items"])

    def delete(self, kind: str, *names: str) -> None:
        words = names or ("--all",)
        self.cluster.kubectl("delete", kind, *words, "-n", self.namespace, "--timeout=30s")

    def patch(self, kind: str, name: str, body: str, *more: str) -> None:
        self.cluster.kubectl("patch", kind, name, "-n", self.namespace, "--type=merge", "-p", body, *more)

    def until(self, kind: str, name: str, wanted: Callable[[Object], bool]) -> Object:
        deadline = time.monotonic() + SECONDS
        while not wanted(found := self.get(kind, name)):
            assert time.monotonic() < deadline, found.get("status")
            time.sleep(0.1)
        return found


def subject(address: str, **more: Any) -> Subject:
    """The database as a Job has seen it at an address."""
    values: dict[str, Any] = {
        "database": "shop",
        "system_identifier": SYSTEM,
        "server_version": 180000,
        "host": "db.example.svc",
        "port": 5432,
        "addresses": ("10.96.0.99",),  # of a Service: no pod has it
        "server_address": address,
        **more,
    }
    return Subject(**values)


def intent(namespace: str, seen: Subject, number: int = 1, resource: str = "shop") -> Intent:
    """A restore point that a resource wants."""
    operation = f"3f2a91c0-5b1e7{number}"
    return Intent(
        name=f"pre-rollback-20260301T10150{number}Z-{resource}-{operation}",
        namespace=namespace,
        subject=seen,
        ownership=Ownership(
            installation="installation-1",
            uid=f"uid-of-{resource}",
            namespace=namespace,
            name=resource,
            purpose=Purpose.PRE_ROLLBACK,
            operation_id=operation,
            attempt=1,
            schema_version="20260301_vouchers",
        ),
        decided="2026-03-01T10:15:00Z",
    )
