"""Intents that a person has withdrawn: rolled back on request while the spec still wishes the newer version.

Kept as events, so that whoever has lost all memory finds it here. The newest event about an intent counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.runner.ledger import changes

if TYPE_CHECKING:
    import psycopg

    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.names import Names

WITHDRAWN = "Withdrawn"
"""Event: the author's intent is not wished any more; its details are the version that was gone back to."""
REINSTATED = "Reinstated"
"""Event: it is wished again."""


class Withdrawal(NamedTuple):
    """Which operation went back to which version, and when (RFC 3339)."""

    operation_id: str
    target: str
    at: str


def withdraw(names: Names, author: Author, target: str) -> str:
    """INSERT of the event that withdraws the author's intent."""
    return changes.event(names, WITHDRAWN, author, details=target)


def reinstate(names: Names, author: Author) -> str:
    """INSERT of the event that makes the author's intent count again."""
    return changes.event(names, REINSTATED, author)


def withdrawal(connection: psycopg.Connection[Any], names: Names, intent: str) -> Withdrawal | None:
    """How an intent was withdrawn; None when it counts."""
    row = connection.execute(
        "SELECT kind, operation_id, details, "  # noqa: S608 - the name is quoted
        "pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
        f"FROM {names.events} WHERE intent_digest = %s AND kind = ANY(%s) ORDER BY seq DESC LIMIT 1".encode(),
        (intent, [WITHDRAWN, REINSTATED]),
    ).fetchone()
    return Withdrawal(*row[1:]) if row is not None and row[0] == WITHDRAWN else None
