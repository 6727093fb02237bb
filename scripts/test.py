"""Run all tests, in two lanes side by side.

Tests on the cluster mostly wait: for pods to start, for the operator, for a server. The others mostly
compute, with less priority. What they say is kept, and shown once the first lane has ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest"]
LESS_PRIORITY = ["nice", "-n", "10"]
POLL_SECONDS = 0.2
GOODBYE_SECONDS = 120.0
NOTHING_CHOSEN = 5
"""pytest's exit code where no test was left to run."""


def main() -> int:
    """The exit code of the lane that failed, or 0."""
    # So that both lanes hear of it, also where a shell has started this in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with tempfile.TemporaryFile() as kept:
        words = [*LESS_PRIORITY, *PYTEST, "-m", "not cluster", "-p", "no:cacheprovider"]
        others = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=kept, stderr=subprocess.STDOUT
        )
        lanes = [others]
        try:
            print("tests off the cluster run beside these; they are shown afterwards", flush=True)
            lanes.insert(0, subprocess.Popen([*PYTEST, "-m", "cluster"], cwd=ROOT))
            lanes[0].wait()
            print("\ntests off the cluster:", flush=True)
            show(kept.fileno(), others)
        except KeyboardInterrupt:
            end(lanes)
            show(kept.fileno(), others)
            return 130
        codes = [lane.wait() for lane in lanes]
    return next((code for code in codes if code not in {0, NOTHING_CHOSEN}), 0)


def show(kept: int, lane: subprocess.Popen[bytes]) -> None:
    """Copies what a lane has written, and goes on until it has ended."""
    position, over = 0, False
    while True:
        read = os.pread(kept, 65536, position)
        position += len(read)
        sys.stdout.buffer.write(read)
        sys.stdout.buffer.flush()
        if read:
            continue
        if over:
            return
        over = lane.poll() is not None
        if not over:
            time.sleep(POLL_SECONDS)


def end(lanes: list[subprocess.Popen[bytes]]) -> None:
    """Lets them clean up after themselves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for lane in lanes:
        lane.send_signal(signal.SIGINT)
    for lane in lanes:
        with suppress(subprocess.TimeoutExpired):
            lane.wait(GOODBYE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
