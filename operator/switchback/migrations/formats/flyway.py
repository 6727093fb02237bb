"""Flyway: `V1.2__title.sql`, in sub-folders too, with `U1.2__title.sql` as its way back.

Flyway takes prefix, version, `__` and description off a name. A version is numbers between `.` or `_`, which
count alike, and is compared number by number, with zeros for those that are missing: `1`, `1.0` and `01` are
one version. Placeholders `${name}` are replaced everywhere, in strings and comments too; what would be put in
their place is known to Flyway alone. Settings of one script stand in a file of its name and `.conf`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from switchback.migrations.directives import Directives
from switchback.migrations.drafts import DOWN_HINTS, UP_HINTS, Draft, heading, next_number, slug
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.folder import case_twins
from switchback.migrations.formats import About
from switchback.migrations.formats.common import TextFile
from switchback.migrations.formats.flyway_names import REFUSED
from switchback.migrations.halves import Sql
from switchback.migrations.model import DownKind, Migration
from switchback.migrations.names import claimed_twice, is_printable
from switchback.migrations.script import analyse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from switchback.migrations.folder import Listing
    from switchback.migrations.script import Statement

NAME = "Flyway"
EXPECTED = "V<version>__<title>.sql and U<version>__<title>.sql"
ABOUT = About(
    "the file name before `.sql`, without its folders: `V1.2__create_books`",
    "the version, number by number: `1.2` comes before `1.10`",
    "the version, with and without `V`, with `.` or as written: `V1.2`, `1.2`",
    "the `U` file with the same version",
)

_FILE = re.compile(r"([VU])(.*?)(?:__(.*))?\.sql", re.DOTALL)
_SURE = re.compile(r"[VU][0-9][0-9._]*__.*\.sql", re.DOTALL)
_VERSION = re.compile(r"[0-9]+(?:[._][0-9]+)*")
_ID = re.compile(r"V(.*?)(?:__.*)?", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$(?:\{[^}]*\}?|.)", re.DOTALL)
"""Or a dollar with any other character, which Flyway passes over together: `$${` begins no placeholder."""
_SETTING = re.compile(r"\s*([^\s=:]+)\s*[=:]?\s*(.*?)\s*")


class _File(NamedTuple):
    path: str
    stem: str
    way: str
    version: str
    title: str


def short_forms(migration_id: str) -> tuple[str, ...]:
    """Spellings that `--target` accepts: the version as written, with dots, without leading zeros."""
    found = _ID.fullmatch(migration_id)
    if found is None or not _VERSION.fullmatch(found.group(1)):
        return ()
    written = found.group(1)
    dotted = written.replace("_", ".")
    plain = ".".join(part.lstrip("0") or "0" for part in dotted.split("."))
    return tuple(dict.fromkeys(form for each in (written, dotted, plain) for form in (each, f"V{each}")))


def evidence(listing: Listing) -> str:
    """The first versioned file; one in a sub-folder only if the folder itself holds no SQL."""
    found = next((name for name in listing.names if name[0] in "VU" and _SURE.fullmatch(name)), "")
    if found or not listing.directories or any(name.endswith(".sql") for name in listing.names):
        return found
    return next((path for path in listing.below if _SURE.fullmatch(_last(path))), "")


def claims(listing: Listing) -> set[str]:
    """Paths of the files that Flyway would read or run."""
    return {path for path in _paths(listing) if _is_flyway(_last(path))}


def _is_flyway(name: str) -> bool:
    plain = name.removesuffix(".conf")
    return _FILE.fullmatch(plain) is not None or any(pattern.fullmatch(plain) for pattern, _, _ in REFUSED)


def _paths(listing: Listing) -> Iterator[str]:
    yield from listing.names
    yield from listing.below


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def read(listing: Listing) -> list[Migration]:
    """Migrations in the order of their versions; what is wrong is added to the listing's problems."""
    listing.problems.extend(case_twins(listing.below))
    for path in listing.links:
        listing.problems.append(
            Problem("this link to a folder is not followed.", path, None, "Put the folder itself there.")
        )
    ways: dict[str, dict[tuple[int, ...], _File]] = {"V": {}, "U": {}}
    settings: set[str] = set()
    for path in _paths(listing):
        if path.endswith(".sql.conf") and _is_flyway(_last(path)):
            settings.add(path)
        file = _parsed(listing, path)
        if file is None:
            continue
        first = ways[file.way].setdefault(_parts(file.version), file)
        if first is not file:
            claimed_twice(listing, path, first.path, "version", file.version)
    ups, downs = ways["V"], ways["U"]
    for version in sorted(downs.keys() - ups.keys()):
        listing.problems.append(
            Problem(
                f"there is no V file of its version {downs[version].version}.",
                downs[version].path,
                None,
                "Write the way there, or delete this file.",
            )
        )
    found = [
        _migration(listing, settings, position, ups[version], downs.get(version))
        for position, version in enumerate(sorted(ups), start=1)
    ]
    for path in sorted(settings):
        listing.problems.append(
            Problem(
                "there is no script of which this is the configuration.",
                path,
                None,
                "Delete it, or pass --ignore with its name.",
            )
        )
    return found


