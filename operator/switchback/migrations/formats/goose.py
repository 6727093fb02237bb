"""Goose: `00001_title.sql` with a part `-- +goose Up` and, perhaps, a part `-- +goose Down`.

goose takes `<int>_<name>.sql` with a number above 0, and reads every comment line that holds `+goose` as an
annotation: in any case, alone in its line, without a blank before it. StatementBegin and StatementEnd tell
its own splitter where a statement ends. The server needs no such help: they are held against goose's rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.migrations.directives import Directives
from switchback.migrations.drafts import DOWN_HINTS, UP_HINTS, Draft, heading, next_number, slug, stamp
from switchback.migrations.errors import Problem
from switchback.migrations.formats import About
from switchback.migrations.formats.common import TextFile, first_with, lines_with
from switchback.migrations.model import DownKind, Migration
from switchback.migrations.names import claimed_twice, is_above, is_printable, number_forms

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.migrations.folder import Listing
    from switchback.migrations.halves import Sql

NAME = "Goose"
EXPECTED = "<number>_<title>.sql with `-- +goose Up` and `-- +goose Down`"
ABOUT = About(
    "the file name before `.sql`: `00001_create_books`",
    "the leading digits as a number",
    "the digits as written, and without leading zeros: `00001`, `1`",
    "the part `-- +goose Down` of the file",
)

_FILE = re.compile(r"([0-9]+)_(.*)\.sql", re.DOTALL)
_ID = re.compile(r"([0-9]+)_")
_LARGEST = 2**63 - 1
_EVIDENCE = re.compile(rb"^--.*\+goose", re.MULTILINE)
_MENTION = re.compile(r"\+[ \t]*[gG][oO][oO][sS][eE]")
_ALMOST = re.compile(
    r"\s*-{2,}\s*\+\s*goose\s*(?:up|down|statement\s*begin|statement\s*end|no\s*transaction|envsub\s*\w+)\b.*",
    re.IGNORECASE,
)
_KNOWN = ("Up", "Down", "StatementBegin", "StatementEnd", "NO TRANSACTION", "ENVSUB ON", "ENVSUB OFF")
_BY_NAME = {known.casefold(): known for known in _KNOWN}


def short_forms(migration_id: str) -> tuple[str, ...]:
    """Spellings that `--target` accepts for an id: its digits as written and without leading zeros."""
    found = _ID.match(migration_id)
    return () if found is None else number_forms(found.group(1))


def evidence(listing: Listing) -> str:
    """The first file with an annotation of goose."""
    return first_with(listing, b"+goose", _EVIDENCE)


def claims(listing: Listing) -> set[str]:
    """Names of the files that goose would read."""
    return {name for name in listing.names if _FILE.fullmatch(name)}


def read(listing: Listing) -> list[Migration]:
    """Migrations in the order of their numbers; what is wrong is added to the listing's problems."""
    by_number: dict[int, tuple[str, str, str]] = {}
    for name in listing.names:
        match = _FILE.fullmatch(name)
        if match is None or not is_printable(listing, name):
            continue
        digits, title = match.groups()
        if is_above(digits, _LARGEST) or not int(digits):
            listing.problems.append(
                Problem(
                    f"its number is not one of 1 to {_LARGEST}, and goose would pass over it.",
                    name,
                    None,
                    "Give it another number.",
                )
            )
            continue
        first, _, _ = by_number.setdefault(int(digits), (name, digits, title))
        if first != name:
            claimed_twice(listing, name, first, "number", int(digits))
    return [
        _migration(listing, *by_number[number], position)
        for position, number in enumerate(sorted(by_number), start=1)
    ]


def _migration(listing: Listing, name: str, digits: str, title: str, position: int) -> Migration:
    up, down = _Reader(TextFile(listing, name)).halves()
    return Migration(
        id=name.removesuffix(".sql"),
        position=position,
        description=title.replace("_", " "),
        format=NAME,
        up=up,
        down=down,
        down_kind=DownKind.NONE if down is None else DownKind.SQL,
        short_forms=number_forms(digits),
    )


