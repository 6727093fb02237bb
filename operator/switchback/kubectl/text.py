"""Text with styles, and trees of it: cut or wrapped to the width of a terminal, coloured only at the end."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STYLES: Mapping[str, Mapping[str, object]] = {
    "": {},
    "ok": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "wait": {"fg": "yellow"},
    "busy": {"fg": "cyan"},
    "dim": {"dim": True},
    "bold": {"bold": True},
}

ASCII = str.maketrans(
    {
        "✔": "+", "✖": "x", "⚠": "!", "⏸": "=", "◷": "~", "◌": "*", "○": "o", "·": "-", "…": "~",
        "→": ">", "├": "|", "└": "`", "│": "|", "─": "-", "▼": "v", "▲": "^",
    }
)  # fmt: skip
"""For terminals that know no more. One character for one, so that widths stay."""

MIN_WIDTH = 40

Span = tuple[str, str]
"""(text, name of a style)."""


def span(text: str, style: str = "") -> Span:
    """A piece of text in a style."""
    return text, style


@dataclass
class Node:
    """One line of a tree, or several when `wrap` is set, and what hangs on it."""

    head: Sequence[Span]
    children: list[Node] = field(default_factory=list)
    wrap: bool = False
    bare: bool = False
    """Without a branch of its own: a further word about its parent, before the parent's children."""

    def add(self, *head: Span, wrap: bool = False, bare: bool = False) -> Node:
        """A new child; it is returned."""
        child = Node(head, wrap=wrap, bare=bare)
        self.children.append(child)
        return child


def lines(root: Node, *, width: int | None = None, colour: bool = False) -> list[str]:
    """The tree as lines. Without a width nothing is cut."""
    return [paint(line, colour=colour) for line in _lines(root, (), (), width)]


def paint(line: Sequence[Span], *, colour: bool) -> str:
    """One line for a terminal, or plain."""
    if not colour:
        return clean("".join(text for text, _ in line)).rstrip()
    return "".join(
        click.style(clean(text), **STYLES[style]) if style else clean(text)  # type: ignore[arg-type]
        for text, style in line
    )


def clean(text: str) -> str:
    """Without characters that would tell a terminal what to do: the text may be anybody's."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def length(line: Sequence[Span]) -> int:
    """Characters of a line as they are seen."""
    return sum(len(text) for text, _ in line)


def cut(line: Sequence[Span], width: int) -> list[Span]:
    """The line, at most so long; an ellipsis says that something is missing."""
    if length(line) <= width:
        return list(line)
    room, kept = max(1, width) - 1, []
    for text, style in line:
        kept.append((text[:room], style))
        room -= len(text[:room])
        if room <= 0:
            break
    return [*kept, ("…", "dim")]


def _lines(
    node: Node, first: Sequence[Span], rest: Sequence[Span], width: int | None
) -> Iterator[Sequence[Span]]:
    """`first` stands before the node's own first line, `rest` before everything below it."""
    branches = [child for child in node.children if not child.bare]
    yield from _own(node, first, [*rest, ("│ " if branches else "  ", "dim")], width)
    for child in (child for child in node.children if child.bare):
        guide = "│  " if branches else "   "
        yield from _own(child, [*rest, (guide, "dim")], [*rest, (guide, "dim")], width)
    for child in branches:
        last = child is branches[-1]
        yield from _lines(
            child,
            [*rest, ("└─ " if last else "├─ ", "dim")],
            [*rest, ("   " if last else "│  ", "dim")],
            width,
        )


def _own(
    node: Node, first: Sequence[Span], further: Sequence[Span], width: int | None
) -> Iterator[Sequence[Span]]:
    if width is None:
        yield [*first, *node.head]
        return
    room = max(width - length(first), MIN_WIDTH)
    if not node.wrap or length(node.head) <= room:
        yield [*first, *cut(node.head, room)]
        return
    *lead, (text, style) = node.head
    indent = length(lead)
    parts = textwrap.wrap(text, max(room - indent, MIN_WIDTH // 2), break_on_hyphens=False) or [""]
    for number, part in enumerate(parts):
        before = [*first, *lead] if number == 0 else [*further, (" " * indent, "")]
        yield [*before, (part, style)]


def columns(head: Sequence[str], rows: Sequence[Sequence[Span]], *, gap: int = 3) -> list[list[Span]]:
    """A table: columns as wide as their longest cell; empty ones go. The last one flows."""
    used = [index for index in range(len(head)) if any(row[index][0] for row in rows)]
    table = [[(head[i], "bold") for i in used], *([row[i] for i in used] for row in rows)]
    widths = [max(len(row[i][0]) for row in table) for i in range(len(used))]
    return [
        [
            (text if i == len(used) - 1 else text.ljust(widths[i] + gap), style)
            for i, (text, style) in enumerate(row)
        ]
        for row in table
    ]
