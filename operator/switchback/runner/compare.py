"""The difference between files and ledger. A set difference: no high-water mark hides a skipped file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.runner.order import standing

if TYPE_CHECKING:
    from switchback.migrations.model import Migration, Source
    from switchback.runner.ledger.model import Ledger, Row


@dataclass(frozen=True)
class Change:
    """An applied migration whose up half is not what ran."""

    row: Row
    migration: Migration

    @cached_property
    def formatting_only(self) -> bool:
        """Whether nothing but comments and blanks differ."""
        return bool(self.row.fingerprint) and self.row.fingerprint == self.migration.up.fingerprint


@dataclass(frozen=True)
class Comparison:
    """What is applied, what is not, and what does not fit.

    Attributes:
        source: the files.
        ledger: the database's history.
        pending: files that are not applied, in the source's order; renamed ones are not among them.
        missing: rows whose file is gone, in order of application; renamed ones are not among them.
        changed: rows whose file has another up half than the one that ran.
        renamed: a missing row and the unapplied file that has the same up half.
    """

    source: Source
    ledger: Ledger
    pending: tuple[Migration, ...]
    missing: tuple[Row, ...]
    changed: tuple[Change, ...]
    renamed: tuple[Change, ...]

    @cached_property
    def current(self) -> str:
        """The version that the database is at, or `base`."""
        return standing([row.id for row in self.ledger.rows], self.source)

    @cached_property
    def out_of_order(self) -> tuple[Migration, ...]:
        """Pending files that stand before an applied one."""
        last = self.last_known_position
        return tuple(migration for migration in self.pending if migration.position < last)

    @cached_property
    def last_known_position(self) -> int:
        """Place in the source of the last file that is applied; 0 when none is."""
        applied = self.ledger.by_id
        return max((m.position for m in self.source.migrations if m.id in applied), default=0)

    @cached_property
    def ahead(self) -> tuple[Row, ...]:
        """Rows without a file, applied after every row with one: the ledger is ahead of the files."""
        by_id = self.source.by_id
        last = max((row.position for row in self.ledger.rows if row.id in by_id), default=0)
        return tuple(row for row in self.missing if row.position > last)

    @cached_property
    def partial(self) -> tuple[Row, ...]:
        """Rows of which only a part has taken effect."""
        return tuple(row for row in self.ledger.rows if row.is_partial)

    @cached_property
    def resumable(self) -> tuple[Migration, ...]:
        """Files without a transaction that an earlier run has left half applied: migrate goes on there."""
        files = self.source.by_id
        halves = [files[row.id] for row in self.partial if row.id in files and row.down_done is None]
        return tuple(migration for migration in halves if migration.up.directives.no_transaction)

    @property
    def is_clean(self) -> bool:
        """Whether files and ledger say the same."""
        return not (self.pending or self.missing or self.changed or self.renamed or self.partial)


def compare(source: Source, ledger: Ledger) -> Comparison:
    """Compare by id and by the checksum of the up half; nothing is lexed."""
    by_id, applied = source.by_id, ledger.by_id
    pending = [migration for migration in source.migrations if migration.id not in applied]
    missing = [row for row in ledger.rows if row.id not in by_id]
    changed = tuple(
        Change(row, by_id[row.id])
        for row in ledger.rows
        if row.id in by_id and row.up_checksum != by_id[row.id].up.checksum
    )
    renamed: list[Change] = []
    if missing and pending:
        gone = {row.up_checksum: row for row in missing}
        renamed = [Change(gone[m.up.checksum], m) for m in pending if m.up.checksum in gone]
        known = {change.row.id for change in renamed} | {change.migration.id for change in renamed}
        pending = [migration for migration in pending if migration.id not in known]
        missing = [row for row in missing if row.id not in known]
    return Comparison(source, ledger, tuple(pending), tuple(missing), changed, tuple(renamed))
