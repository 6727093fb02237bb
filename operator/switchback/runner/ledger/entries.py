"""SQL that records a migration inside the migration's own transaction: first its row, last the guard.

The guard divides by the number of rows that this very transaction wrote. After a COMMIT or ROLLBACK hidden in
the file the row has another `xmin`, or is gone, and the division by zero keeps the rest from being committed.
It passes `RESET ALL`, other roles and savepoints.
"""

# ruff: noqa: S608 - names and values are quoted by `names`

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from switchback.migrations.errors import SourceProblem
from switchback.migrations.halves import Sql
from switchback.migrations.model import DownKind, Reversal
from switchback.runner.ledger.model import Row
from switchback.runner.ledger.names import literal

if TYPE_CHECKING:
    from switchback.migrations.halves import Half
    from switchback.migrations.model import Migration
    from switchback.runner.ledger.names import Names

APPLIED = "Applied"
ADOPTED = "Adopted"
BASELINED = "Baselined"
MARKED = "Marked"
ROLLED_BACK = "RolledBack"
ROLLED_BACK_PARTLY = "RolledBackPartly"
FORGOTTEN = "Forgotten"
NOT_UNDONE = "NotUndone"
UNMARKED = "Unmarked"
STARTED = "Started"

ENDS = (APPLIED, ADOPTED, BASELINED, MARKED, ROLLED_BACK, FORGOTTEN, NOT_UNDONE, UNMARKED)
"""Events behind which a row is whole, or gone."""

_MINE = "xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid"
_SECONDS = "extract(epoch FROM pg_catalog.clock_timestamp() - {since})"
_ELAPSED = f"pg_catalog.ceil({_SECONDS} * 1000::pg_catalog.numeric)::bigint"


@dataclass(frozen=True, slots=True)
class Author:
    """On whose behalf something is recorded. Empty strings when there is nothing to say."""

    operation_id: str
    intent_digest: str = ""
    reason: str = ""

    @property
    def values(self) -> str:
        """For the columns `operation_id, intent_digest, reason`."""
        return f"{literal(self.operation_id)}, {literal(self.intent_digest)}, {literal(self.reason)}"


def applied_row(names: Names, migration: Migration, position: int, author: Author, *, done: int) -> str:
    """INSERT of the row of a migration that is about to run.

    Args:
        names: where the ledger is.
        migration: what runs.
        position: its place in the order of application.
        author: for whom.
        done: statements that will have taken effect when this is committed.
    """
    return _row(names, migration, position, author, (_words(migration), done, migration.up.count))


def _words(migration: Migration) -> str:
    return "\n".join(migration.directives.words())


def _row(
    names: Names, migration: Migration, position: int, author: Author, read: tuple[str, int, int]
) -> str:
    """`read`: directives, statements that have taken effect, statements in all."""
    words, done, total = read
    down = kept_down(migration)
    values = ", ".join(
        (
            literal(migration.id),
            str(position),
            literal(migration.description),
            literal(migration.format),
            literal(migration.up.checksum),
            literal(down.checksum),
            literal(migration.up.fingerprint),
            literal(down.kind),
            literal(down.text),
            literal(words),
            str(done),
            str(total),
            author.values,
        )
    )
    return (
        f"INSERT INTO {names.migrations} (id, position, description, format, up_checksum, down_checksum, "
        "fingerprint, down_kind, down_sql, directives, statements_done, statements_total, operation_id, "
        f"intent_digest, reason) VALUES ({values})"
    )


class KeptDown(NamedTuple):
    """What the ledger keeps of a way back.

    Attributes:
        checksum: `s1:<hex>`; empty when there is no way back.
        kind: where the way back is.
        text: its SQL; None when there is none, or when it needs its file.
    """

    checksum: str
    kind: DownKind
    text: str | None


_NOTHING_KEPT = KeptDown("", DownKind.NONE, None)


