"""Kind command: exit code 0. It runs in a container of its own beside ours; `conductor` says how."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.checks import layout
from switchback.contract.hide import last_line
from switchback.contract.result import bounded

if TYPE_CHECKING:
    from switchback.checks.model import Check, Context

LINE_BYTES = 1024
MOST_LINES = 200
"""So much of a try's output is repeated in our log."""
TAIL_BYTES = 8 * 1024
_CHUNK = 64 * 1024


class Command:
    """Has one command run."""

    fresh = False

    def __init__(self, check: Check, context: Context, root: Path) -> None:
        self._name, self._say = check.name, context.say
        self._seconds = check.timeout
        self._box = root / check.name
        self._pipes: dict[str, int] = {}
        self._number = 0
        self._ready = asyncio.Event()
        self._begun = False
        self._ended: asyncio.Future[int | None] | None = None
        self._rest = {layout.ANSWER: b"", layout.OUTPUT: b""}
        self._tail = b""
        self._lines = 0

    async def warm(self) -> None:
        """Make the pipes. The container waits for them."""
        self._open()

    def _open(self) -> None:
        if self._pipes:
            return
        self._box.mkdir(parents=True, exist_ok=True)
        for name in (layout.ASK, layout.ANSWER, layout.STOP, layout.OUTPUT):
            path = self._box / name
            if not path.is_fifo():
                os.mkfifo(path)
            # Read and write: so neither opening nor writing waits for the other side.
            self._pipes[name] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipes[layout.ANSWER], self._answered)
        loop.add_reader(self._pipes[layout.OUTPUT], self._spoke)

    async def ask(self) -> str:
        """One run of the command. Whatever it has started is killed when its time is over."""
        self._open()
        self._tail, self._lines, self._begun = b"", 0, False
        try:
            async with asyncio.timeout(self._seconds):
                await self._ready.wait()
                self._ready.clear()
                return self._judged(await self._run())
        except TimeoutError:
            if self._begun:
                return f"no end within {self._seconds:g} s; it was killed{self._last()}"
            return f"its container was not ready within {self._seconds:g} s"
        finally:
            self._ended = None

    async def _run(self) -> int | None:
        """The exit code. None: the container has begun anew in the middle of it."""
        self._number, self._begun = self._number + 1, False
        self._ended = asyncio.get_running_loop().create_future()
        self._write(layout.ASK)
        try:
            return await self._ended
        except asyncio.CancelledError:
            self._write(layout.STOP)
            raise

    def _write(self, pipe: str) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody has read for thousands of tries
            os.write(self._pipes[pipe], f"{self._number}\n".encode())

    def _judged(self, code: int | None) -> str:
        if code == 0:
            return ""
        if code is None:
            return f"its container ended in the middle of it{self._last()}"
        return f"exit code {code}{self._last()}"

    def _last(self) -> str:
        """What the command has said last, for people. Its last line may have no end."""
        self._spoke()
        if self._rest[layout.OUTPUT]:
            self._heard(self._rest[layout.OUTPUT])
            self._rest[layout.OUTPUT] = b""
        line = last_line(self._tail.decode(errors="replace"), LINE_BYTES)
        return f": {line}" if line else ""

    def _answered(self) -> None:
        """Lines of the container: `ready`, the number of a try that begins, or that and its exit code.

        A container that is ready again in the middle of a try has begun anew. One that has not begun with it
        will: it may first have to be done with an earlier one that nobody waits for any more.
        """
        for line in self._read(layout.ANSWER):
            number, _, code = line.partition(b" ")
            if line == b"ready":
                self._ready.set()
                if self._begun:
                    self._settle(None)
            elif number == str(self._number).encode():
                self._begun = self._begun or not code
                if code.isdigit():
                    self._settle(int(code))

    def _settle(self, code: int | None) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(code)

    def _spoke(self) -> None:
        """Output of the command, into our log line by line."""
        for line in self._read(layout.OUTPUT):
            self._heard(line)

    def _heard(self, line: bytes) -> None:
        self._tail = (self._tail + line + b"\n")[-TAIL_BYTES:]
        self._lines += 1
        if self._lines <= MOST_LINES:
            self._say(f"{self._name}| {bounded(line.decode(errors='replace'), LINE_BYTES)}")
        elif self._lines == MOST_LINES + 1:
            self._say(f"{self._name}| … more lines of this try are left out")

    def _read(self, pipe: str) -> list[bytes]:
        """Whole lines that have come; the beginning of one is kept for later."""
        came = b""
        with contextlib.suppress(BlockingIOError):
            came = os.read(self._pipes[pipe], _CHUNK)
        *lines, rest = (self._rest[pipe] + came).split(b"\n")
        if len(rest) > LINE_BYTES:
            lines, rest = [*lines, rest], b""
        self._rest[pipe] = rest
        return lines

    def close(self) -> None:
        """Let go of the pipes."""
        loop = asyncio.get_running_loop()
        for name in (layout.ANSWER, layout.OUTPUT):
            if name in self._pipes:
                loop.remove_reader(self._pipes[name])
        for pipe in self._pipes.values():
            os.close(pipe)
        self._pipes.clear()


def make(check: Check, context: Context) -> Command:
    """See `kinds.make`."""
    return Command(check, context, Path(layout.COMMANDS_MOUNT))
