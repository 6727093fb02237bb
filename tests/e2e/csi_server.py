"""PostgreSQL on a volume of the test bed's CSI driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster.csi import Claim
    from tests.cluster.handle import Cluster


def start_server(cluster: Cluster, claim: Claim, name: str) -> None:
    """Start PostgreSQL on a claim."""
    ready = {"exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]}, "periodSeconds": 1}
    container = {
        "name": "main",
        "image": cluster.images.postgres["18"],
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "POSTGRES_HOST_AUTH_METHOD", "value": "trust"},
            {"name": "PGDATA", "value": "/data/pg"},
        ],
        "readinessProbe": ready,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532},
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim.name}}],
        },
    }
    cluster.apply(pod, namespace=claim.namespace)
    cluster.wait(f"pod/{name}", "-n", claim.namespace, "--for=condition=Ready")