def kept_down(migration: Migration) -> KeptDown:
    """What the ledger keeps of a migration's way back.

    A half without a statement and without a declaration, as `switchback new` leaves it, is none: whoever
    fills it in later changes nothing that was there.
    """
    down = migration.down
    if down is None or _is_empty(down, migration):
        return _NOTHING_KEPT
    text = down.kept if isinstance(down, Sql) and migration.down_kind is DownKind.SQL else None
    return KeptDown(down.checksum, migration.down_kind, text)


def _is_empty(down: Half, migration: Migration) -> bool:
    """Whether the down half does nothing. What cannot be read, because it ran elsewhere, may do something."""
    try:
        return not down.count and migration.reversal is Reversal.ABSENT
    except SourceProblem:
        return False


def as_in_the_file(migration: Migration) -> str:
    """For an UPDATE: the columns that say what a migration's file holds, and how many statements that is.

    A text that could not run here has no directives, and no statement that is counted.
    """
    words, total = _readable(migration)
    down = kept_down(migration)
    return (
        f"description = {literal(migration.description)}, format = {literal(migration.format)}, "
        f"up_checksum = {literal(migration.up.checksum)}, "
        f"down_checksum = {literal(down.checksum)}, "
        f"fingerprint = {literal(migration.up.fingerprint)}, down_kind = {literal(down.kind)}, "
        f"down_sql = {literal(down.text)}, directives = {literal(words)}, "
        f"statements_total = {total}"
    )


def adopted(migration: Migration, position: int) -> Row:
    """The row of a migration that another tool has applied, as `adopted_row` will write it."""
    words, total = _readable(migration)
    down = kept_down(migration)
    up = migration.up
    return Row(
        migration.id, position, migration.description, up.checksum, down.checksum, up.fingerprint, down.kind,
        words, total, total, None, "", None,
    )  # fmt: skip


def adopted_row(names: Names, migration: Migration, position: int, author: Author) -> str:
    """INSERT of the row of a migration that another tool has applied."""
    words, total = _readable(migration)
    return _row(names, migration, position, author, (words, total, total))


def countable(migration: Migration) -> int:
    """How many statements the up half has; 0 of a text that could not run here."""
    return _readable(migration)[1]


def _readable(migration: Migration) -> tuple[str, int]:
    """Directives and number of statements; nothing and 0 of a text that could not run here.

    It has run elsewhere, and does not run again. Its way back is judged when it is wanted.
    """
    try:
        return _words(migration), migration.up.count
    except SourceProblem:
        return "", 0


def adopted_events(names: Names, details: str, kind: str = ADOPTED) -> str:
    """INSERT of an event for every row there is, right after they were written."""
    columns = "position, up_checksum, down_checksum, operation_id, intent_digest, reason"
    return (
        f"INSERT INTO {names.events} (kind, migration_id, {columns}, details) "
        f"SELECT '{kind}', id, {columns}, {literal(details)} FROM {names.migrations} ORDER BY position"
    )


def applied_guard(names: Names, migration: Migration, position: int, author: Author) -> str:
    """The guard of an up; writes that all is done, the event and the new revision. Gives the duration in ms.

    Until then the row says that nothing is: a COMMIT in the file, and then the end of the run, leave it so.
    One INSERT that divides by zero unless both updates have hit: a query over all three would take the server
    half as long again.
    """
    elapsed = _ELAPSED.format(since="applied_at")
    told = ", ".join(
        (
            literal(APPLIED),
            literal(migration.id),
            str(position),
            literal(migration.up.checksum),
            literal(kept_down(migration).checksum),
        )
    )
    return (
        f"WITH m AS (UPDATE {names.migrations} SET statements_done = statements_total, "
        f"duration_ms = {elapsed} "
        f"WHERE id = {literal(migration.id)} AND {_MINE} RETURNING duration_ms), "
        f"r AS (UPDATE {names.meta} SET revision = revision + 1 RETURNING revision) "
        f"INSERT INTO {names.events} (kind, migration_id, position, up_checksum, down_checksum, "
        "duration_ms, operation_id, intent_digest, reason) "
        f"VALUES ({told}, (SELECT duration_ms FROM m), {author.values}) "
        "RETURNING 1 / (duration_ms IS NOT NULL AND (SELECT revision FROM r) IS NOT NULL)::int "
        "AS switchback_guard, duration_ms"
    )


