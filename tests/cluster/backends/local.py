"""`CLUSTER=local`: a node of our own in namespaces of this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import faults, images, loading, namespaces, network, node, record
from tests.cluster.backends.base import Images, Volume
from tests.cluster.console import say
from tests.cluster.errors import BedError
from tests.cluster.paths import this_bed
from tests.cluster.quantity import to_bytes
from tests.cluster.run import run

if TYPE_CHECKING:
    from tests.cluster.processes import Process
    from tests.cluster.record import Record


class Local:
    """The bed of this checkout."""

    name = "local"

    def __init__(self) -> None:
        self.bed = this_bed()

    @property
    def kubeconfig(self) -> Path:
        return self.bed.kubeconfig

    @property
    def node_ip(self) -> str:
        return network.node_ip(self._record().index)

    @property
    def audit_log(self) -> Path:
        return self.bed.audit_log

    def is_up(self) -> bool:
        return node.trouble(self.bed) is None

    def up(self, *, dry_run: bool = False) -> None:
        if dry_run:
            say("local: would start a node in namespaces of this machine; there is nothing to print")
            return
        node.up(self.bed)
        loading.load(self.bed, images.build(images.PAUSE))

    def down(self, *, dry_run: bool = False) -> None:
        if not dry_run:
            node.down(self.bed)
            say(f"bed {self.bed.name} is gone")

    def load_images(self, *, dry_run: bool = False) -> Images:
        if not dry_run:
            loading.load(self.bed, images.build(*images.LOADED))
        return Images(
            switchback=f"localhost/{images.SWITCHBACK}",
            postgres={tag.rpartition(":")[2]: f"localhost/{tag}" for tag in images.POSTGRES},
            web=f"localhost/{images.WEB}",
            revision=images.key(images.SWITCHBACK),
        )

    def processes(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._record().processes.items()}

    def freeze(self, name: str) -> None:
        faults.freeze(self.bed, self._record(), name)

    def thaw(self, name: str) -> None:
        faults.thaw(self.bed, self._record(), name)

    def drop_traffic(self, pod_ip: str) -> None:
        faults.cut(self.bed, pod_ip)

    def restore_traffic(self, pod_ip: str) -> None:
        faults.mend(self.bed, pod_ip)

    def make_volume(self, name: str, size: str) -> Volume:
        folder = self.bed.volumes / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise BedError(
                f"there is a volume {name} already; remove it first, or choose another name"
            ) from None
        # Any user may write: pods of tests run as several.
        options = f"size={to_bytes(size)},mode=0777"
        run(self.inside("mount", "-t", "tmpfs", "-o", options, name, str(folder)))
        return Volume(name, size, str(folder), self._as_seen_here(folder))

    def remove_volume(self, name: str) -> None:
        folder = self.bed.volumes / name
        run(self.inside("umount", "--lazy", str(folder)), check=False)
        with suppress(FileNotFoundError):
            folder.rmdir()

    def inside(self, *argv: str) -> list[str]:
        """Return a command that runs on the node, beside the kubelet."""
        return namespaces.enter(self._init(), *argv)

    def _as_seen_here(self, path: Path) -> Path:
        return Path(f"/proc/{self._init().pid}/root{path}")

    def _record(self) -> Record:
        known = record.load(self.bed)
        if known is None:
            raise BedError(f"bed {self.bed.name} is not up; `make cluster` starts it")
        return known

    def _init(self) -> Process:
        init = self._record().init
        if init is None:
            raise BedError(f"bed {self.bed.name} is not up; `make cluster` starts it")
        return init
