"""Where the plugin's words go: answers to stdout, everything about the way there to stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from switchback.cli.console import Console
from switchback.kubectl.text import ASCII, cut, lines, paint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.kubectl.problems import Problem
    from switchback.kubectl.text import Node, Span

TEXT, JSON, YAML, WIDE = "text", "json", "yaml", "wide"


class Screen(Console):
    """The console of one command. With `-o json` or `yaml`, stdout holds nothing else."""

    def __init__(self, output: str = TEXT) -> None:
        super().__init__(json=output in {JSON, YAML})
        self.output = output
        self.is_stream = False
        """Whether documents follow one another, and each stands on a line of its own."""
        self.is_terminal = sys.stdout.isatty() and output not in {JSON, YAML}
        self._plain = not _takes_symbols(sys.stdout.encoding)

    @property
    def wide(self) -> bool:
        """Whether everything is shown, however long the lines get."""
        return self.output == WIDE

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where nothing is to be cut."""
        return shutil.get_terminal_size().columns if self.is_terminal and not self.wide else None

    @property
    def height(self) -> int:
        """Lines of the terminal."""
        return shutil.get_terminal_size().lines

    def tree(self, root: Node) -> list[str]:
        """A tree as lines of this terminal."""
        return [self.spell(line) for line in lines(root, width=self.width, colour=self.colour)]

    def rows(self, table: Sequence[Sequence[Span]]) -> list[str]:
        """A table as lines of this terminal."""
        width = self.width
        return [
            self.spell(paint(line if width is None else cut(line, width), colour=self.colour))
            for line in table
        ]

    def show(self, shown: Sequence[str]) -> None:
        """Lines of an answer."""
        for line in shown:
            self.print(line)

    def document(self, data: Any) -> None:
        """The answer for programs."""
        if self.output == YAML:
            import yaml  # noqa: PLC0415 - only when it is asked for

            text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110).rstrip()
            click.echo(f"---\n{text}" if self.is_stream else text)
        else:
            click.echo(json.dumps(data, ensure_ascii=False, indent=None if self.is_stream else 2))

    def progress(self, text: str) -> None:
        """What happens meanwhile, for a person who waits: only on a terminal."""
        if sys.stderr.isatty():
            self.note(text)

    def note(self, text: str) -> None:
        """A word beside the answer, on stderr."""
        text = self.spell(text)
        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        self.more(click.style(text, dim=True) if colour else text)

    def problem(self, found: Problem) -> None:
        """What went wrong: on stderr for people, on stdout for programs."""
        self.error(self.spell(found.message))
        if found.advice:
            self.more(self.spell(found.advice))
        if self.output in {JSON, YAML}:
            self.document(found.as_data())

    def spell(self, text: str) -> str:
        """The text with symbols that this terminal has."""
        return text.translate(ASCII).encode("ascii", "replace").decode() if self._plain else text


def _takes_symbols(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").startswith("utf")
