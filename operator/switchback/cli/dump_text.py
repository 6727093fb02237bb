"""From what pg_dump prints to a text that is the same for the same schema."""

from __future__ import annotations

import re

_VERSIONS = re.compile(r"-- Dumped (?:from database version|by pg_dump version) .*")
_RESTRICT = re.compile(r"\\restrict (\S+)")
_LATER_SETTINGS = frozenset({"SET transaction_timeout = 0;"})
"""What a newer pg_dump adds in front, and an older server does not know."""
_MANY = re.compile(r"\n{3,}")
_FIRST_OBJECT = "-- Name: "


def reproducible(text: str) -> str:
    r"""`text` without the versions of server and pg_dump and without the random key of `\restrict`.

    Only the frame that pg_dump writes is touched: a body of a function may hold lines that look the same.
    """
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines) if line.startswith(_FIRST_OBJECT)), len(lines))
    ends = {f"\\unrestrict {found[1]}" for line in lines[:end] if (found := _RESTRICT.fullmatch(line))}
    last = next((at for at in range(len(lines) - 1, -1, -1) if lines[at] in ends), len(lines))
    head = "\n".join(line for at, line in enumerate(lines[:end]) if at != last and not _is_frame(line))
    tail = "\n".join(line for at, line in enumerate(lines[end:], start=end) if at != last)
    return "\n".join((_MANY.sub("\n\n", head), tail)).strip("\n") + "\n"


def _is_frame(line: str) -> bool:
    return bool(_VERSIONS.fullmatch(line) or _RESTRICT.fullmatch(line)) or line in _LATER_SETTINGS
