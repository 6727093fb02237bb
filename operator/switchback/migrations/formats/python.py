"""Python: `1_title.py`, a module with `up(connection)` and, as a rule, `down(connection)`.

It is read by its syntax tree alone; it runs when its step does. Alembic and yoyo write modules, too: those
are told apart, for they need their own program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.migrations import foreign
from switchback.migrations import module as modules
from switchback.migrations.drafts import Draft, next_number, slug
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.formats import About
from switchback.migrations.halves import Code, checksum, normalise
from switchback.migrations.model import DownKind, Migration
from switchback.migrations.names import is_printable, number_forms, wrong_id

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.migrations.folder import Listing
    from switchback.migrations.module import Module, Way

NAME = "Python"
EXPECTED = "<name>.py with a function up(connection)"
ABOUT = About(
    'the literal string `id = "…"` of the module, else the file name before `.py`: `0001_create_books`',
    "the leading digits of the file name as a number, then the file name; names without digits come last",
    "the id's leading digits as written, and without leading zeros: `0001`, `1`",
    "the function `down(connection)`, which the ledger cannot keep: a rollback needs the file",
)

PACKAGE = "__init__.py"
_UP = re.compile(rb"^(?:\xef\xbb\xbf)?(?:async[ \t]+)?def[ \t]+up[ \t]*\(", re.MULTILINE)
_DIGITS = re.compile(r"([0-9]+)")


def short_forms(migration_id: str) -> tuple[str, ...]:
    """Spellings that `--target` accepts for an id: its leading digits, and those without leading zeros."""
    found = _DIGITS.match(migration_id)
    return () if found is None else number_forms(found.group(1))


def evidence(listing: Listing) -> str:
    """The first module that has a function `up` and is no other tool's."""
    return next((name for name in sorted(_modules(listing)) if _UP.search(listing.raw[name])), "")


def claims(listing: Listing) -> set[str]:
    """All modules but those of other tools."""
    return _modules(listing)


def _modules(listing: Listing) -> set[str]:
    return {
        name
        for name in listing.names
        if name.endswith(".py") and foreign.python_tool(listing.raw[name]) is None
    }


def _place(name: str) -> tuple[bool, int, str, str]:
    """Sorts numbers as numbers, however long they are, and names without one behind them."""
    found = _DIGITS.match(name)
    digits = "" if found is None else found.group(1).lstrip("0")
    return found is None, len(digits), digits, name


def read(listing: Listing) -> list[Migration]:
    """Migrations in order; what is wrong is added to the listing's problems."""
    found: list[Migration] = []
    known: dict[str, str] = {}
    for name in sorted(_modules(listing), key=_place):
        parsed = _parsed(listing, name)
        if parsed is None:
            continue
        migration_id = parsed.id or name.removesuffix(".py")
        wrong = _wrong_id(migration_id, known.get(migration_id))
        if wrong is not None:
            listing.problems.append(Problem(wrong[0], name, parsed.id_line, wrong[1]))
            continue
        known[migration_id] = name
        found.append(_migration(name, migration_id, len(found) + 1, parsed))
    return found


def _parsed(listing: Listing, name: str) -> Module | None:
    """The module; None when it is none, or when a problem is noted."""
    if name == PACKAGE:
        if _UP.search(listing.raw[name]):
            listing.problems.append(Problem("a migration needs a name of its own.", name, 1, "Rename it."))
        return None
    text = listing.text(name) if is_printable(listing, name) else None
    if text is None:
        return None
    try:
        return modules.parse(name, normalise(text))
    except SourceProblem as error:
        listing.problems.extend(error.problems)
        return None


def _wrong_id(migration_id: str, twin: str | None) -> tuple[str, str] | None:
    """What is wrong with an id, and what to do."""
    if twin is not None:
        return f"its id {migration_id} is also that of {twin}.", "Give one of the two another id."
    return wrong_id(migration_id)


def _migration(name: str, migration_id: str, position: int, parsed: Module) -> Migration:
    stem = name.removesuffix(".py")
    title = _DIGITS.sub("", stem, count=1) if stem[:1].isdigit() else stem
    return Migration(
        id=migration_id,
        position=position,
        description=parsed.description or " ".join(title.replace("_", " ").split()),
        format=NAME,
        up=_code(name, parsed, "up"),
        down=_code(name, parsed, "down") if "down" in parsed.functions else None,
        down_kind=DownKind.FILE if "down" in parsed.functions else DownKind.NONE,
        short_forms=short_forms(migration_id),
    )


def _code(name: str, parsed: Module, way: Way) -> Code:
    text = parsed.hashed(way)
    function = parsed.functions[way]
    return Code(
        path=name,
        text=text,
        first_line=function.line,
        checksum=checksum(text),
        module=parsed.text,
        function=way,
        directives=parsed.directives[way],
        is_empty=function.is_empty,
    )


_DRAFT = '''"""{title}"""

import psycopg

id = "{id}"
description = "{title}"


def up(connection: psycopg.Connection) -> None:
    """Changes the schema, in one transaction with the ledger's record: connection.execute("...")."""


def down(connection: psycopg.Connection) -> None:
    """Undoes it. Nothing to undo, or no way back? See: switchback help directives."""
'''


def draft(listing: Listing, title: str, now: datetime) -> tuple[Draft, ...]:
    """The file of a new migration."""
    numbers = (found.group(1) for name in _modules(listing) if (found := _DIGITS.match(name)))
    stem = f"{next_number(numbers, now, '0001')}_{slug(title)}"
    said = " ".join(title.replace("\\", "/").replace('"', "'").split())
    return (Draft(f"{stem}.py", _DRAFT.format(id=stem, title=said)),)
