"""`CLUSTER=current`: a cluster of yours, reached by your kubeconfig, with images that you pushed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import binaries
from tests.cluster.backends.base import Images
from tests.cluster.console import say
from tests.cluster.errors import BedError, UnsupportedError
from tests.cluster.run import run

if TYPE_CHECKING:
    from tests.cluster.backends.base import Volume


class Current:
    """The cluster of the user's current context. Nothing of it is started, stopped or removed."""

    name = "current"

    @property
    def kubeconfig(self) -> Path:
        path = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
        if not path.is_file():
            raise BedError(
                f"CLUSTER=current: there is no kubeconfig {path}; set KUBECONFIG to one file", code=2
            )
        return path

    @property
    def node_ip(self) -> str:
        nodes = json.loads(self._kubectl("get", "nodes", "-o", "json"))["items"]
        addresses = [item for node in nodes for item in node["status"]["addresses"]]
        for kind in ("ExternalIP", "InternalIP"):
            for address in addresses:
                if address["type"] == kind:
                    return str(address["address"])
        raise BedError("CLUSTER=current: no node of this cluster has an address")

    @property
    def audit_log(self) -> Path:
        raise UnsupportedError(
            "current: the audit log of your cluster is out of reach; CLUSTER=local has one"
        )

    def is_up(self) -> bool:
        return True

    def up(self, *, dry_run: bool = False) -> None:
        if not dry_run:
            version = json.loads(self._kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
            say(f"using the cluster of {self.kubeconfig}, Kubernetes {version}")

    def down(self, *, dry_run: bool = False) -> None:
        say(f"CLUSTER=current: your cluster is left as it is{' (dry run)' if dry_run else ''}")

    def load_images(self, *, dry_run: bool = False) -> Images:  # noqa: ARG002 - there is nothing to do
        image = os.environ.get("SWITCHBACK_IMAGE", "")
        if not image:
            raise BedError(
                "CLUSTER=current: set SWITCHBACK_IMAGE to an image that your nodes can pull (build it with "
                "`docker build .` and push it); POSTGRES_15_IMAGE, POSTGRES_18_IMAGE "
                "and BOOKSHOP_WEB_IMAGE are optional",
                code=2,
            )
        majors = {
            major: os.environ.get(f"POSTGRES_{major}_IMAGE") or f"postgres:{major}" for major in ("15", "18")
        }
        return Images(switchback=image, postgres=majors, web=os.environ.get("BOOKSHOP_WEB_IMAGE", ""))

    def processes(self) -> dict[str, int]:
        return {}

    def freeze(self, name: str) -> None:
        raise UnsupportedError(f"current: {name} of your cluster is not frozen; CLUSTER=local can do that")

    def thaw(self, name: str) -> None:
        raise UnsupportedError(f"current: {name} of your cluster was not frozen")

    def drop_traffic(self, pod_ip: str) -> None:
        raise UnsupportedError(f"current: the traffic of {pod_ip} is not cut; CLUSTER=local can do that")

    def restore_traffic(self, pod_ip: str) -> None:
        raise UnsupportedError(f"current: the traffic of {pod_ip} was not cut")

    def make_volume(self, name: str, size: str) -> Volume:
        raise UnsupportedError(
            f"current: no volume {name} of {size} is made on your nodes; CLUSTER=local can do that"
        )

    def remove_volume(self, name: str) -> None:
        raise UnsupportedError(f"current: volume {name} was not made here")

    def _kubectl(self, *argv: str) -> str:
        binaries.ensure("kubectl")
        return run([binaries.path("kubectl"), f"--kubeconfig={self.kubeconfig}", *argv], timeout=60).stdout
