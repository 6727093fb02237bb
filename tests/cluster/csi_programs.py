"""The programs behind VolumeSnapshots: started on the node when a test asks for them, and ended with it."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from tests.cluster import binaries, components, namespaces, record
from tests.cluster.errors import BedError
from tests.cluster.paths import LOCKS
from tests.cluster.processes import Process
from tests.cluster.run import locked, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.paths import Bed

DRIVER = "csi.test.switchback.dev"
# Each is of no use without the one before it.
NAMES = binaries.SNAPSHOTS
_PATIENCE = 30.0


def folder(bed: Bed) -> Path:
    """Return where the driver keeps volumes, snapshots and what tests tell it."""
    return bed.state / "csi"


def start(bed: Bed) -> None:
    """Leave the programs running: those of an earlier test run on this node are kept."""
    binaries.ensure(*NAMES)
    known = record.load(bed)
    if known is None or known.init is None:
        raise BedError(f"bed {bed.name} is not up; `make cluster` starts it")
    with locked(LOCKS / f"{bed.name}-csi.lock", "starting the programs of VolumeSnapshots", timeout=120):
        wanted = {name: _command(bed, name) for name in NAMES}
        running = _load(bed)
        if all(name in running and running[name][1] == wanted[name] for name in NAMES):
            for process, _ in running.values():  # frozen by a test run that was killed
                process.send(signal.SIGCONT)
            return
        for process, _ in running.values():
            process.send(signal.SIGKILL)
            process.wait(_PATIENCE)
        socket = folder(bed) / "csi.sock"
        socket.unlink(missing_ok=True)
        started: dict[str, Process] = {}
        for name, argv in wanted.items():
            started[name] = namespaces.start(known.init, argv, bed.logs / f"{name}.log")
            _save(bed, started, wanted)
            wait_for(f"the socket of {DRIVER}", socket.is_socket, timeout=_PATIENCE)


@contextmanager
def frozen(bed: Bed, name: str) -> Iterator[None]:
    """Keep one of the programs stopped during a block."""
    running = _load(bed)
    if name not in running:
        raise BedError(f"{name} does not run on the node; there are {', '.join(running) or 'none'}")
    process = running[name][0]
    process.send(signal.SIGSTOP)
    wait_for(f"{name} to stand still", lambda: process.state == "T", timeout=5, pause=0.005)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)


def ended(bed: Bed) -> list[str]:
    """Return the programs that do not run, which is a mistake of the test bed."""
    running = _load(bed)
    return [name for name in NAMES if name not in running]


def _command(bed: Bed, name: str) -> list[str]:
    # Tests cannot wait for pauses that grow to five minutes, as they do by default.
    retries = ["--retry-interval-start=500ms", "--retry-interval-max=2s"]
    client = [f"--kubeconfig={bed.pki / 'admin.kubeconfig'}", "--kube-api-qps=50", "--kube-api-burst=100"]
    flags: dict[str, list[str]] = {
        "csi-driver": [
            f"-root={folder(bed)}",
            f"-kubelet={bed.state / 'kubelet'}",
            f"-node={components.NODE}",
            f"-name={DRIVER}",
            f"-cgroup={bed.cgroup}",
        ],
        "csi-snapshotter": [
            *client,
            *retries,
            f"--csi-address={folder(bed) / 'csi.sock'}",
            "--timeout=5s",
            "--extra-create-metadata",
        ],
        "snapshot-controller": [*client, *retries],
    }
    return [str(binaries.path(name)), *flags[name]]


def _note(bed: Bed) -> Path:
    return folder(bed) / "programs.json"


def _save(bed: Bed, started: dict[str, Process], commands: dict[str, list[str]]) -> None:
    note = _note(bed)
    partial = note.with_name(f".{note.name}.new")
    content = {name: {**asdict(process), "command": commands[name]} for name, process in started.items()}
    partial.write_text(json.dumps(content, indent=1))
    partial.replace(note)


def _load(bed: Bed) -> dict[str, tuple[Process, list[str]]]:
    """Return the programs that run now, with their command lines."""
    try:
        content = json.loads(_note(bed).read_text())
        found = {
            name: (Process(one["pid"], one["start"]), list(one["command"])) for name, one in content.items()
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {name: one for name, one in found.items() if one[0].alive()}
