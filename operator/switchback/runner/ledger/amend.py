"""What `baseline`, `repair` and `protect` write: the ledger alone changes, no SQL of any file runs."""

# ruff: noqa: S608 - names and values are quoted by `names`

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner.ledger import changes, entries
from switchback.runner.ledger.entries import ADOPTED, BASELINED, MARKED
from switchback.runner.ledger.names import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.migrations.model import Migration
    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.model import Identity
    from switchback.runner.ledger.names import Names

RENAMED = "Renamed"
"""Event: the row has a new id; its details are the old one."""
ACCEPTED = "Accepted"
PROTECTED = "Protected"
UNPROTECTED = "Unprotected"

_ABOUT_A_ROW = "position, up_checksum, down_checksum"


def transaction(names: Names, statements: str) -> str:
    """Statements, each with its semicolon, as one transaction that gives the ledger a new revision."""
    return f"BEGIN;{statements}{changes.bump(names)};COMMIT"


def baseline(names: Names, author: Author, migrations: Sequence[Migration], details: str) -> str:
    """A row and an event for each migration, in a ledger that has no row."""
    rows = "".join(
        f"{entries.adopted_row(names, migration, place, author)};"
        for place, migration in enumerate(migrations, start=1)
    )
    return f"{rows}{entries.adopted_events(names, details, BASELINED)};"


def mark(names: Names, author: Author, migration: Migration, position: int) -> str:
    """A row for a migration whose file does not run."""
    row = entries.adopted_row(names, migration, position, author)
    return f"{row};{_event_of(names, author, MARKED, migration.id)};"


def complete(
    names: Names, author: Author, migration_id: str, migration: Migration | None, details: str
) -> str:
    """Count a row of which a part has run as applied from end to end, as its file is now, if it is there."""
    values = "" if migration is None else f"{entries.as_in_the_file(migration)}, "
    total = "statements_total" if migration is None else str(entries.countable(migration))
    return (
        f"UPDATE {names.migrations} SET {values}statements_done = {total}, down_done = NULL "
        f"WHERE id = {literal(migration_id)};{_event_of(names, author, MARKED, migration_id, details)};"
    )


def unmark(names: Names, author: Author, migration_id: str, details: str) -> str:
    """Take a row away; what its migration has done to the schema stays."""
    return f"{entries.removed_row(names, migration_id, author, kind=entries.UNMARKED, details=details)};"


def rename(names: Names, author: Author, old: str, new: Migration) -> str:
    """Give a row the id of its file.

    A row that was taken over from another tool belonged to nobody; its events have the old id.
    """
    whose = (
        f"CASE WHEN EXISTS (SELECT FROM {names.events} e WHERE e.migration_id = {literal(old)} AND e.kind IN "
        f"('{ADOPTED}', '{BASELINED}', '{MARKED}')) THEN {literal(author.operation_id)} ELSE operation_id END"
    )
    return (
        f"UPDATE {names.migrations} SET id = {literal(new.id)}, description = {literal(new.description)}, "
        f"format = {literal(new.format)}, operation_id = {whose} WHERE id = {literal(old)};"
        f"{_event_of(names, author, RENAMED, new.id, old)};"
    )


def accept(names: Names, author: Author, migration: Migration, details: str) -> str:
    """Let a row say what its file is now."""
    return (
        f"UPDATE {names.migrations} SET {entries.as_in_the_file(migration)}, "
        f"statements_done = {entries.countable(migration)} WHERE id = {literal(migration.id)};"
        f"{_event_of(names, author, ACCEPTED, migration.id, details)};"
    )


def protect(names: Names, author: Author, here: Identity, *, on: bool) -> str:
    """Set or clear the mark that only this very database has."""
    mark_text = here.mark if on else ""
    event = changes.event(names, PROTECTED if on else UNPROTECTED, author)
    return f"UPDATE {names.meta} SET protected_for = {literal(mark_text)};{event};"


def _event_of(names: Names, author: Author, kind: str, migration_id: str, details: str = "") -> str:
    """INSERT of an event with what the row of a migration says."""
    return (
        f"INSERT INTO {names.events} (kind, migration_id, {_ABOUT_A_ROW}, operation_id, intent_digest, "
        f"reason, details) SELECT {literal(kind)}, id, {_ABOUT_A_ROW}, {author.values}, {literal(details)} "
        f"FROM {names.migrations} WHERE id = {literal(migration_id)}"
    )
