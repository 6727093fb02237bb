"""Wrong words of a command line, without the password that may be among them.

Whoever knows another tool writes the address where none is expected, and what a shell has split at a blank is
no option's value any more. Messages about wrong words repeat them, and logs keep messages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MASK = "***"

_ADDRESS = re.compile(r"://|@|passw(?:or)?d", re.IGNORECASE)
"""What shows that a word is, or belongs to, an address."""

_FOLLOWING = 2
"""Words behind the last one of these that may still belong to it, as in `password = secret`."""


def hidden(message: str, words: Sequence[str]) -> str:
    """The message with every word masked that may hold a password, or a part of one."""
    forms = {form for word in _suspicious(words) for form in _forms(word)}
    pieces = [_piece(form) for form in sorted(forms, key=len, reverse=True)]
    return re.sub("|".join(pieces), MASK, message) if pieces else message


def _suspicious(words: Sequence[str]) -> list[str]:
    """From the first word of an address to the last one, and a little beyond where a password is named."""
    places = [at for at, word in enumerate(words) if _ADDRESS.search(word)]
    if not places:
        return []
    last = places[-1] + (_FOLLOWING if "@" not in words[places[-1]] else 0)
    return [
        word
        for at, word in enumerate(words[: last + 1])
        if at in places or (at > places[0] and not word.startswith("-"))
    ]


def _forms(word: str) -> Iterator[str]:
    """A word as messages show it: as it is, quoted, or cut at the sign behind an option's name."""
    before, _, after = word.partition("=")
    for form in (word, after, before if _ADDRESS.search(before) else ""):
        if form.strip("=-"):
            yield form
            yield repr(form)[1:-1]


def _piece(form: str) -> str:
    """The form where it stands alone: masking every `a` would hide all else."""
    start = r"(?<!\w)" if form[:1].isalnum() else ""
    end = r"(?!\w)" if form[-1:].isalnum() else ""
    return f"{start}{re.escape(form)}{end}"
