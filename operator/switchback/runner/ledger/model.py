"""The ledger as it was read: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from switchback.contract.words import BASE

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.contract.result import Database
    from switchback.runner.adoption.model import Adoption

MAJOR = 1
"""Within one major only additive changes; a ledger of a newer major is read but never written."""
MINOR = 0


class Row(NamedTuple):
    """One applied migration. `down_sql` is not among the columns: it is fetched for a rollback only.

    Attributes:
        id: as the source named it.
        position: place in the order of application, counted from 1. A rollback goes from the end.
        description: for people.
        up_checksum: `s1:<hex>` of the up half as it ran.
        down_checksum: `s1:<hex>` of the down half as it was then; empty when there was none.
        fingerprint: `t1:<hex>` over the tokens of the up half.
        down_kind: `SQL` (the ledger keeps it), `File` or `None`.
        directives: one per line, as `migrations.directives` writes them.
        statements_done: how many statements took effect; less than the total after a failure part-way.
        statements_total: how many the up half has.
        down_done: how many statements of a down half without transaction took effect; None: none began.
        applied_at: RFC 3339, UTC, seconds.
        duration_ms: measured by the server; None while unfinished.
    """

    id: str
    position: int
    description: str
    up_checksum: str
    down_checksum: str
    fingerprint: str
    down_kind: str
    directives: str
    statements_done: int
    statements_total: int
    down_done: int | None
    applied_at: str
    duration_ms: int | None

    @property
    def is_partial(self) -> bool:
        """Whether only a part of the migration, or of its rollback, has taken effect."""
        return self.statements_done < self.statements_total or self.down_done is not None


@dataclass(frozen=True, slots=True)
class Reservation:
    """Who may run next, and until when nobody else may. `until` is the server's time."""

    operation_id: str
    until: datetime
    live: bool

    @property
    def holder(self) -> str:
        """Hash of the resource's UID, which every operation of that resource shares."""
        return self.operation_id.partition("-")[0]

    def shares_holder(self, operation_id: str) -> bool:
        """Whether an operation is of the same resource, and so may take the reservation over."""
        mine = operation_id.partition("-")[0]
        return mine == self.holder and mine != LAPTOP

    def admits(self, operation_id: str) -> bool:
        """Whether an operation may run although the database is reserved."""
        return not self.live or operation_id == self.operation_id or self.shares_holder(operation_id)


LAPTOP = "cli"
"""First part of the operation ids of command lines, which stands for no resource."""


@dataclass(frozen=True, slots=True)
class Meta:
    """The one row of `meta`."""

    major: int
    minor: int
    revision: int
    ledger_uuid: str
    system_identifier: str
    database_oid: int
    database_name: str
    protected_for: str
    reservation: Reservation | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database this is: a restored dump, a copy or another server differ in one of these.

    Attributes:
        database: name, system identifier and version of the server.
        oid: of the database.
        role: the session's user.
        schema_exists: whether the ledger's schema is there, with or without a ledger in it.
        other_relations: without a ledger: whether tables, views or sequences of a user exist.
        watches_drops: whether an event trigger is called at every DROP TABLE.
    """

    database: Database
    oid: int
    role: str
    schema_exists: bool = False
    other_relations: bool = False
    watches_drops: bool = False

    @property
    def mark(self) -> str:
        """What `Meta.protected_for` holds where this very database is protected."""
        return f"{self.database.system_identifier}/{self.oid}"


@dataclass(frozen=True)
class Ledger:
    """Everything that was read. `meta` is None when there is no ledger yet.

    `adoption` is set when there is none and the rows are what another tool's history says.
    """

    identity: Identity
    meta: Meta | None = None
    rows: tuple[Row, ...] = ()
    adoption: Adoption | None = None

    @cached_property
    def by_id(self) -> dict[str, Row]:
        """Rows by id."""
        return {row.id: row for row in self.rows}

    @property
    def current(self) -> str:
        """Id of the last applied migration, or `base`."""
        return self.rows[-1].id if self.rows else BASE

    @property
    def is_protected(self) -> bool:
        """Whether this very database is protected; a copy or a restore of a protected one is not."""
        return self.meta is not None and self.meta.protected_for == self.identity.mark

    @property
    def revision(self) -> int:
        """For compare-and-set; -1 when there is no ledger."""
        return -1 if self.meta is None else self.meta.revision

    @property
    def last_position(self) -> int:
        """Place of the last applied migration; 0 when nothing is applied."""
        return self.rows[-1].position if self.rows else 0
