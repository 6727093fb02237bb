r"""Dbmate: `20260101120000_title.sql` with a block `-- migrate:up` and a block `-- migrate:down`.

dbmate takes `^\d+.*\.sql$` in the order of the names, and looks for lines `^--\s*migrate:up(\s*$|\s+\S+)`, in
this case only. A marker that it does not see would make the way back a part of the way there: what looks like
one is refused. Unlike dbmate, which passes over options that it does not know, so are those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from switchback.migrations.directives import Directives
from switchback.migrations.drafts import DOWN_HINTS, UP_HINTS, Draft, heading, next_number, slug, stamp
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.formats import About
from switchback.migrations.formats.common import TextFile, first_with, lines_with
from switchback.migrations.model import DownKind, Migration
from switchback.migrations.names import claimed_twice, is_printable, number_forms

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.migrations.folder import Listing
    from switchback.migrations.halves import Sql

NAME = "Dbmate"
EXPECTED = "<number>_<title>.sql with `-- migrate:up` and `-- migrate:down`"
ABOUT = About(
    "the file name before `.sql`: `20260101120000_create_books`",
    "the file name, character by character: `10_x` comes before `9_y`",
    "the digits as written, and without leading zeros: `20260101120000`",
    "the block `-- migrate:down` of the file",
)

_FILE = re.compile(r"([0-9]+)(.*)\.sql", re.DOTALL)
_ID = re.compile(r"[0-9]+")
_EVIDENCE = re.compile(rb"^--[ \t]*migrate:(?:up|down)\b", re.MULTILINE)
_MENTION = re.compile(r"[mM][iI][gG][rR][aA][tT][eE][ \t]*:")
_MARKER = re.compile(r"--\s*migrate:(up|down)(?:\s+(\S.*))?\s*")
_ALMOST = re.compile(r"\s*-{2,}\s*migrate(?::\w+|\s*:\s*(?:up|down)\b).*", re.IGNORECASE)
_OPTIONS = {"transaction:false": True, "transaction:true": False}


class _Mark(NamedTuple):
    way: str
    start: int
    preset: Directives


def short_forms(migration_id: str) -> tuple[str, ...]:
    """Spellings that `--target` accepts for an id: its digits as written and without leading zeros."""
    found = _ID.match(migration_id)
    return () if found is None else number_forms(found.group())


def evidence(listing: Listing) -> str:
    """The first file with a marker of dbmate."""
    return first_with(listing, b"migrate:", _EVIDENCE)


def claims(listing: Listing) -> set[str]:
    """Names of the files that dbmate would read."""
    return {name for name in listing.names if _FILE.fullmatch(name)}


def read(listing: Listing) -> list[Migration]:
    """Migrations in the order of their names; what is wrong is added to the listing's problems."""
    found: list[Migration] = []
    first: dict[str, str] = {}
    before = ""
    for name in listing.names:
        match = _FILE.fullmatch(name)
        if match is None or not is_printable(listing, name):
            continue
        digits, title = match.groups()
        if first.setdefault(digits, name) != name:
            claimed_twice(listing, name, first[digits], "number", digits)
            continue
        if before and _number(before) > _number(digits):
            listing.notices.append(
                f"{name} comes behind {first[before]}: dbmate goes by the names, not by the numbers."
            )
        before = digits
        up, down = _halves(TextFile(listing, name))
        found.append(
            Migration(
                id=name.removesuffix(".sql"),
                position=len(found) + 1,
                description=title.lstrip("_-. ").replace("_", " "),
                format=NAME,
                up=up,
                down=down,
                down_kind=DownKind.NONE if down is None else DownKind.SQL,
                short_forms=number_forms(digits),
            )
        )
    return found


def _number(digits: str) -> tuple[int, str]:
    plain = digits.lstrip("0")
    return len(plain), plain


def _halves(file: TextFile) -> tuple[Sql, Sql | None]:
    """The way there and the way back. Comments in front of the first marker belong to the way there."""
    marks = _marks(file)
    ups = [mark for mark in marks if mark.way == "up"]
    downs = [mark for mark in marks if mark.way == "down"]
    if not ups:
        if file.is_readable:
            file.refuse(None, "the file has no line `-- migrate:up`.", "Write it above the way there.")
        return file.half(0, len(file.text), Directives()), None
    if marks[0] is not ups[0]:
        file.refuse(
            marks[0].start, "`migrate:down` stands before `migrate:up`.", "Write the way there first."
        )
    for mark in (*ups[1:], *downs[1:]):
        file.refuse(
            mark.start,
            f"this is the second `migrate:{mark.way}` of the file.",
            "A file is one step: write the second pair into a file of its own.",
        )
    file.refuse_what_stands_before(marks[0].start, "-- migrate:up")
    end = downs[0].start if downs else len(file.text)
    up = file.half(0, end, ups[0].preset)
    if not downs or file.is_blank_behind_line(end):
        return up, None
    return up, file.half(end, len(file.text), downs[0].preset)


def _marks(file: TextFile) -> list[_Mark]:
    marks: list[_Mark] = []
    for start, line in lines_with(file.text, _MENTION):
        found = _MARKER.fullmatch(line)
        if found is not None:
            way, options = found.groups()
            marks.append(_Mark(way, start, _preset(file, start, options or "")))
        elif _ALMOST.fullmatch(line):
            file.refuse(
                start,
                f"`{line.strip()}` looks like a marker of dbmate and is none.",
                "Write `-- migrate:up` or `-- migrate:down` at the very beginning of the line.",
            )
    return marks


def _preset(file: TextFile, start: int, options: str) -> Directives:
    preset = Directives()
    for option in options.split():
        if option not in _OPTIONS:
            file.refuse(
                start,
                f"`{option}` is no option of dbmate, which would pass over it.",
                "The only one is `transaction:false`; write a comment on a line of its own.",
            )
        elif _OPTIONS[option]:
            preset = Directives(no_transaction=True)
    return preset


def draft(listing: Listing, title: str, now: datetime) -> tuple[Draft, ...]:
    """The file of a new migration.

    Raises:
        SourceProblem: the next number would come before the last one, character by character.
    """
    digits = [found.group(1) for name in listing.names if (found := _FILE.fullmatch(name))]
    number = next_number(digits, now, stamp(now))
    if digits and number <= max(digits):
        raise SourceProblem(
            [
                Problem(
                    f"the next number is {number}, which dbmate sorts before {max(digits)}.",
                    advice="Write the file yourself, with a number that comes last character by character.",
                )
            ]
        )
    text = f"-- migrate:up\n{heading(title)}{UP_HINTS}\n\n-- migrate:down\n{DOWN_HINTS}\n"
    return (Draft(f"{number}_{slug(title)}.sql", text),)
