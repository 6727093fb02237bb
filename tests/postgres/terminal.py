"""A command on a terminal of its own, with somebody who types an answer."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from typing import TYPE_CHECKING

from tests.postgres.running import PROGRAM

if TYPE_CHECKING:
    from tests.postgres.running import Runner

QUESTIONS = ("[y/N]", "[Y/n]", "type its name:")


def typed(runner: Runner, answer: str, *words: str, **environment: str) -> tuple[int, str]:
    """Run a command to its end, and give its exit code and what stands on the terminal afterwards."""
    surroundings = {**os.environ, "DATABASE_URL": runner.url, "TERM": "xterm", **environment}
    if "CI" not in environment:
        surroundings.pop("CI", None)
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs,
                               env=surroundings, cwd=runner.folder.parent, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY))  # fmt: skip  # noqa: PLW1509 - one thread
    os.close(theirs)
    said, answered, deadline = "", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                said += os.read(ours, 65536).decode()
            except OSError:
                break
        if not answered and any(question in said for question in QUESTIONS):
            os.write(ours, f"{answer}\n".encode())
            answered = True
    os.close(ours)
    return process.wait(10), said
