"""Faults that tests make in a bed. Each is written down with the process that made it and will undo it."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING

from tests.cluster import network
from tests.cluster.errors import BedError
from tests.cluster.processes import Process
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.paths import Bed
    from tests.cluster.record import Record

_PATIENCE = 300.0


def freeze(bed: Bed, known: Record, name: str) -> None:
    """Stop a program of the node without ending it."""
    process = _process(known, name)
    _write_down(bed, f"frozen-{name}")
    if not process.send(signal.SIGSTOP):
        raise BedError(f"cannot freeze {name}: it has ended; `make cluster` starts the node afresh")
    # The signal is on its way to each thread; only now does the program do nothing any more.
    wait_for(f"{name} to stand still", lambda: process.state == "T", timeout=5, pause=0.005)


def thaw(bed: Bed, known: Record, name: str) -> None:
    """Let a stopped program go on."""
    _process(known, name).send(signal.SIGCONT)
    _note(bed, f"frozen-{name}").unlink(missing_ok=True)


def cut(bed: Bed, pod_ip: str) -> None:
    """Drop every packet of a pod."""
    _write_down(bed, f"cut-{pod_ip}")
    network.drop_traffic(bed, pod_ip)


def mend(bed: Bed, pod_ip: str) -> None:
    """Undo `cut`."""
    network.restore_traffic(bed, pod_ip)
    _note(bed, f"cut-{pod_ip}").unlink(missing_ok=True)


def settle(bed: Bed, known: Record) -> None:
    """Wait for faults of test runs that live, and undo those of runs that were killed."""
    wait_for(
        f"the end of the faults that another test run is making in {bed.name}",
        lambda: not any(owner.alive() for _, owner in _all(bed)),
        timeout=_PATIENCE,
    )
    frozen = [process for process in known.processes.values() if process.state == "T"]
    for process in frozen:
        process.send(signal.SIGCONT)
    wait_for("frozen programs to go on", lambda: all(one.state != "T" for one in frozen), timeout=5)
    network.restore_all_traffic(bed)
    for note, _ in _all(bed):
        note.unlink(missing_ok=True)


def _process(known: Record, name: str) -> Process:
    if name not in known.processes:
        raise BedError(f"the node runs no program {name!r}; there are {', '.join(known.processes)}")
    return known.processes[name]


def _note(bed: Bed, key: str) -> Path:
    return bed.state / "faults" / f"{key}.json"


def _write_down(bed: Bed, key: str) -> None:
    owner = Process.of(os.getpid())
    note = _note(bed, key)
    note.parent.mkdir(exist_ok=True)
    if owner is not None:
        note.write_text(json.dumps(asdict(owner)))


def _all(bed: Bed) -> Iterator[tuple[Path, Process]]:
    for note in (bed.state / "faults").glob("*.json"):
        try:
            yield note, Process(**json.loads(note.read_text()))
        except (OSError, ValueError, TypeError):
            yield note, Process(0, 0)