def _parts(version: str) -> tuple[int, ...]:
    """The numbers of a version without zeros at its end, which Flyway does not count."""
    parts = [int(part) for part in version.replace("_", ".").split(".")]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return tuple(parts)


def _parsed(listing: Listing, path: str) -> _File | None:
    """A versioned file or a way back; else None, with a problem if Flyway would run it all the same."""
    name = _last(path)
    for pattern, message, advice in REFUSED:
        if pattern.fullmatch(name):
            listing.problems.append(Problem(message, path, None, advice))
            return None
    match = _FILE.fullmatch(name)
    if match is None or not is_printable(listing, path):
        return None
    way, version, title = match.groups()
    if not _VERSION.fullmatch(version):
        listing.problems.append(
            Problem(
                f"`{version}` in its name is no version.",
                path,
                None,
                "A version is whole numbers between dots or single underscores; two underscores follow it: "
                "V1.2__title.sql. If it is no migration, pass --ignore with its name or a pattern.",
            )
        )
        return None
    return _File(path, name.removesuffix(".sql"), way, version, title or "")


def _migration(
    listing: Listing, settings: set[str], position: int, up: _File, down: _File | None
) -> Migration:
    return Migration(
        id=up.stem,
        position=position,
        description=up.title.replace("_", " ").strip(),
        format=NAME,
        up=_sql(listing, settings, up.path),
        down=None if down is None else _sql(listing, settings, down.path),
        down_kind=DownKind.NONE if down is None else DownKind.SQL,
        short_forms=short_forms(up.stem),
    )


def _sql(listing: Listing, settings: set[str], path: str) -> Sql:
    file = TextFile(listing, path)
    preset, replaces = Directives(), True
    if f"{path}.conf" in settings:
        settings.remove(f"{path}.conf")
        preset, replaces = _settings(TextFile(listing, f"{path}.conf"))
    faults = _placeholders(file) if replaces and "${" in file.text else []
    if not preset.no_transaction and any(word in file.text.lower() for word in _MAY_NEED_NONE):
        faults.extend(_alone(file, preset))
    return Sql(path, file.text, 1, file.checksum, preset, tuple(faults))


def _settings(file: TextFile) -> tuple[Directives, bool]:
    """What the configuration of one script states, and whether placeholders would be replaced in it."""
    values = {"executeInTransaction": True, "placeholderReplacement": True}
    start = 0
    for line in file.text.split("\n"):
        found = _SETTING.fullmatch(line)
        if found is not None and found.group(1)[0] not in "#!":
            key, value = found.groups()
            if key in values and value.lower() in {"true", "false"}:
                values[key] = value.lower() == "true"
            elif key != "encoding" or value.upper() not in {"UTF-8", "UTF8"}:
                file.refuse(
                    start,
                    f"the setting `{key}={value}` has no counterpart here.",
                    "Known are executeInTransaction and placeholderReplacement, true or false.",
                )
        start += len(line) + 1
    preset = Directives(no_transaction=not values["executeInTransaction"])
    return preset, values["placeholderReplacement"]


