"""The control groups of one bed's pods, on machines with version 1 and with version 2."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from tests.cluster.paths import Bed

_ROOT = Path("/sys/fs/cgroup")


def _hierarchies() -> list[Path]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(mount[1]) for mount in mounts if mount[2] in ("cgroup", "cgroup2")]


def create(bed: Bed) -> None:
    """Make the root under which the kubelet puts its pods; it refuses to start without."""
    for hierarchy in _hierarchies():
        folder = hierarchy / bed.name
        with suppress(OSError):  # hierarchies that allow no groups are not those that the kubelet asks for
            folder.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 starts these empty, and a group without processors takes no process.
            file = folder / name
            if file.is_file() and not file.read_text().strip():
                with suppress(OSError):
                    file.write_text((hierarchy / name).read_text())
        if (hierarchy / "cgroup.subtree_control").is_file() and hierarchy == _ROOT:
            _delegate(hierarchy, folder)


def _delegate(root: Path, folder: Path) -> None:
    """Version 2: hand every controller down to the bed's group."""
    for group in (root, folder):
        for controller in (root / "cgroup.controllers").read_text().split():
            with suppress(OSError):
                (group / "cgroup.subtree_control").write_text(f"+{controller}")


def leftovers(bed: Bed) -> list[Path]:
    """Return the groups of this bed that are there."""
    return [folder for hierarchy in _hierarchies() if (folder := hierarchy / bed.name).is_dir()]


def remove(bed: Bed, *, timeout: float = 20) -> None:
    """Remove every group of the bed; the kernel frees them a moment after their last process."""
    deadline = time.monotonic() + timeout
    while folders := leftovers(bed):
        for folder in folders:
            groups = [path for path in folder.rglob("*") if path.is_dir()]
            for group in [*sorted(groups, key=lambda path: len(path.parts), reverse=True), folder]:
                with suppress(OSError):
                    group.rmdir()
        if time.monotonic() > deadline:
            raise BedError(
                f"control groups {', '.join(map(str, leftovers(bed)))} are still in use after {timeout:.0f} s"
            )
        time.sleep(0.05)
