"""The whole suite, several runs of pytest at a time: most tests on a cluster wait, most others compute.

`make test` calls it. Two nodes share the tests that need one, those without a node are nice to them. Last and
alone come the tests that measure what clients of a Service see: they would measure their neighbours as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cluster import node
from tests.cluster.backends.choice import choose
from tests.cluster.backends.local import Local
from tests.cluster.paths import CHECKOUT, Bed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

NICE = 10
SECOND_BED = "second"
BED = "SWITCHBACK_BED"
NOTHING_CHOSEN = 5
"""pytest's exit code when no test is left of those asked for."""
CALM = ("tests/traffic",)
APART = ("tests/crash", "tests/cluster_snapshots", "tests/checks")
"""What the second node takes: about half of the time on clusters."""
TELLING = ("FAILED ", "ERROR ", "NOT TESTED ", "E  ")
"""How the lines of pytest begin that are worth repeating at the end, where they are looked for."""
WIDTH = 300
MOST_LINES = 60
DAYS = 24 * 3600
BUILD_SECONDS = 3600


@dataclass(frozen=True)
class Lane:
    """A run of pytest. `bed` tells its node from the other's."""

    name: str
    arguments: tuple[str, ...]
    nice: int = 0
    bed: str = ""


def plan(*, two_nodes: bool) -> tuple[tuple[Lane, ...], ...]:
    """The stages; the lanes of one run at a time."""
    code = Lane("code", ("-m", "not cluster"), NICE)
    calm = Lane("calm", ("-m", "cluster", *CALM))
    if not two_nodes:
        rest = Lane("node", ("-m", "cluster", *_without(*CALM)))
        return (code, rest), (calm,)
    node = Lane("node", ("-m", "cluster", *_without(*CALM, *APART)))
    apart = Lane("apart", ("-m", "cluster", *APART), bed=SECOND_BED)
    return (code, node, apart), (calm,)


def _without(*folders: str) -> list[str]:
    return [f"--ignore={folder}" for folder in folders]


@dataclass
class Running:
    """A lane under way. Its lines appear with its name in front."""

    lane: Lane
    process: subprocess.Popen[str]
    last: str = ""
    failures: list[str] = field(default_factory=list)
    """The lines that name a test that failed, and what it said first."""
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._tell, daemon=True)
        self.reader.start()

    def _tell(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.last = line.strip() or self.last
            if line.startswith(TELLING):
                self.failures.append(line.rstrip()[:WIDTH])
            sys.stdout.write(f"{self.lane.name:>5}| {line}")
            sys.stdout.flush()

    def end(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(DAYS)
        self.reader.join(10)
        return 0 if code == NOTHING_CHOSEN else code


def begin(lane: Lane) -> Running:
    """Start a lane in a process group of its own. Its node stays up for those who come after."""
    words = ["nice", "-n", str(lane.nice), sys.executable, "-m", "pytest", *lane.arguments]
    # Hundreds of processes import the same modules: what is compiled once need not be compiled by each.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env=environment | {"PYTHONUNBUFFERED": "1", "KEEP": "1", BED: lane.bed},
    )
    return Running(lane, process)


class Suite:
    """All stages, and what is left to clear away."""

    def __init__(self) -> None:
        self.running: list[Running] = []
        self.stopped = False

    def stop(self, signum: int, _frame: FrameType | None) -> None:
        """Pass a signal on: every pytest ends its own tests."""
        self.stopped = True
        for one in self.running:
            if one.process.poll() is None:
                os.killpg(one.process.pid, signum)

    def run(self, stages: Sequence[Sequence[Lane]]) -> int:
        """Run the stages to their end; the worst exit code counts."""
        worst, ends, failures = 0, list[str](), list[str]()
        for stage in stages:
            if self.stopped:
                break
            begun = time.monotonic()
            self.running = [begin(lane) for lane in stage]
            for one in self.running:
                code = one.end()
                worst = max(worst, abs(code))
                ends.append(f"{one.lane.name:>5}| {one.last}")
                failures += [f"{one.lane.name:>5}| {line}" for line in one.failures]
            ends.append(f"       this took {time.monotonic() - begun:.0f} s")
        print("\n" + "\n".join([*ends, *failures[-MOST_LINES:]]))
        return worst


@contextmanager
def clusters() -> Iterator[bool]:
    """Build what lanes need, and take down what was not up before. Gives whether two nodes may run."""
    backend, _ = choose()
    local = isinstance(backend, Local)
    keep = os.environ.get("KEEP", "") not in ("", "0")
    if not local:
        stays = keep or backend.is_up()
        yield False
        if not stays:
            backend.down()
        return
    subprocess.run([sys.executable, "-m", "tests.cluster", "setup"], check=True, timeout=BUILD_SECONDS)
    beds = [Bed(CHECKOUT, word) for word in ("", SECOND_BED)]
    ours = [bed for bed in beds if not keep and node.trouble(bed) is not None]
    try:
        yield True
    finally:
        for bed in ours:
            node.down(bed)


def main() -> int:
    """Run everything, and leave no cluster behind that was not there before."""
    suite = Suite()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, suite.stop)
    with clusters() as two_nodes:
        return suite.run(plan(two_nodes=two_nodes))


if __name__ == "__main__":
    sys.exit(main())
