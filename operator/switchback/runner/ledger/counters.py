"""Counting the statements of a file that runs without a transaction."""

# ruff: noqa: S608 - names and values are quoted by `names`

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.runner.ledger import changes, entries
from switchback.runner.ledger.names import literal

if TYPE_CHECKING:
    from switchback.migrations.model import Migration
    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.ledger.names import Names

BEGUN = "Begun"
"""Event: a file without transaction was begun; its details are the hashes of its statements."""
STARTED = "Started"
"""Event: a statement is about to run alone; its details say what the database looked like before."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Writes for one migration in one direction. Ups count in `statements_done`, downs in `down_done`."""

    names: Names
    author: Author
    migration_id: str
    up: bool

    @property
    def column(self) -> str:
        """Where it counts."""
        return "statements_done" if self.up else "down_done"

    def value(self, ledger: Ledger) -> int:
        """How many statements a ledger says are done."""
        row = ledger.by_id.get(self.migration_id)
        if row is None:
            return 0
        return row.statements_done if self.up else row.down_done or 0

    def set(self, value: int) -> str:
        """UPDATE of the counter."""
        return (
            f"UPDATE {self.names.migrations} SET {self.column} = {value} "
            f"WHERE id = {literal(self.migration_id)}"
        )

    def guard(self, value: int) -> str:
        """Last statement of a transaction that counts: fails unless this very transaction has counted."""
        return (
            f"WITH r AS ({changes.bump(self.names)} RETURNING 1) "
            f"SELECT 1 / (count(*))::int AS switchback_guard, NULL FROM {self.names.migrations} m, r "
            f"WHERE m.id = {literal(self.migration_id)} AND m.{self.column} = {value} "
            "AND m.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid"
        )

    def last_guard(self, value: int, milliseconds: int, notice: str) -> str:
        """The guard of the last statement: it ends the step, too. Gives the duration in ms.

        `milliseconds`: what the step has taken before this transaction.
        """
        here = f"{self.column} = {value} AND xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid"
        since = "pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()"
        took = f"{milliseconds} + pg_catalog.ceil(extract(epoch FROM {since}) * 1000)::bigint"
        return (
            f"WITH {self._ended(took, notice, here)}, r AS ({changes.bump(self.names)} RETURNING 1) "
            "SELECT 1 / (count(*))::int AS switchback_guard, max(e.duration_ms) FROM e, r"
        )

    def is_over(self, ledger: Ledger) -> bool:
        """Whether a ledger says that the step, which had begun, is done to its end."""
        row = ledger.by_id.get(self.migration_id)
        if not self.up:
            return row is None
        return row is not None and not row.is_partial

    def begin(self, record: str, hashes: str) -> str:
        """A transaction that makes the row of an up."""
        return self.transaction(record, self.begun(hashes))

    def begin_down(self, hashes: str) -> str:
        """A transaction that marks the row of a down as begun."""
        return self.transaction(self.set(0), self.begun(hashes))

    def begun(self, details: str) -> str:
        """INSERT of the event that a file was begun, or mended; its details are hashes of statements."""
        return self._event(BEGUN, details)

    def start(self, details: str) -> str:
        """INSERT of the event that a statement is about to run alone, and what was there before."""
        return self._event(STARTED, details)

    def abandon(self) -> str:
        """A transaction that takes the row, or the mark, away again, if nothing has taken effect.

        The ledger judges that: a signal may come when a statement is committed and its caller does not know.
        """
        table = self.names.migrations
        change = f"DELETE FROM {table}" if self.up else f"UPDATE {table} SET down_done = NULL"
        unbegun = f"WHERE id = {literal(self.migration_id)} AND {self.column} = 0"
        return self.transaction(
            f"WITH gone AS ({change} {unbegun} RETURNING id) INSERT INTO {self.names.events} "
            "(kind, migration_id, operation_id, intent_digest, reason) "
            f"SELECT 'Abandoned', id, {self.author.values} FROM gone"
        )

    def replace(self, migration: Migration, hashes: str) -> str:
        """A transaction that notes the mended text of a file of which a part has run."""
        values = entries.as_in_the_file(migration)
        update = f"UPDATE {self.names.migrations} SET {values} WHERE id = {literal(self.migration_id)}"
        return self.transaction(update, self._event(BEGUN, hashes))

    def finish(self, milliseconds: int, notice: str, *more: str) -> str:
        """A transaction that ends the step, with further statements before: the row of a down goes."""
        return self.transaction(*more, f"WITH {self._ended(str(milliseconds), notice)} SELECT FROM e")

    def transaction(self, *statements: str) -> str:
        """A transaction of our own, which gives the ledger a new revision."""
        return f"BEGIN;{';'.join(statements)};{changes.bump(self.names)};COMMIT"

    def _ended(self, milliseconds: str, notice: str, condition: str = "true") -> str:
        """Two queries of a WITH, of which `e` is the event."""
        where = f"WHERE id = {literal(self.migration_id)} AND {condition} RETURNING *"
        columns = "position, up_checksum, down_checksum"
        if self.up:
            change = f"UPDATE {self.names.migrations} SET duration_ms = {milliseconds} {where}"
        else:
            change = f"DELETE FROM {self.names.migrations} {where}"
        kind = entries.APPLIED if self.up else entries.ROLLED_BACK
        details = "" if self.up else notice
        return (
            f"m AS ({change}), e AS (INSERT INTO {self.names.events} (kind, migration_id, {columns}, "
            f"duration_ms, operation_id, intent_digest, reason, details) SELECT '{kind}', id, {columns}, "
            f"{milliseconds}, {self.author.values}, {literal(details)} FROM m RETURNING duration_ms)"
        )

    def _event(self, kind: str, details: str) -> str:
        return changes.event(self.names, kind, self.author, self.migration_id, details)
