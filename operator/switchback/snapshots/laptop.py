"""The parts of a snapshot pod, one after the other on one machine: `switchback snapshot create`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients, layout, store
from switchback.snapshots.prepare import Order, prepare
from switchback.snapshots.progress import Meter
from switchback.snapshots.seal import Sealed, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.runner.opening import Opener
    from switchback.snapshots.record import Record


def work_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for connection files that vanishes with its block: in memory where the system offers that."""
    memory = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = memory if memory and os.access(memory, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="switchback-", dir=parent)


def create(order: Order, opener: Opener, say: Callable[[str], None]) -> Sealed:
    """Take a restore point with the client programs of this machine.

    Args:
        order: what is wanted; its `work` is replaced by a folder that vanishes.
        opener: connects to the database.
        say: takes sentences for people while the work is under way.

    Raises:
        RunnerError: why there is no restore point. The folder of the try was removed.
    """
    with work_folder() as folder:
        order = replace(order, work=Path(folder))
        found = prepare(order, opener, Meter(say, "read").add)
        for notice in found.notices:
            say(notice)
        try:
            if found.subject is not None:
                _run_parts(order, found, say)
        except BaseException:
            if found.partial:
                store.discard(order.root, found.partial)
            raise
        return seal(order.root, order.work, Meter(say, "hashed").add)


def _run_parts(order: Order, found: Record, say: Callable[[str], None]) -> None:
    assert found.subject is not None  # noqa: S101 - the caller has asked
    origin = found.subject.origin
    program = clients.find("pg_dump", origin.major, Reason.SNAPSHOT_FAILED)
    partial = order.root / found.partial
    meter = Meter(say, f"dumped (compressed; the database has {store.size_text(origin.size)})")
    env = clients.environment({"SWITCHBACK_WORK": str(order.work)}, program.path.parent)
    for part in ("dump", "reread"):
        say(f"{part} with {program.path.parent} ...")
        code = clients.run(
            ["/bin/sh", "-c", layout.client_script(), "client.sh", part],
            env,
            tick=(lambda: meter.reach(_size(partial))) if part == "dump" else (lambda: None),
        )
        if code != 0:
            raise RunnerError(Reason.SNAPSHOT_FAILED, f"The script for the {part} ended with {code}.")


def _size(folder: Path) -> int:
    total = 0
    for entry in folder.iterdir():
        try:
            total += entry.stat().st_size
        except FileNotFoundError:
            continue
    return total