def _placeholders(file: TextFile) -> list[Problem]:
    """The first one."""
    for found in _PLACEHOLDER.finditer(file.text):
        text = found.group()
        if text[1] == "{":
            shown = text if len(text) <= _SHOWN and text.isprintable() else "${…}"
            message = f"`{shown}` is a placeholder of Flyway, and its value is not in the file."
            advice = f"Write its value. If it means itself: placeholderReplacement=false in {file.path}.conf."
            return [file.problem(found.start(), message, advice)]
    return []


_SHOWN = 40
_MAY_NEED_NONE = (
    "concurrently", "vacuum", "database", "tablespace", "subscription", "system", "reindex", "discard",
)  # fmt: skip
"""A text without one of these has no statement that Flyway would run outside a transaction."""


def _alone(file: TextFile, preset: Directives) -> list[Problem]:
    """Statements for which Flyway would leave the transaction out by itself, where nothing says so."""
    try:
        script = analyse(file.path, file.text, 1, preset)
    except SourceProblem:
        return []  # it is told when it is about to run
    if script.directives.no_transaction:
        return []
    statement = next((each for each in script.statements if _needs_none(each)), None)
    if statement is None:
        return []
    return [
        file.problem(
            statement.offset,
            f"{_leading(statement)} cannot run in a transaction; Flyway would use none.",
            f"Write `-- switchback: no-transaction` into the file, or executeInTransaction=false into "
            f"{file.path}.conf.",
        )
    ]


def _leading(statement: Statement) -> str:
    """Its key words, without the names behind them."""
    words = statement.words
    length = words.index("CONCURRENTLY") + 1 if "CONCURRENTLY" in words else 2
    return " ".join(words[:1] if words[0] == "VACUUM" else words[:length])


def _needs_none(statement: Statement) -> bool:
    words = statement.words
    if words[:2] == ("CREATE", "UNIQUE"):
        words = (words[0], *words[2:])
    return (
        words[:1] == ("VACUUM",)
        or words[:2] in {("ALTER", "SYSTEM"), ("DISCARD", "ALL")}
        or words[:3] in {("CREATE", "INDEX", "CONCURRENTLY"), ("DROP", "INDEX", "CONCURRENTLY")}
        or (words[:1] in {("CREATE",), ("DROP",)} and words[1:2] in _GLOBAL)
        or (words[:1] == ("REINDEX",) and (words[1:2] in _WHOLE or words[2:3] == ("CONCURRENTLY",)))
    )


_GLOBAL = {("DATABASE",), ("TABLESPACE",), ("SUBSCRIPTION",)}
_WHOLE = {("SCHEMA",), ("DATABASE",), ("SYSTEM",)}


def draft(listing: Listing, title: str, now: datetime) -> tuple[Draft, ...]:
    """The two files of a new migration, in the folder of the last one."""
    known = [
        (_parts(found.group(2)), path, found.group(2))
        for path in _paths(listing)
        if (found := _FILE.fullmatch(_last(path))) and _VERSION.fullmatch(found.group(2))
    ]
    _, path, version = max(known, default=((), "", ""))
    head = _LAST_NUMBER.sub("", version)
    number = next_number([version[len(head) :]] if version else [], now, "1")
    stem = f"{head}{number}__{slug(title)}.sql"
    folder = path[: -len(_last(path))] if path else ""
    return (
        Draft(f"{folder}V{stem}", f"{heading(title)}{UP_HINTS}\n"),
        Draft(f"{folder}U{stem}", f"{heading(title)}{DOWN_HINTS}\n"),
    )


_LAST_NUMBER = re.compile(r"[0-9]+$")
