"""Text for people: colour only on a terminal, progress as it happens, tables that fit.

Words about work never decide about it: when nobody reads any more (`| head`), or the disk is full, they are
lost and nothing else. Where the words are the work, as in a plan, `print` raises.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

import click

from switchback.contract.words import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.runner.plan import PlannedStep

EACH = 20
"""So many migrations have a line of their own. Further ones share one, unless there is something to say."""
SLOW_MS = 1000
"""A migration that takes as long as this has a line in any case."""
EVERY_SECONDS = 5.0
"""Without a terminal a line says so often how far it is."""

_CLEAR = "\r\x1b[K"
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows more than to go on to the next line."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: TextIO) -> bool:
    """Whether colours are for a stream: on a terminal, unless NO_COLOR is set to anything."""
    return terminal(stream) and not os.environ.get("NO_COLOR")


def harmless(text: str) -> str:
    """`text` without what a terminal would obey: a file's name and a row of the ledger may be anybody's."""
    return _OBEYED.sub("?", text)


class Console:
    """Where a command's words go: to stdout, or to stderr when stdout belongs to JSON."""

    def __init__(self, *, json: bool = False) -> None:
        self.out: TextIO = sys.stderr if json else sys.stdout
        self.colour = coloured(self.out)
        self._passing = False
        self._told = time.monotonic()
        self._done = self._total = 0
        self._ways: dict[str, tuple[str, str]] = {}

    def style(self, text: str, **how: object) -> str:
        """`text` in a style on a terminal, plain elsewhere."""
        return click.style(text, **how) if self.colour and how else text  # type: ignore[arg-type]

    def print(self, text: str = "") -> None:
        """One line of an answer.

        Raises:
            OSError: it could not be written.
        """
        self._settle()
        click.echo(text, file=self.out, color=True)

    def say(self, text: str) -> None:
        """What is going on, at once: whoever reads a pod's log sees it while the run goes on."""
        self._put(self.style(harmless(text), dim=True))

    def tick(self, text: str) -> None:
        """How far it is: on a terminal on a line that the next words replace, elsewhere now and then."""
        if terminal(self.out):
            width = max(shutil.get_terminal_size().columns - 1, 20)
            line = harmless(text if len(text) <= width else text[: width - 1] + "…")
            self._passing = True
            _put(f"{_CLEAR}{self.style(line, dim=True)}", self.out, color=True, end="")
        elif time.monotonic() - self._told >= EVERY_SECONDS:
            self._told = time.monotonic()
            _put(harmless(text), self.out)

    def warn(self, text: str) -> None:
        """Something that a person should know."""
        self._settle()
        line = f"warning: {harmless(text)}"
        _put(click.style(line, fg="yellow") if coloured(sys.stderr) else line, sys.stderr, color=True)

    def error(self, text: str) -> None:
        """What went wrong, on stderr."""
        self._settle()
        head = click.style("error:", fg="red", bold=True) if coloured(sys.stderr) else "error:"
        _put(f"{head} {harmless(text)}", sys.stderr, color=True)

    def more(self, text: str) -> None:
        """Further words about what went wrong, on stderr."""
        self._settle()
        _put(harmless(text), sys.stderr)

    def begin(self, steps: Sequence[PlannedStep]) -> None:
        """So many migrations are about to run; some of them only leave the ledger."""
        from switchback.runner.plan import Way  # noqa: PLC0415 - many commands run none

        words = {Way.FORGET: ("forgot", "yellow"), Way.NOTHING: ("not undone", "yellow")}
        self._done, self._total = 0, len(steps)
        self._ways = {step.id: words[step.way] for step in steps if step.way in words}

    def done(self, direction: Direction, migration_id: str, milliseconds: int | None, note: str) -> None:
        """One migration is committed."""
        usual = "applied" if direction is Direction.FORWARD else "rolled back"
        word, colour = self._ways.get(migration_id, (usual, "green"))
        self._done += 1
        if self._done > EACH and not note and (milliseconds or 0) < SLOW_MS:
            so_far = f"{self._done:,} of {self._total:,}" if self._total else str(self._done)
            self.tick(f"{so_far} {usual}, the last one: {migration_id}")
            return
        took = "" if milliseconds is None else f"  {self.style(duration(milliseconds), dim=True)}"
        self._put(f"{self.style(word, fg=colour)}  {harmless(migration_id)}{took}")
        if note:
            self._put(f"             {harmless(note)}")

    def _settle(self) -> None:
        """Take back a passing line before anything else is said."""
        if self._passing:
            self._passing = False
            _put(_CLEAR, self.out, color=True, end="")

    def _put(self, text: str) -> None:
        self._settle()
        _put(text, self.out, color=True)

    def outcome(self, text: str) -> None:
        """How the work has ended, on stdout: a sentence, or JSON."""
        self._settle()
        _put(text, sys.stdout)

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        colours: Mapping[str, str] | None = None,
    ) -> None:
        """Columns as wide as their longest cell; the last one flows.

        Args:
            head: titles of the columns.
            rows: cells.
            colours: of first cells, by their text.
        """
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for number, row in enumerate([head, *rows]):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            colour = (colours or {}).get(row[0]) if number else None
            first = self.style(cells[0], fg=colour) if colour is not None else cells[0]
            line = "  ".join((first, *cells[1:])).rstrip()
            self.print(self.style(line, bold=True) if number == 0 else line)


def _put(text: str, out: TextIO, *, color: bool | None = None, end: str = "\n") -> None:
    """One line to a stream, if it still takes any."""
    try:
        click.echo(f"{text}{end}", file=out, color=color, nl=False)
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
