"""Drizzle: tags in `meta/_journal.json` (0.x), or folders `20260101120000_title/` with `migration.sql` (1.x).

Drizzle 0.x runs what its journal names, in that order, and passes over every entry whose time is not after
the last one applied; 1.x reads the folders in the order of their names. Neither has a way back:
`<tag>.down.sql` beside the file and `down.sql` inside the folder are what its users have settled on. Both
split a file at `--> statement-breakpoint`: that mark ends a statement with or without a semicolon.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.migrations import lexer
from switchback.migrations.errors import Problem
from switchback.migrations.folder import IGNORE_ADVICE, case_twins
from switchback.migrations.formats import About
from switchback.migrations.formats.common import TextFile
from switchback.migrations.formats.drizzle_journal import JOURNALS, entries
from switchback.migrations.halves import Sql
from switchback.migrations.lexer import Unterminated
from switchback.migrations.model import DownKind, Migration
from switchback.migrations.names import is_printable, number_forms, wrong_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.migrations.folder import Listing

NAME = "Drizzle"
EXPECTED = (
    "meta/_journal.json with <tag>.sql and <tag>.down.sql, or <14 digits>_<title>/migration.sql and down.sql"
)
ABOUT = About(
    "the tag of the journal, or the folder's name: `0001_create_books`, `20260101120000_create_books`",
    "that of the journal, or the folder's name",
    "the digits in front as written, and without leading zeros: `0001`, `1`, `20260101120000`",
    "`<tag>.down.sql` beside the file, or `down.sql` in the folder",
)

_FOLDER = re.compile(r"([0-9]{14})_(.*)", re.DOTALL)
_ID = re.compile(r"([0-9]+)_")
_SNAPSHOT = re.compile(r"[0-9]+_snapshot\.json")
_UP, _DOWN = "migration.sql", "down.sql"
BREAKPOINT = "--> statement-breakpoint"


def short_forms(migration_id: str) -> tuple[str, ...]:
    """Spellings that `--target` accepts for an id: its digits as written and without leading zeros."""
    found = _ID.match(migration_id)
    return () if found is None else number_forms(found.group(1))


def evidence(listing: Listing) -> str:
    """The journal, or the first folder with a migration."""
    return next(_journals(listing), "") or next(_in_folders(listing), "")


def claims(listing: Listing) -> set[str]:
    """Paths of the files that Drizzle reads or writes, and all SQL: `read` refuses what it does not name."""
    found = {name for name in listing.names if name.endswith(".sql") or _SNAPSHOT.fullmatch(name)}
    for directory in listing.directories:
        if directory == "meta" or _FOLDER.fullmatch(directory):
            found.update(listing.files_below(directory))
        else:
            found.add(f"{directory}/{_UP}")
    return found.union(_journals(listing))


def _journals(listing: Listing) -> Iterator[str]:
    for path in JOURNALS:
        directory = path.rpartition("/")[0]
        if path in (listing.files_below(directory) if directory in listing.directories else listing.names):
            yield path


def _in_folders(listing: Listing) -> Iterator[str]:
    for directory in listing.directories:
        path = f"{directory}/{_UP}"
        if _FOLDER.fullmatch(directory) and path in listing.files_below(directory):
            yield path


def read(listing: Listing) -> list[Migration]:
    """Migrations in order; what is wrong is added to the listing's problems."""
    journals = list(_journals(listing))
    found = [*journals, *_in_folders(listing)]
    if len(journals) > 1 or (journals and len(found) > len(journals)):
        other = found[1]
        what = "another journal" if other in journals else "the layout of Drizzle 1.x"
        listing.problems.append(
            Problem(
                f"beside {found[0]} this is {what}: the two have no common order.",
                other,
                None,
                "Keep one of the two; `drizzle-kit up` turns a journal into folders.",
            )
        )
        return []
    if journals:
        return _by_journal(listing, journals[0])
    return _by_folder(listing)


