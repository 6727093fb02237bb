"""The rights that the chart gives to the operator, given to a service account of a test."""

from __future__ import annotations

import secrets
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from tests.cluster.handle import Cluster

CHART = CHECKOUT / "charts" / "switchback"
ACCOUNT = "switchback-rights"
ABSENT = "absent.switchback.dev"
_ROLES = ("switchback", "switchback-volumes")

Object = dict[str, Any]


def rules(*sets: str) -> list[Object]:
    """What the chart lets the operator do in the whole cluster."""
    binaries.ensure("helm")
    values = [word for one in sets for word in ("--set", one)]
    release = ("template", "switchback", str(CHART), "--kube-version", binaries.KUBERNETES)
    command = [str(binaries.path("helm")), *release, *values]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    objects = [one for one in yaml.safe_load_all(done.stdout) if one]
    return [
        rule
        for one in objects
        if one["kind"] == "ClusterRole" and one["metadata"]["name"] in _ROLES
        for rule in one["rules"]
    ]


class Rights:
    """A service account in a namespace that may do what the chart allows, until that is taken away."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = f"switchback-rights-{secrets.token_hex(4)}"
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
        cluster.apply(account, namespace=namespace)
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": self._name},
            # The last: as if the chart's rules were for a kind that this cluster does not have.
            "rules": [*rules(), {"apiGroups": [ABSENT], "resources": ["*"], "verbs": ["*"]}],
        }
        cluster.apply(role)
        self.give()

    def token(self) -> str:
        """Who logs in with it is the service account."""
        words = ("create", "token", ACCOUNT, "-n", self._namespace, "--duration=1h")
        return str(self._cluster.kubectl(*words)).strip()

    def give(self) -> None:
        """Let it do what the chart allows."""
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self._namespace}
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": self._name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": self._name,
            },
            "subjects": [subject],
        }
        self._cluster.apply(binding)
        wait_for("the rights to count", lambda: self._may() == "yes", timeout=10, pause=0.05)

    def take(self) -> None:
        """Let it do nothing any more."""
        self._cluster.kubectl("delete", "clusterrolebinding", self._name)
        wait_for("the rights to be gone", lambda: self._may() == "no", timeout=10, pause=0.05)

    def remove(self) -> None:
        """Remove what was made for the whole cluster."""
        for kind in ("clusterrolebinding", "clusterrole"):
            self._cluster.kubectl("delete", kind, self._name, "--ignore-not-found")

    def _may(self) -> str:
        who = f"--as=system:serviceaccount:{self._namespace}:{ACCOUNT}"
        words = ("auth", "can-i", "get", "pods", "-n", self._namespace, who)
        return str(self._cluster.kubectl(*words, check=False)).strip()
