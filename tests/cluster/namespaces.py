"""The namespaces of a bed and their first process; when that ends, the kernel ends everything in them."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.errors import BedError
from tests.cluster.processes import Process, children, init_of
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from tests.cluster.paths import Bed

# Folders of the host that programs of the node write to without asking. Hidden behind file systems in
# memory, two beds do not see each other's files there, and nothing stays behind.
_HIDDEN = ("/run", "/var/log", "/var/lib/cni")
_SCRIPT = """
mkdir -p /var/lib/cni
for folder in {hidden}; do mount -t tmpfs -o mode=755 switchback "$folder"; done
exec tini -g -- sleep infinity
"""


def create(bed: Bed) -> Process:
    """Start the first process, in the network namespace and in new namespaces for mounts and processes."""
    argv = [
        *("setsid", "--fork", "nsenter", f"--net={bed.netns}"),
        *("unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--mount-proc"),
        *("sh", "-ec", _SCRIPT.format(hidden=" ".join(_HIDDEN))),
    ]
    log = bed.logs / "init.log"
    with log.open("w") as sink:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, timeout=20, check=False)
    found: list[Process] = []

    def ready() -> bool:
        init = init_of(bed.netns)
        if init is None or not _is_tini(init):
            return False
        found.append(init)
        return True

    try:
        wait_for("the first process of the bed", ready, timeout=20, pause=0.02)
    except BedError as error:
        raise BedError(f"{error}; its output: {log.read_text().strip() or '(none)'}") from None
    return found[0]


def _is_tini(init: Process) -> bool:
    try:
        return b"tini" in Path(f"/proc/{init.pid}/comm").read_bytes()
    except FileNotFoundError:
        return False


def enter(init: Process, *argv: str) -> list[str]:
    """Return a command that runs beside the bed's programs: same mounts, processes and network."""
    return ["nsenter", f"--target={init.pid}", "--mount", "--pid", "--net", "--wd=/", "--", *argv]


def start(init: Process, argv: list[str], log: Path) -> Process:
    """Start a program in the bed that outlives this tool, and return its identity as the host sees it."""
    with log.open("a") as sink:
        helper = subprocess.Popen(
            enter(init, "setsid", *argv),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    name = argv[0].rpartition("/")[2]
    found: list[int] = []

    def started() -> bool:
        found[:] = children(helper.pid)
        return bool(found) or helper.poll() is not None

    wait_for(f"start of {name}", started, timeout=20, pause=0.005)
    process = Process.of(found[0]) if found else None
    if process is None:
        raise BedError(f"{name} ended at once: {log.read_text()[-400:].strip() or '(no output)'}")
    # The helper only waits. Without it, the program belongs to the bed's first process.
    helper.send_signal(signal.SIGKILL)
    helper.wait(timeout=10)
    return process


def destroy(init: Process) -> None:
    """End the first process, and with it every process, mount and shim of the bed."""
    # A frozen process dies from SIGKILL all the same.
    init.send(signal.SIGKILL)
    if not init.wait(30):
        raise BedError(f"the bed's first process {init.pid} did not end within 30 s of SIGKILL")
