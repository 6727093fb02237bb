"""Restore points and the fence as they truly are, for `tests.property.world`.

A provider that the operator asks itself: artifacts by name, each with the state of the database that it
holds. It keeps what it is asked for until somebody lets it finish, fail or vanish.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.api.status import SnapshotPhase
from switchback.contract.points import (
    Capabilities,
    ErrorClass,
    Failure,
    Finding,
    Level,
    Observation,
    Owned,
    Ownership,
    Phase,
    Place,
    Scope,
)
from switchback.contract.points import Listing as PointList
from switchback.controller.observed import Kept
from switchback.controller.restore_points import of_operation
from switchback.controller.times import rfc3339
from tests.property.database import BrokenPromiseError

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.status import Status

BY_CALLS = Capabilities(Place.OPERATOR, Scope.INSTANCE)
BY_JOB = Capabilities(Place.JOB, Scope.DATABASE, verifies=Level.FULL_READ)

NO_ANSWER = Failure(ErrorClass.RETRY, "SnapshotProviderUnavailable", "no answer", retry_after=5)
NO_RIGHT = Failure(ErrorClass.NEEDS_HUMAN, "SnapshotAccessDenied", "rds:CreateDBSnapshot")
MISMATCH = Failure(ErrorClass.TERMINAL, "SnapshotSourceMismatch", "another database")
TROUBLES = (None, NO_ANSWER, NO_RIGHT, MISMATCH)


@dataclass
class Artifact:
    """One restore point at the provider. `held`: what the database was like when it was asked for."""

    operation: str
    held: tuple[tuple[str, ...], str, int]
    created: datetime
    phase: Phase = Phase.CREATING


@dataclass
class Keeping:
    """The provider, and the fence."""

    capabilities: Capabilities | None = None
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    trouble: Failure | None = None
    """What every call is answered with."""
    fenced: bool = False
    asked: list[str] = field(default_factory=list)

    def seen(self, status: Status, now: datetime, *, deleting: bool) -> Kept:
        """What the desk would have found for the next decision."""
        operation = status.operation
        if operation is None or self.capabilities is not BY_CALLS:
            return Kept()
        ended = bool(status.history) and status.history[-1].operation_id == operation.id
        if ended or deleting:
            return Kept(listing=self._listing()) if operation.pruning or deleting else Kept()
        return self._before_the_end(status, now)

    def _before_the_end(self, status: Status, now: datetime) -> Kept:
        operation = status.operation
        assert operation is not None
        known = of_operation(status)
        ready = known is not None and known.phase is SnapshotPhase.READY and known.provider == "rds"
        planned = operation.plan_digest and not operation.reached and not operation.job_name
        if known is None and planned:
            return Kept(findings=(Finding(self.trouble),) if self.trouble is not None else ())
        again = ready and not operation.reached and not operation.job_name
        if known is None or (known.phase is not SnapshotPhase.IN_PROGRESS and not again):
            return Kept()
        there = self.artifacts.get(known.name)
        if self.trouble is not None:
            return Kept(Observation(known.name, Phase.UNKNOWN, failure=self.trouble))
        if there is None:
            return Kept(Observation(known.name, Phase.ABSENT), missing_at=now)
        good = there.phase is Phase.AVAILABLE
        point = Observation(
            known.name,
            there.phase,
            raw_status=str(there.phase).lower(),
            provider_id=f"id-of-{known.name}",
            verified=Level.METADATA if good else None,
            restore_point_time=rfc3339(there.created),
        )
        return Kept(point, missing_at=now)

    def request(
        self, name: str, operation: str, held: tuple[tuple[str, ...], str, int], now: datetime
    ) -> None:
        """The restore point is asked for. What is there already is adopted."""
        if self.trouble is not None:
            return
        self.asked.append(name)
        if name not in self.artifacts:
            self.artifacts[name] = Artifact(operation, held, now)
        elif self.artifacts[name].operation != operation:
            raise BrokenPromiseError(f"{name} is another operation's")

    def go_on(self, phase: Phase) -> None:
        """Whatever is in the making becomes available, fails or vanishes."""
        for name, one in list(self.artifacts.items()):
            if one.phase is Phase.CREATING and phase is Phase.ABSENT:
                del self.artifacts[name]
            elif one.phase is Phase.CREATING:
                one.phase = phase

    def _listing(self) -> PointList:
        if self.trouble is not None:
            return PointList(failure=self.trouble)
        points = tuple(
            Owned(
                Observation(name, one.phase, source_id="db"),
                Ownership(uid="11111111-2222-3333-4444-555555555555", operation_id=one.operation),
                created=rfc3339(one.created),
            )
            for name, one in self.artifacts.items()
        )
        return PointList(points, complete=True)


def capabilities(spec: dict[str, Any]) -> Capabilities | None:
    """Of the provider that a spec chooses, as far as the worlds of these tests know any."""
    chosen = spec.get("snapshot") or {}
    if "rds" in chosen:
        return BY_CALLS
    return BY_JOB if "pgDump" in chosen else None
