"""What a new migration's files are called and what is in them, before anybody has written a statement.

A format offers `draft(listing, title, now)`; names, numbers and comments that formats share are here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.migrations.folder import Listing
    from switchback.migrations.formats import Format

STAMP = "%Y%m%d%H%M%S"
_STAMP_DIGITS = 14
_LAST_STAMP = "99991231235959"
"""No second comes after it; a number does."""
_SECONDS = re.compile(r"[12][0-9]{9}")
"""Seconds since 1970, as golang-migrate's create can be asked for."""
_LONGEST_SLUG = 100

_LETTERS = str.maketrans({
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "\u0131": "i",
})  # fmt: skip
"""Letters of Latin alphabets that Unicode does not take apart."""


@dataclass(frozen=True)
class Draft:
    """A file to be written: its path in the folder, and its text."""

    path: str
    text: str


class Drafting(Protocol):
    """What a module of a format may offer, so that `switchback new` can write its files."""

    def draft(self, listing: Listing, title: str, now: datetime) -> tuple[Draft, ...]:
        """The files of a migration after all that the listing holds.

        Args:
            listing: of the folder; empty when there is none yet.
            title: as a person has said it.
            now: the time, in UTC.
        """


def drafting(known: Format) -> Drafting | None:
    """The format, if it can write new files."""
    return cast("Drafting", known) if hasattr(known, "draft") else None


def slug(title: str) -> str:
    """A title as a part of a file name: `Kunden & Bücher` becomes `kunden_bucher`.

    Latin letters lose their marks, for a ConfigMap takes no others. Of a title in another script the letters
    stay; empty when there is none at all.
    """
    plain = title.lower().translate(_LETTERS)
    apart = unicodedata.normalize("NFKD", plain)
    latin = _joined("".join(c for c in apart if not unicodedata.combining(c)), r"[^a-z0-9]+")
    return latin if re.search(r"[a-z]", latin) else _joined(unicodedata.normalize("NFC", plain), r"[\W_]+")


def _joined(text: str, between: str) -> str:
    words = re.sub(between, "_", text).strip("_")
    if len(words) <= _LONGEST_SLUG:
        return words
    return words[: _LONGEST_SLUG + 1].rpartition("_")[0][:_LONGEST_SLUG] or words[:_LONGEST_SLUG]


def next_number(numbers: Iterable[str], now: datetime, first: str) -> str:
    """The number after all that there are, as they are written: as wide as the last one, or as a time.

    Args:
        numbers: digits in front of the files' names.
        now: the time, in UTC.
        first: the number where there is none.
    """
    last = max(numbers, key=int, default=None)
    if last is None:
        return first
    if is_stamp(last) and last < _LAST_STAMP:
        return stamp(now, last)
    if _SECONDS.fullmatch(last):
        return str(max(int(now.timestamp()), int(last) + 1))
    return str(int(last) + 1).zfill(len(last))


def is_stamp(digits: str) -> bool:
    """Whether digits are a time such as 20260131120000."""
    if len(digits) != _STAMP_DIGITS:
        return False
    try:
        datetime.strptime(digits, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def stamp(now: datetime, last: str = "") -> str:
    """The time as digits; a second after `last` where that is not over yet."""
    text = now.strftime(STAMP)
    if last and text <= last:
        later = datetime.strptime(last, STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
        return later.strftime(STAMP)
    return text


def comment(lines: Sequence[str]) -> str:
    """Lines as SQL comments."""
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def heading(title: str) -> str:
    """A title as a comment that is no marker of any format, whatever it says."""
    plain = re.sub(r"[^\w\s,.()'&/-]+", " ", title)
    return comment([f"Migration: {' '.join(plain.split())}"])


UP_HINTS = comment(
    [
        "Statements that change the schema. They run in one transaction, together with the ledger's record.",
        "What a file may say about itself, such as phase=contract: switchback help directives",
    ]
)
DOWN_HINTS = comment(
    [
        "Statements that undo it, in reverse order. If there is nothing to undo, or no way back, say so in",
        "place of statements: `switchback: down=none REASON`, or `switchback: irreversible`, as a comment.",
    ]
)
