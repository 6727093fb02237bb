"""Files that look like migrations and are read by no format here: named, never silently skipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.migrations.errors import Problem
from switchback.migrations.folder import IGNORE_ADVICE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.migrations.folder import Listing

_BY_NAME = (
    (re.compile(r"(?:V|U|R|B|DR)[0-9._]*__.*\.sql(\.conf)?", re.DOTALL), "a file of Flyway", "Flyway"),
    (
        re.compile(r"(?:(?:before|after)[A-Z]\w*?|createSchema)(?:__.*)?\.sql", re.DOTALL),
        "a callback of Flyway",
        "Flyway",
    ),
    (re.compile(r"[0-9]+_.*\.go", re.DOTALL), "a Go migration of goose", ""),
    (re.compile(r".*\.rollback\.sql", re.DOTALL), "a rollback of yoyo", ""),
    (re.compile(r"atlas\.sum"), "the sum file of Atlas", ""),
    (re.compile(r"sqitch\.plan"), "the plan of sqitch", ""),
    (re.compile(r"[0-9]+_.*\.(?:up|down)\.sql", re.DOTALL), "a file of golang-migrate", "Pairs"),
    (re.compile(r"[0-9]+_.*\.(?:up|down)\..*", re.DOTALL), "a file that golang-migrate would run", ""),
    (re.compile(r"_journal\.json"), "the journal of Drizzle", "Drizzle"),
)
_BY_TEXT = (
    (re.compile(rb"^--[ \t]*migrate:up", re.MULTILINE), "a file of dbmate", "Dbmate"),
    (re.compile(rb"^--.*\+goose", re.MULTILINE), "a file of goose", "Goose"),
    (re.compile(rb"^--\s*liquibase formatted sql", re.IGNORECASE), "a file of Liquibase", ""),
    (re.compile(rb"--> statement-breakpoint"), "a file of Drizzle", "Drizzle"),
)
_PYTHON = (
    (re.compile(rb"^down_revision\b", re.MULTILINE), "a revision of Alembic"),
    (re.compile(rb"^(?:from|import)[ \t]+yoyo\b|^__depends__\b", re.MULTILINE), "a migration of yoyo"),
    (re.compile(rb"^class Migration\([\w.]*Migration\):", re.MULTILINE), "a migration of Django"),
)
_UP = re.compile(rb"^def[ \t]+up[ \t]*\(", re.MULTILINE)
_HARMLESS = re.compile(
    r".*\.(?:md|txt|rst|adoc|html|png|svg|pdf|example|license)|.*_test\.go", re.IGNORECASE | re.DOTALL
)
_SQL = re.compile(r".*\.(?:sql|psql|pgsql|ddl)(?:\.\w+)?", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(r"V?[0-9]+[._-].*", re.DOTALL)
_JOURNAL = "meta/_journal.json"


def problems(listing: Listing, read: Iterable[str], expected: str) -> list[Problem]:
    """Problems for what no format took.

    Args:
        listing: the folder.
        read: paths that the chosen format took.
        expected: the names that it takes, for people, such as `1_title.up.sql`.
    """
    taken = set(read)
    found: list[Problem] = []
    for name in listing.names:
        seems = None if name in taken else _seems(name, listing.raw[name])
        if seems is not None:
            what, owner = seems
            hint = f"If all files are, pass --format {owner}. " if owner else ""
            advice = f"Expected is {expected}. {hint}{IGNORE_ADVICE}"
            found.append(Problem(f"this {what}, and no part of this source.", name, None, advice))
    for directory in listing.directories:
        if _SQL.fullmatch(directory):
            found.append(
                Problem("this is a folder, named like a file of SQL.", directory, None, IGNORE_ADVICE)
            )
            continue
        inside = [path for path in listing.files_below(directory) if path not in taken]
        if _JOURNAL in inside:
            advice = f"If this is a folder of Drizzle, pass --format Drizzle. {IGNORE_ADVICE}"
            found.append(Problem("this is the journal of Drizzle.", _JOURNAL, None, advice))
            continue
        sql = next((path for path in inside if _SQL.fullmatch(path)), None)
        if sql is not None:
            found.append(
                Problem(
                    f"this SQL file in the sub-folder {directory} is not read.",
                    sql,
                    None,
                    f"Expected is {expected}. If it belongs elsewhere, pass --ignore '{directory}'.",
                )
            )
    return found


def python_tool(raw: bytes) -> str | None:
    """What a module is in another tool, such as a revision of Alembic; None when it is none of theirs."""
    return next((what for marker, what in _PYTHON if marker.search(raw)), None)


def _seems(name: str, raw: bytes) -> tuple[str, str] | None:  # noqa: PLR0911 - one flat list of cases
    """What a file seems to be, as a part of a sentence, and whose; None when it is no migration."""
    if name.endswith(".py"):
        tool = python_tool(raw)
        if tool is not None:
            return f"is {tool}", ""
        if _UP.search(raw):
            return "is a migration in Python", "Python"
    if _HARMLESS.fullmatch(name):
        return None
    for pattern, what, owner in _BY_NAME:
        if pattern.fullmatch(name):
            return f"is {what}", owner
    if _SQL.fullmatch(name) or _NUMBERED.fullmatch(name):
        for marker, what, owner in _BY_TEXT:
            if marker.search(raw):
                return f"is {what}", owner
        return "looks like a migration", ""
    return None
