"""What `tests.property.world` is made of: a database as it truly is, and Jobs as the cluster knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchback.contract.result import Database
from switchback.contract.words import Operation

if TYPE_CHECKING:
    from switchback.contract.result import Result
    from switchback.controller.observed import Job, Trouble

START = datetime(2026, 1, 1, tzinfo=UTC)
PLANNED = {Operation.RESERVE, Operation.ROLLBACK}
WRITES = {Operation.MIGRATE, Operation.ROLLBACK, Operation.RESERVE, Operation.RELEASE}
DATABASE = Database(name="shop", system_identifier="7000000000000000001", version=180000)


class BrokenPromiseError(AssertionError):
    """The operator did what it must never do."""


@dataclass
class Postgres:
    """The database as it truly is. `clock_error` is how far its server's clock is ahead."""

    name: str = "shop"
    applied: list[str] = field(default_factory=list)
    reserved_by: str = ""
    reserved_until: datetime = START
    clock_error: timedelta = timedelta()
    reservations: int = 0
    snapshots: dict[str, tuple[tuple[str, ...], str, int]] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    applied_by: dict[str, str] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    """Files without a transaction of which some statements have run, and by which operation."""

    def holder(self, now: datetime) -> str:
        """Id of the operation that has reserved the database now, or nothing."""
        return self.reserved_by if self.reserved_until > now else ""


@dataclass
class Running:
    """A Job as the cluster knows it. `arguments` is what it was given when it was created."""

    job: Job
    arguments: dict[str, Any]
    result: Result | None = None
    ended: bool = False
    done: bool = False
    """It has done its work, and its pod has not ended."""
    starting: bool = False
    deleting: bool = False
    trouble: Trouble | None = None
    told: str = ""
    """Id of the switch that its pod was told of."""
