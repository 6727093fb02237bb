"""Command lines without the time of their start: a process that has imported everything forks for each.

Run as a program it reads one request a line, says the process id of the child that runs it, and then how
that has ended.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command line ended: its exit code, negative for a signal, and what it said."""

    code: int
    said: str


class Fork:
    """Runs `switchback`, one command line at a time."""

    def __init__(self, scratch: Path) -> None:
        self._said = scratch / "said"
        self.pid = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres.forked"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def run(
        self, words: Sequence[str], environment: dict[str, str], cwd: Path,
        begun: Callable[[int], None] | None = None,
    ) -> Ended:  # fmt: skip
        """One command line to its end; `begun` gets its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"words": list(words), "environment": environment, "cwd": str(cwd), "said": str(self._said)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        self.pid = int(self._process.stdout.readline())
        if begun is not None:
            begun(self.pid)
        code = int(self._process.stdout.readline())
        return Ended(code, self._said.read_text(errors="replace"))


def _child(request: dict[str, Any]) -> NoReturn:
    from switchback import cli  # noqa: PLC0415 - imported before, by the parent
    from switchback.cli import main  # noqa: PLC0415 - same

    cli.IS_PROGRAM = True
    code = 99
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        said = os.open(request["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.argv = ["switchback", *request["words"]]
        code = main.run(main.cli, "switchback")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


_USED = (
    "cli.redo", "cli.reset", "cli.repair", "cli.life_work",
    "cli.migrate", "cli.outcome", "cli.rollback", "cli.rollback_work", "cli.work", "runner.execute",
    "runner.losses", "runner.parser",
)  # fmt: skip


def _serve() -> None:
    for name in _USED:
        importlib.import_module(f"switchback.{name}")
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if not pid:
            _child(request)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
