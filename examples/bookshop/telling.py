"""Telling a story on a terminal or in a log: numbered steps, the commands as typed, how long each took."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100
CELL = 72
_STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str) -> str:
    """`text` in a style on a terminal, and as it is everywhere else."""
    return f"\033[{_STYLES[style]}m{text}\033[0m" if _coloured() else text


def say(text: str = "", indent: int = 3) -> None:
    """Print lines of the story."""
    for line in text.splitlines() or [""]:
        print((" " * indent + line).rstrip(), flush=True)


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

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: its title first, how long it took last. What goes wrong inside is not caught."""
        self.number += 1
        self.title = title
        started = time.monotonic()
        print(flush=True)
        print(styled(f"{self.number:2d} {title}", "bold"), flush=True)
        yield
        took = f"{time.monotonic() - started:.1f} s"
        print(styled(f"   {'-' * (WIDTH - 12 - len(took))} done in {took}", "green"), flush=True)

    def total(self) -> str:
        """Time since the beginning."""
        seconds = round(time.monotonic() - self.began)
        return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004 - a minute
