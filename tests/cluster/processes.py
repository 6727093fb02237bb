"""Processes known by id and start time, so that nothing but what we started is ever signalled."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


def boot_id() -> str:
    """Return what is different after each reboot; start times alone could repeat."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the name, which may itself hold blanks and brackets."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


@dataclass(frozen=True)
class Process:
    """A process id together with its start time in clock ticks since boot."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return the identity of a process that runs now."""
        fields = _stat(pid)
        return None if fields is None else cls(pid, int(fields[19]))

    @property
    def state(self) -> str:
        """Return the kernel's letter (R, S, T, Z ...), or nothing when this very process is gone."""
        fields = _stat(self.pid)
        return fields[0] if fields is not None and int(fields[19]) == self.start else ""

    def alive(self) -> bool:
        return self.state not in ("", "Z", "X")

    def send(self, number: signal.Signals) -> bool:
        """Signal this process; a handle on it makes a reuse of the id between check and signal harmless."""
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive():
                    signal.pidfd_send_signal(handle, number)
                    return True
            finally:
                os.close(handle)
        return False

    def wait(self, timeout: float) -> bool:
        """Wait for its end; say whether it came."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive():
                return True
            poller = select.poll()
            poller.register(handle, select.POLLIN)
            return bool(poller.poll(timeout * 1000))
        finally:
            os.close(handle)


def children(pid: int) -> list[int]:
    """Return the children of a process's main thread."""
    try:
        return [int(word) for word in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def init_of(netns: Path) -> Process | None:
    """Find the first process of the process namespace that lives in a network namespace.

    A run that was killed before it could write down what it started is found again this way.
    """
    try:
        wanted = netns.stat()
    except FileNotFoundError:
        return None
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            found = (entry / "ns/net").stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino) and _is_init(entry):
                return Process.of(int(entry.name))
    return None


def _is_init(entry: Path) -> bool:
    for line in (entry / "status").read_text().splitlines():
        if line.startswith("NSpid:"):
            ids = line.split()[1:]
            return len(ids) == 2 and ids[1] == "1"
    return False
