"""What every kind of cluster offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Images:
    """The names of the images as pods in this cluster know them."""

    switchback: str
    postgres: dict[str, str] = field(default_factory=dict)  # by major version
    web: str = ""  # the bookshop's web server
    revision: str = ""  # changes with the content behind the name: pods are replaced then


@dataclass(frozen=True)
class Volume:
    """A static PersistentVolume of limited size."""

    name: str
    size: str
    path: str  # on the node
    files: Path | None = None  # the same folder as this machine sees it, where it can

    def claim(self, name: str) -> dict[str, object]:
        """Return a PersistentVolumeClaim that binds to this volume and to no other."""
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "volumeName": self.name,
                "resources": {"requests": {"storage": self.size}},
            },
        }


class Backend(Protocol):
    """One kind of cluster."""

    @property
    def name(self) -> str:
        """Return `local`, `kind` or `current`."""

    @property
    def kubeconfig(self) -> Path:
        """Return the file that reaches the cluster."""

    @property
    def node_ip(self) -> str:
        """Return the address at which this machine reaches NodePorts."""

    @property
    def audit_log(self) -> Path:
        """Return the API server's audit log."""

    def is_up(self) -> bool:
        """Say whether the cluster answers, without changing anything."""

    def up(self, *, dry_run: bool = False) -> None:
        """Leave a Ready cluster behind."""

    def down(self, *, dry_run: bool = False) -> None:
        """Remove what `up` made."""

    def load_images(self, *, dry_run: bool = False) -> Images:
        """Build the images that changed and bring them into the cluster."""

    def processes(self) -> dict[str, int]:
        """Return the ids of the node's programs by name."""

    def freeze(self, name: str) -> None:
        """Stop a program of the node without ending it."""

    def thaw(self, name: str) -> None:
        """Let a stopped program go on."""

    def drop_traffic(self, pod_ip: str) -> None:
        """Drop all packets of a pod."""

    def restore_traffic(self, pod_ip: str) -> None:
        """Undo `drop_traffic`."""

    def make_volume(self, name: str, size: str) -> Volume:
        """Make a folder of limited size on the node; the PersistentVolume is the caller's."""

    def remove_volume(self, name: str) -> None:
        """Remove that folder."""
