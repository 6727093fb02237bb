"""A program in a terminal, and what a person sees there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Terminal:
    """A program whose three streams are one terminal. `screen` is what is to be seen, without styles."""

    def __init__(
        self, argv: Sequence[str | Path], env: Mapping[str, str], *, columns: int = 110, lines: int = 40
    ) -> None:
        self.columns, self.lines = columns, lines
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

        # A session of its own: Ctrl-C goes to whoever owns the terminal.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *map(str, argv)], stdin=slave, stdout=slave, stderr=slave,
            env={**env, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )  # fmt: skip
        os.close(slave)
        self.raw = b""

    def until(self, text: str, *, gone: str = "\0", seconds: float = 20.0) -> list[str]:
        """The screen as soon as it shows a text, and another one no more. A picture may arrive in parts."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if any(text in line for line in shown) and not any(gone in line for line in shown):
                return shown
            if not self._more(deadline):
                raise AssertionError(f"not shown: {text}\n" + "\n".join(shown))

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def interrupt(self) -> int:
        """Press Ctrl-C and wait for the end; the exit code."""
        self.send("\x03")
        return self.end()

    def end(self, *, seconds: float = 20.0) -> int:
        """The exit code, once it has ended. What it has left on the screen stays to be seen."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        finally:
            self.kill()

    def kill(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def screen(self) -> list[str]:
        """Lines from the top, as a person sees them."""
        return Screen(self.columns, self.lines).feed(self.raw.decode(errors="replace"))

    def _more(self, deadline: float) -> bool:
        """Read on; False at the end of the program or of the time."""
        left = deadline - time.monotonic()
        ready, _, _ = select.select([self._master], [], [], max(0.0, left))
        if not ready:
            return False
        try:
            read = os.read(self._master, 65536)
        except OSError:  # nobody holds the other end any more
            return False
        self.raw += read
        return bool(read)


class Screen:
    """As much of a terminal as the plugin uses: home, clear, rest of line, rest of screen."""

    def __init__(self, columns: int, lines: int) -> None:
        self._columns, self._lines = columns, lines
        self._rows: list[str] = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> list[str]:
        """What is to be seen after this output."""
        position = 0
        while position < len(text):
            control = CONTROL.match(text, position)
            if control is not None:
                self._control(control[2], control[1])
                position = control.end()
                continue
            self._put(text[position])
            position += 1
        return [row.rstrip() for row in self._rows]

    def _control(self, name: str, argument: str) -> None:
        if name == "H":
            self._row = self._column = 0
        elif name == "K":
            self._rows[self._row] = self._rows[self._row][: self._column]
        elif name == "J":
            if argument == "2":
                self._rows = ["" for _ in self._rows]
            else:
                self._rows[self._row] = self._rows[self._row][: self._column]
                del self._rows[self._row + 1 :]

    def _put(self, one: str) -> None:
        if one == "\n":
            self._row += 1
            if self._row == len(self._rows):
                self._rows.append("")
            if len(self._rows) > self._lines:
                del self._rows[0]
                self._row -= 1
        elif one == "\r":
            self._column = 0
        elif one.isprintable():
            if self._column == self._columns:  # it would go on in the next line: the picture is broken
                self._put("\r")
                self._put("\n")
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = row[: self._column] + one + row[self._column + 1 :]
            self._column += 1