@dataclass
class _Reader:
    """Goes through the annotations of one file as goose's own reader does."""

    file: TextFile
    part: str = ""
    up: int = -1
    down: int = -1
    block: int = -1
    """Where a StatementBegin stands that has no end yet."""
    substituting: Problem | None = None
    faults: dict[str, list[Problem]] = field(default_factory=lambda: {"Up": [], "Down": []})
    preset: Directives = field(default_factory=Directives)

    def halves(self) -> tuple[Sql, Sql | None]:
        """The way there and the way back. Comments in front of Up belong to the way there."""
        file = self.file
        for start, line in lines_with(file.text, _MENTION):
            self._line(start, line)
        if self.block >= 0:
            file.refuse(self.block, "StatementBegin has no StatementEnd.", "Write `-- +goose StatementEnd`.")
        if self.up < 0:
            if file.is_readable:
                file.refuse(None, "the file has no line `-- +goose Up`.", "Write it above the way there.")
            return file.half(0, len(file.text), self.preset), None
        file.refuse_what_stands_before(self.up, "-- +goose Up")
        end = self.down if self.down >= 0 else len(file.text)
        up = file.half(0, end, self.preset, self.faults["Up"])
        if self.down < 0 or file.is_blank_behind_line(end):
            return up, None
        return up, file.half(end, len(file.text), self.preset, self.faults["Down"])

    def _line(self, start: int, line: str) -> None:
        if not line.strip().startswith("--"):
            return
        if "+goose" not in line:
            if _ALMOST.fullmatch(line):
                self._refuse(
                    start,
                    f"`{line.strip()}` looks like an annotation of goose and is none.",
                    "Write `-- +goose`, with small letters.",
                )
            return
        if line[0] in " \t":
            self._refuse(
                start, "an annotation of goose stands behind blanks.", "Remove the blanks in front of it."
            )
            return
        words = line.replace("--", "").replace("+goose", "", 1).strip()
        name = _BY_NAME.get(words.casefold())
        if name is None:
            self._refuse(start, f"`{words}` is no annotation of goose.", f"Known are: {', '.join(_KNOWN)}.")
            return
        self._annotation(start, name)

    def _annotation(self, start: int, name: str) -> None:
        if name in {"Up", "Down"}:
            self._part(start, name)
        elif name in {"StatementBegin", "StatementEnd"}:
            self._statement(start, name)
        elif name == "NO TRANSACTION":
            self.preset = Directives(no_transaction=True)
        elif name == "ENVSUB OFF":
            self.substituting = None
        else:
            self.substituting = self.file.problem(
                start,
                "ENVSUB ON makes the statements depend on the environment of whoever runs them.",
                "Write the values into the file, and remove the annotation.",
            )
            if self.part:
                self.faults[self.part].append(self.substituting)

    def _part(self, start: int, name: str) -> None:
        if self.block >= 0:
            self._refuse(
                start, f"{name} stands inside a StatementBegin.", "Write `-- +goose StatementEnd` above it."
            )
            self.block = -1
        if name == "Up" and self.part:
            self._refuse(
                start,
                "this is not the first Up, or Down stands before it.",
                "Write each step into its own file.",
            )
            return
        if name == "Down" and self.part != "Up":
            where = "before Up" if not self.part else "a second time"
            self._refuse(start, f"Down stands {where}.", "Write one Up, and one Down below it.")
            return
        if name == "Up":
            self.up = start
        else:
            self.down = start
        self.part = name
        if self.substituting is not None:
            self.faults[name].append(self.substituting)

    def _statement(self, start: int, name: str) -> None:
        if name == "StatementEnd":
            if self.block < 0:
                self._refuse(start, "StatementEnd has no StatementBegin.", "Write it, or remove this one.")
            self.block = -1
            return
        if not self.part:
            self._refuse(start, "StatementBegin stands before Up.", "Write it below `-- +goose Up`.")
        elif self.block >= 0:
            self._refuse(start, "a StatementBegin stands inside another.", "Write StatementEnd above it.")
        self.block = start

    def _refuse(self, start: int, message: str, advice: str) -> None:
        self.file.refuse(start, message, advice)


def draft(listing: Listing, title: str, now: datetime) -> tuple[Draft, ...]:
    """The file of a new migration."""
    digits = (found.group(1) for name in listing.names if (found := _FILE.fullmatch(name)))
    text = f"-- +goose Up\n{heading(title)}{UP_HINTS}\n\n-- +goose Down\n{DOWN_HINTS}\n"
    return (Draft(f"{next_number(digits, now, stamp(now))}_{slug(title)}.sql", text),)