def _by_journal(listing: Listing, journal: str) -> list[Migration]:
    flat = set(listing.names)
    used: set[str] = set()
    found: list[Migration] = []
    tags = entries(TextFile(listing, journal), flat)
    if tags is None:  # whether a file stands in it cannot be said
        return []
    for tag in tags:
        up, down = f"{tag}.sql", f"{tag}.down.sql"
        used.update((up, down))
        found.append(_migration(listing, len(found) + 1, tag, up, down if down in flat else None))
    for name in listing.names:
        if name.endswith(".sql") and name not in used:
            what = "its tag stands not in" if name.endswith(".down.sql") else "it is not named in"
            listing.problems.append(
                Problem(
                    f"{what} {journal}, and Drizzle would pass over it in silence.",
                    name,
                    None,
                    f"Let drizzle-kit generate its entry, or delete the file. {IGNORE_ADVICE}",
                )
            )
    return found


def _by_folder(listing: Listing) -> list[Migration]:
    found: list[Migration] = []
    listing.problems.extend(case_twins(listing.directories))
    listing.problems.extend(_beside_folders(listing))
    for directory in listing.directories:
        if _FOLDER.fullmatch(directory) is None or not is_printable(listing, directory):
            continue
        inside = listing.files_below(directory)
        up, down = f"{directory}/{_UP}", f"{directory}/{_DOWN}"
        for path in inside:
            if path.endswith(".sql") and path not in {up, down}:
                listing.problems.append(
                    Problem(f"Drizzle reads {_UP} alone in its folder.", path, None, IGNORE_ADVICE)
                )
        wrong = wrong_id(directory) if up in inside else None
        if wrong is not None:
            listing.problems.append(Problem(wrong[0], up, None, wrong[1]))
        elif up in inside:
            found.append(_migration(listing, len(found) + 1, directory, up, down if down in inside else None))
        elif inside:  # an empty one is what git leaves behind
            advice = "Bring the file back, or delete the folder."
            listing.problems.append(Problem(f"the folder has no {_UP}.", directory, None, advice))
    return found


def _beside_folders(listing: Listing) -> Iterator[Problem]:
    """What Drizzle would pass over, or order by another kind of name."""
    for name in listing.names:
        if name.endswith(".sql"):
            yield Problem(
                "without a journal Drizzle reads folders alone, and would pass over it in silence.",
                name,
                None,
                f"Move it to <14 digits>_<title>/{_UP}. {IGNORE_ADVICE}",
            )
    for directory in listing.directories:
        path = f"{directory}/{_UP}"
        if _FOLDER.fullmatch(directory) is None and path in listing.files_below(directory):
            yield Problem(
                "its folder is not named as one of Drizzle, whose order is that of the names.",
                path,
                None,
                "Name it with 14 digits and a title: 20260101120000_title.",
            )


def _migration(listing: Listing, position: int, migration_id: str, up: str, down: str | None) -> Migration:
    title = _ID.sub("", migration_id, count=1)
    return Migration(
        id=migration_id,
        position=position,
        description=title.replace("_", " "),
        format=NAME,
        up=_sql(listing, up),
        down=None if down is None else _sql(listing, down),
        down_kind=DownKind.NONE if down is None else DownKind.SQL,
        short_forms=short_forms(migration_id),
    )


def _sql(listing: Listing, path: str) -> Sql:
    file = TextFile(listing, path)
    return Sql(path, ended(file.text), 1, file.checksum)


def ended(text: str) -> str:
    """`text` with a semicolon at every breakpoint whose statement has none: `;--` in place of `-->`.

    Length and lines stay. A mark inside a string or a longer comment is left as it is.
    """
    if all(_has_end(text, found.start()) for found in re.finditer(BREAKPOINT, text)):
        return text
    parts: list[str] = []
    copied, last = 0, ";"
    try:
        for kind, start, end in lexer.tokens(text):
            if kind != lexer.COMMENT:
                last = text[start:end]
            elif last != ";" and text.startswith(BREAKPOINT, start):
                parts += [text[copied:start], ";--"]
                copied, last = start + len("-->"), ";"
    except Unterminated:
        return text  # it is told with its place when it is about to run
    return "".join([*parts, text[copied:]])


def _has_end(text: str, place: int) -> bool:
    """Whether a semicolon stands before that place, and surely in no comment."""
    while place and text[place - 1] in lexer.BLANK:
        place -= 1
    return not place or (text[place - 1] == ";" and "--" not in text[text.rfind("\n", 0, place) + 1 : place])
