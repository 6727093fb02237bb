r"""Pairs: `1_title.up.sql` with `1_title.down.sql`, the names of golang-migrate.

golang-migrate reads `^([0-9]+)_(.*)\.(down|up)\.(.*)$` with the digits as an unsigned 64-bit number and skips
what does not match. What it would skip, or run although it is no `.sql`, is refused here instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from switchback.migrations.drafts import DOWN_HINTS, UP_HINTS, Draft, heading, next_number, slug
from switchback.migrations.errors import Problem
from switchback.migrations.formats import About
from switchback.migrations.halves import CHECKSUM_PREFIX, Sql
from switchback.migrations.model import DownKind, Migration
from switchback.migrations.names import claimed_twice, is_above, is_printable, number_forms

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.migrations.folder import Listing

NAME = "Pairs"
EXPECTED = "<number>_<title>.up.sql and <number>_<title>.down.sql"
ABOUT = About(
    "the file name before `.up.sql`: `0001_create_books`",
    "the leading digits as a number",
    "the digits as written, and without leading zeros: `0001`, `1`",
    "the `.down.sql` file with the same number; its title may differ",
)

_FILE = re.compile(r"([0-9]+)_(.*)\.(up|down)\.sql", re.DOTALL)
_ID = re.compile(r"([0-9]+)_")
_LARGEST = 2**64 - 1


class _Half(NamedTuple):
    version: int
    digits: str
    title: str
    way: str
    name: str


def short_forms(migration_id: str) -> tuple[str, ...]:
    """Spellings that `--target` accepts for an id: its digits as written and without leading zeros."""
    found = _ID.match(migration_id)
    return () if found is None else number_forms(found.group(1))


def evidence(listing: Listing) -> str:
    """The first way there. Drizzle has files named as a way back, too."""
    return next((name for name in listing.names if name.endswith(".up.sql") and _FILE.fullmatch(name)), "")


def claims(listing: Listing) -> set[str]:
    """Names of the files that this format would read."""
    return listing.claimed or {name for name in listing.names if _FILE.fullmatch(name)}


def read(listing: Listing) -> list[Migration]:
    """Migrations in order; what is wrong is added to the listing's problems."""
    ways: dict[str, dict[int, _Half]] = {"up": {}, "down": {}}
    for half in _halves(listing):
        first = ways[half.way].setdefault(half.version, half)
        if first is not half:
            claimed_twice(listing, half.name, first.name, "number", half.version)
    ups, downs = ways["up"], ways["down"]
    for version in sorted(downs.keys() - ups.keys()):
        listing.problems.append(
            Problem(
                "this down half has no up half.",
                downs[version].name,
                None,
                f"Write {downs[version].name.removesuffix('.down.sql')}.up.sql, or delete this file.",
            )
        )
    return [
        _migration(listing, position, ups[version], downs.get(version))
        for position, version in enumerate(sorted(ups), start=1)
    ]


def _halves(listing: Listing) -> list[_Half]:
    found: list[_Half] = []
    claimed = listing.claimed
    for name in listing.names:
        match = _FILE.fullmatch(name)
        if match is None:
            continue
        claimed.add(name)
        if not is_printable(listing, name):
            continue
        digits, title, way = match.groups()
        if is_above(digits, _LARGEST):
            listing.problems.append(
                Problem(f"its number is larger than {_LARGEST}.", name, None, "Use a smaller number.")
            )
        else:
            found.append(_Half(int(digits), digits, title, way, name))
    return found


def _migration(listing: Listing, position: int, up: _Half, down: _Half | None) -> Migration:
    migration_id = f"{up.digits}_{up.title}"
    return Migration(
        id=migration_id,
        position=position,
        description=up.title.replace("_", " "),
        format=NAME,
        up=_sql(listing, up.name),
        down=None if down is None else _sql(listing, down.name),
        down_kind=DownKind.NONE if down is None else DownKind.SQL,
        short_forms=number_forms(up.digits),
    )


def _sql(listing: Listing, name: str) -> Sql:
    text = listing.text(name)
    if text is None:  # a problem is noted, and the source will be refused
        return Sql.of(name, "")
    if "\r" in text or text.startswith("\ufeff"):
        return Sql.of(name, text)
    return Sql(name, text, 1, f"{CHECKSUM_PREFIX}:{listing.sha256(name)}")


def draft(listing: Listing, title: str, now: datetime) -> tuple[Draft, ...]:
    """The two files of a new migration."""
    numbers = (found.group(1) for name in listing.names if (found := _FILE.fullmatch(name)))
    stem = f"{next_number(numbers, now, '0001')}_{slug(title)}"
    return (
        Draft(f"{stem}.up.sql", f"{heading(title)}{UP_HINTS}\n"),
        Draft(f"{stem}.down.sql", f"{heading(title)}{DOWN_HINTS}\n"),
    )
