"""The parts of a snapshot pod, one after the other on one machine: `switchback snapshot create`."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason, meaning
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients, layout, scratch, store
from switchback.snapshots.prepare import Order, prepare
from switchback.snapshots.progress import Meter
from switchback.snapshots.seal import Sealed, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.runner.opening import Opener
    from switchback.snapshots.record import Record


_ADVICE = {
    Reason.SNAPSHOT_FAILED: "Correct what the message names, then take the restore point again.",
    Reason.SNAPSHOT_VOLUME_FULL: "Free space there, or choose another folder with --to.",
    Reason.SNAPSHOT_CLIENT_TOO_OLD: "Put client programs of the server's major version first on PATH.",
    Reason.SNAPSHOT_CLIENT_TOO_NEW: "Put client programs of the server's major version first on PATH.",
    Reason.SNAPSHOT_TOO_SLOW: "Dump with more --jobs, or allow more time.",
    Reason.SNAPSHOT_UNREADABLE: "Check the disk that --to lies on, then take the restore point again.",
}
"""Where the general advice speaks of pods and claims."""


@contextlib.contextmanager
def advising() -> Iterator[None]:
    """Inside the block an error that has only its reason's general advice gets that of a laptop.

    Raises:
        RunnerError: the same.
    """
    try:
        yield
    except RunnerError as error:
        if error.advice == meaning(error.reason).advice:
            error.advice = _ADVICE.get(error.reason, error.advice)
        raise


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
                scratch.discard(order.room, found.partial)
            raise
        uploaded = Meter(say, "uploaded").add
        return seal(order.kept, order.room, order.work, Meter(say, "hashed").add, uploaded)


def _run_parts(order: Order, found: Record, say: Callable[[str], None]) -> None:
    assert found.subject is not None  # noqa: S101 - the caller has asked
    origin = found.subject.origin
    program = clients.find("pg_dump", origin.major, Reason.SNAPSHOT_FAILED)
    partial = order.room / found.partial
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
