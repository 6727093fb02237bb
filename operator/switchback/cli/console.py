"""Text for people: colour only on a terminal, progress as it happens, tables that fit.

Words about work never decide about it: when nobody reads any more (`| head`), or the disk is full, they are
lost and nothing else. Where the words are the work, as in a plan, `print` raises.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

import click

from switchback.contract.words import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence


class Console:
    """Where a command's words go: to stdout, or to stderr when stdout belongs to JSON."""

    def __init__(self, *, json: bool = False) -> None:
        self.out: TextIO = sys.stderr if json else sys.stdout
        self.colour = self.out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def style(self, text: str, **how: object) -> str:
        """`text` in a style on a terminal, plain elsewhere."""
        return click.style(text, **how) if self.colour and how else text  # type: ignore[arg-type]

    def print(self, text: str = "") -> None:
        """One line of an answer.

        Raises:
            OSError: it could not be written.
        """
        click.echo(text, file=self.out, color=True)

    def say(self, text: str) -> None:
        """What is going on, at once: whoever reads a pod's log sees it while the run goes on."""
        _put(self.style(text, dim=True), self.out, color=True)

    def warn(self, text: str) -> None:
        """Something that a person should know."""
        _put(self.style(f"warning: {text}", fg="yellow"), sys.stderr, color=True)

    def error(self, text: str) -> None:
        """What went wrong, on stderr."""
        head = "error:"
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
            head = click.style(head, fg="red", bold=True)
        _put(f"{head} {text}", sys.stderr)

    def more(self, text: str) -> None:
        """Further words about what went wrong, on stderr."""
        _put(text, sys.stderr)

    def done(self, direction: Direction, migration_id: str, milliseconds: int | None, note: str) -> None:
        """One migration is committed."""
        word = "applied" if direction is Direction.FORWARD else "rolled back"
        took = "" if milliseconds is None else f"  {self.style(duration(milliseconds), dim=True)}"
        _put(f"{self.style(word, fg='green')}  {migration_id}{took}", self.out, color=True)
        if note:
            _put(f"             {note}", self.out, color=True)

    def outcome(self, text: str) -> None:
        """How the work has ended, on stdout: a sentence, or JSON."""
        _put(text, sys.stdout)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as their longest cell; the last one flows."""
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for number, row in enumerate([head, *rows]):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            line = "  ".join(cells).rstrip()
            self.print(self.style(line, bold=True) if number == 0 else line)


def _put(text: str, out: TextIO, *, color: bool | None = None) -> None:
    """One line to a stream, if it still takes any."""
    try:
        click.echo(text, file=out, color=color)
    except OSError:
        _silence(out)


def _silence(out: TextIO) -> None:
    """Send what is left in a stream nowhere: Python would try to write it once more when the process ends."""
    with contextlib.suppress(OSError):  # a stream without a descriptor has nothing left
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, out.fileno())
        finally:
            os.close(nowhere)


def duration(milliseconds: int) -> str:
    """`12 ms`, `3.4 s`, `2 min 5 s`."""
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
