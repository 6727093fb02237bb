"""What several formats need: names that begin with a number, and files that hold both halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.migrations import lexer
from switchback.migrations.errors import Problem
from switchback.migrations.halves import CHECKSUM_PREFIX, Sql, checksum, normalise
from switchback.migrations.lexer import Unterminated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from re import Pattern

    from switchback.migrations.directives import Directives
    from switchback.migrations.folder import Listing


def numbered(listing: Listing) -> Iterator[str]:
    """Names of SQL files that begin with a digit and are no file of Pairs."""
    return (
        name
        for name in listing.names
        if name.endswith(".sql") and not name.endswith((".up.sql", ".down.sql")) and name[0] in "0123456789"
    )


def first_with(listing: Listing, word: bytes, marker: Pattern[bytes]) -> str:
    """The first of these that holds a marker; `word` is a part of it, by which most are passed over fast."""
    for name in numbered(listing):
        raw = listing.raw[name]
        if word in raw and marker.search(raw):
            return name
    return ""


def lines_with(text: str, word: Pattern[str]) -> Iterator[tuple[int, str]]:
    """Lines in which `word` occurs, each with the offset of its first character."""
    end = -1
    for found in word.finditer(text):
        if found.start() < end:
            continue
        start = text.rfind("\n", 0, found.start()) + 1
        end = text.find("\n", found.end())
        end = len(text) if end < 0 else end
        yield start, text[start:end]


class TextFile:
    """One file with its text, from which halves are cut."""

    def __init__(self, listing: Listing, path: str) -> None:
        raw = listing.text(path)
        self.listing = listing
        self.path = path
        self.is_readable = raw is not None
        """When it is not, a problem is noted."""
        self.text = normalise(raw) if raw and ("\r" in raw or raw[0] == "\ufeff") else raw or ""
        self.is_plain = self.text is raw

    @property
    def checksum(self) -> str:
        """That of the whole text, without hashing anew what the digest of the source hashes, too."""
        if self.is_plain:
            return f"{CHECKSUM_PREFIX}:{self.listing.sha256(self.path)}"
        return checksum(self.text)

    def line(self, offset: int) -> int:
        """Line of an offset, counted from 1."""
        return self.text.count("\n", 0, offset) + 1

    def problem(self, offset: int | None, message: str, advice: str) -> Problem:
        """A problem of this file; `offset` says where, when it has a place."""
        return Problem(message, self.path, None if offset is None else self.line(offset), advice)

    def refuse(self, offset: int | None, message: str, advice: str) -> None:
        """Note a problem."""
        self.listing.problems.append(self.problem(offset, message, advice))

    def refuse_what_stands_before(self, offset: int, marker: str) -> None:
        """Note what is neither comment nor blank in front of the first marker, for it would not run."""
        head = self.text[:offset]
        if not head or head.isspace():
            return
        try:
            stray = next((start for kind, start, _ in lexer.tokens(head) if kind != lexer.COMMENT), None)
        except Unterminated as error:
            stray = error.offset
        if stray is not None:
            self.refuse(
                stray, f"this stands before `{marker}` and would not run.", "Move it below that marker."
            )

    def half(self, start: int, end: int, preset: Directives, faults: Iterable[Problem] = ()) -> Sql:
        """What stands from `start` to `end`."""
        return Sql.of(self.path, self.text[start:end], self.line(start), preset, tuple(faults))

    def is_blank_behind_line(self, start: int) -> bool:
        """Whether nothing follows the line in which `start` is."""
        behind = self.text.find("\n", start)
        return behind < 0 or self.text[behind:].isspace()