def still_ours(names: Names, migration_id: str) -> str:
    """Divides by zero unless the row is as this transaction wrote it, as the guards do; takes no locks."""
    row = f"{names.migrations} WHERE id = {literal(migration_id)}"
    return f"SELECT 1 / pg_catalog.count(*)::int FROM {row} AND {_MINE}"


def going_back(names: Names, migration_id: str) -> str:
    """UPDATE that says, before a down half runs, that the way back has begun.

    The row stays until the guard: a COMMIT in the file, and then the end of the run, leave it so.
    """
    return f"UPDATE {names.migrations} SET down_done = 0 WHERE id = {literal(migration_id)}"


def gone_guard(names: Names, migration_id: str, author: Author, *, details: str = "") -> str:
    """The guard of a down half: DELETE of its row, the event, the new revision. Gives the duration in ms.

    Its shape is that of `applied_guard`, for the same reason.
    """
    elapsed = _ELAPSED.format(since="pg_catalog.transaction_timestamp()")
    return (
        f"WITH m AS (DELETE FROM {names.migrations} WHERE id = {literal(migration_id)} AND {_MINE} "
        "RETURNING position, up_checksum, down_checksum), "
        f"r AS (UPDATE {names.meta} SET revision = revision + 1 RETURNING revision) "
        f"INSERT INTO {names.events} (kind, migration_id, position, up_checksum, down_checksum, "
        "duration_ms, operation_id, intent_digest, reason, details) "
        f"VALUES ('{ROLLED_BACK}', {literal(migration_id)}, (SELECT position FROM m), "
        f"(SELECT up_checksum FROM m), (SELECT down_checksum FROM m), {elapsed}, {author.values}, "
        f"{literal(details)}) "
        "RETURNING 1 / (position IS NOT NULL AND (SELECT revision FROM r) IS NOT NULL)::int "
        "AS switchback_guard, duration_ms"
    )


def removed_row(names: Names, migration_id: str, author: Author, *, kind: str, details: str = "") -> str:
    """DELETE of the row, and INSERT of its event, of a migration without a down half to run.

    Args:
        names: where the ledger is.
        migration_id: whose row.
        author: for whom.
        kind: `ROLLED_BACK`, `NOT_UNDONE` (nothing to undo) or `FORGOTTEN` (row forgotten, schema left).
        details: for people who read the history.
    """
    return (
        f"WITH gone AS (DELETE FROM {names.migrations} WHERE id = {literal(migration_id)} RETURNING *) "
        f"INSERT INTO {names.events} (kind, migration_id, position, up_checksum, down_checksum, "
        "operation_id, intent_digest, reason, details) "
        f"SELECT {literal(kind)}, id, position, up_checksum, down_checksum, {author.values}, "
        f"{literal(details)} FROM gone"
    )


def removed_guard(names: Names, migration_id: str) -> str:
    """The guard behind `removed_row`. Its event is the newest: nobody else writes while the lock is held."""
    elapsed = _ELAPSED.format(since="at")
    return (
        f"WITH e AS (UPDATE {names.events} SET duration_ms = {elapsed} "
        f"WHERE seq = (SELECT seq FROM {names.events} ORDER BY seq DESC LIMIT 1) "
        f"AND migration_id = {literal(migration_id)} AND {_MINE} RETURNING duration_ms), "
        f"r AS (UPDATE {names.meta} SET revision = revision + 1 RETURNING revision) "
        "SELECT 1 / ((SELECT duration_ms FROM e) IS NOT NULL AND (SELECT revision FROM r) IS NOT NULL "
        f"AND NOT EXISTS (SELECT FROM {names.migrations} WHERE id = {literal(migration_id)}))::int "
        "AS switchback_guard, (SELECT duration_ms FROM e)"
    )
