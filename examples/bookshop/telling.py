"""Telling a story on a terminal or in a log: numbered steps, the commands as typed, how long each took."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH = 100
CELL = 72
MINUTE = 60
REDRAW_SECONDS = 0.25
LINE_SECONDS = 5.0
"""Where nothing can be drawn over, the line at the bottom is printed this often."""

_STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}
_ERASE = "\r\033[K"


def _on_a_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str) -> str:
    """`text` in a style on a terminal, and as it is everywhere else."""
    coloured = _on_a_terminal() and "NO_COLOR" not in os.environ
    return f"\033[{_STYLES[style]}m{text}\033[0m" if coloured else text


class _Screen:
    """Where the story is printed, above a line at the bottom if there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bottom: Callable[[], tuple[str, str]] | None = None
        self._printed = 0.0

    def write(self, text: str) -> None:
        """One line of the story."""
        with self._lock:
            if self._bottom is None or not _on_a_terminal():
                print(text, flush=True)
            else:
                print(f"{_ERASE}{text}\n{self._drawn()}", end="", flush=True)

    def keep(self, bottom: Callable[[], tuple[str, str]] | None) -> None:
        """From now on this line is at the bottom; None: no line."""
        with self._lock:
            if bottom is None and self._bottom is not None and _on_a_terminal():
                print(_ERASE, end="", flush=True)
            self._bottom, self._printed = bottom, time.monotonic()

    def tick(self) -> None:
        """Draw the line at the bottom anew, or print it where that cannot be done."""
        with self._lock:
            if self._bottom is None:
                return
            if _on_a_terminal():
                print(f"{_ERASE}{self._drawn()}", end="", flush=True)
            elif time.monotonic() - self._printed >= LINE_SECONDS:
                self._print()

    def now(self) -> None:
        """Print the line at the bottom where it stands, to stay there."""
        with self._lock:
            if self._bottom is not None:
                print(_ERASE if _on_a_terminal() else "", end="")
                self._print()

    def _print(self) -> None:
        if self._bottom is not None:
            print("   " + styled(*self._bottom()), flush=True)
            self._printed = time.monotonic()

    def _drawn(self) -> str:
        """It must not be longer than the terminal is wide: a second line could not be drawn over."""
        if self._bottom is None:
            return ""
        text, style = self._bottom()
        return styled(f"   {text}"[: shutil.get_terminal_size().columns - 1], style)


_SCREEN = _Screen()


@contextmanager
def at_the_bottom(line: Callable[[], tuple[str, str]]) -> Iterator[None]:
    """Keep a line (its text and its style) below the story while the block runs, and up to date."""
    ended = threading.Event()

    def redraw() -> None:
        while not ended.wait(REDRAW_SECONDS):
            _SCREEN.tick()

    thread = threading.Thread(target=redraw, daemon=True)
    _SCREEN.keep(line)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _SCREEN.keep(None)


def tell_bottom() -> None:
    """Print the line at the bottom as it is now, so that it can be read later."""
    _SCREEN.now()


def say(text: str = "", indent: int = 3) -> None:
    """Print lines of the story."""
    for line in text.splitlines() or [""]:
        _SCREEN.write((" " * indent + line).rstrip())


def command(line: str) -> None:
    """Print a command as a person would type it."""
    say(styled(f"$ {line}", "cyan"))


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows in columns; the first row is the heading. Long cells are cut: `kubectl` has them in full."""
    rows = [tuple(cell if len(cell) <= CELL else f"{cell[: CELL - 3]}..." for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        say(styled(line, "dim") if number == 0 else line)


class Story:
    """Counts the steps and the time."""

    def __init__(self) -> None:
        self.number = 0
        self.title = ""
        self.began = time.monotonic()

    def chapter(self, title: str) -> None:
        """A heading."""
        say()
        say(styled(f"== {title} {'=' * (WIDTH - len(title) - 4)}", "bold"), indent=0)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: its title first, how long it took last. What goes wrong inside is not caught."""
        self.number += 1
        self.title = title
        started = time.monotonic()
        say()
        say(styled(f"{self.number:2d} {title}", "bold"), indent=0)
        yield
        took = f"{time.monotonic() - started:.1f} s"
        say(styled(f"{'-' * (WIDTH - 12 - len(took))} done in {took}", "green"))

    def total(self) -> str:
        """Time since the beginning."""
        seconds = round(time.monotonic() - self.began)
        return f"{seconds // MINUTE} min {seconds % MINUTE:02d} s" if seconds >= MINUTE else f"{seconds} s"
