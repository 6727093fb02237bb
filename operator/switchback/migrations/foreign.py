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
    (re.compile(r"(?:V|U|R|B|DR)[0-9._]*__.*\.sql(\.conf)?", re.DOTALL), "a file of Flyway"),
    (re.compile(r"(?:before|after)[A-Z]\w*\.sql"), "a callback of Flyway"),
    (re.compile(r"[0-9]+_.*\.go", re.DOTALL), "a Go migration of goose"),
    (re.compile(r".*\.rollback\.sql", re.DOTALL), "a rollback of yoyo"),
    (re.compile(r"atlas\.sum"), "the sum file of Atlas"),
    (re.compile(r"sqitch\.plan"), "the plan of sqitch"),
    (re.compile(r"[0-9]+_.*\.(?:up|down)\..*", re.DOTALL), "a file that golang-migrate would run"),
)
_BY_TEXT = (
    (re.compile(rb"^--[ \t]*migrate:up", re.MULTILINE), "a file of dbmate"),
    (re.compile(rb"^-- \+goose ", re.MULTILINE | re.IGNORECASE), "a file of goose"),
    (re.compile(rb"^--\s*liquibase formatted sql", re.IGNORECASE), "a file of Liquibase"),
    (re.compile(rb"^--> statement-breakpoint", re.MULTILINE), "a file of Drizzle"),
    (re.compile(rb"^down_revision\b", re.MULTILINE), "a revision of Alembic"),
)
_HARMLESS = re.compile(r".*\.(?:md|txt|rst|adoc|html|png|svg|pdf|example|license)", re.IGNORECASE)
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
    found = [
        Problem(
            f"{what}, and no part of this source.", name, None, f"Expected is {expected}. {IGNORE_ADVICE}"
        )
        for name in listing.names
        if name not in taken and (what := _what(name, listing.raw[name])) is not None
    ]
    for directory in listing.directories:
        inside = [path for path in listing.files_below(directory) if path not in taken]
        if _JOURNAL in inside:
            found.append(Problem("this is the journal of Drizzle.", _JOURNAL, None, IGNORE_ADVICE))
            continue
        sql = next((path for path in inside if _SQL.fullmatch(path)), None)
        if sql is not None:
            found.append(
                Problem(
                    f"this SQL file lies in the sub-folder {directory}, which is not read.",
                    sql,
                    None,
                    f"Move it into the source folder, or pass --ignore '{directory}'.",
                )
            )
    return found


def _what(name: str, raw: bytes) -> str | None:
    """What a file seems to be, as the beginning of a sentence; None when it is no migration."""
    for pattern, what in _BY_NAME:
        if pattern.fullmatch(name):
            return f"this is {what}"
    if _HARMLESS.fullmatch(name):
        return None
    if _SQL.fullmatch(name) or _NUMBERED.fullmatch(name):
        for marker, what in _BY_TEXT:
            if marker.search(raw):
                return f"this is {what}"
        return "this looks like a migration"
    return None
