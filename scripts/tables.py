"""Tables in Markdown, and the words in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class MissingError(Exception):
    """The reference would say less than everything. One line per thing that is missing, and what to do."""


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table with these columns. A column without any value is left out."""
    lines = [tuple(map(_cell, row)) for row in rows]
    used = [place for place in range(len(heading)) if place == 0 or any(line[place] for line in lines)]
    shown = [heading, ("---",) * len(heading), *lines]
    return "".join(f"| {' | '.join(line[place] for place in used)} |\n" for line in shown)


def code(text: str) -> str:
    """`text` as code."""
    return f"`{text}`"


def sentence(text: str) -> str:
    """`text` with a capital letter and a full stop. A name at its beginning stays as it is written."""
    text = text.strip()
    if not text:
        return ""
    first = text.split(maxsplit=1)[0].rstrip(",;:")
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


def _cell(text: str) -> str:
    """What does not end a cell. Within code, only the bar does."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts).strip()
