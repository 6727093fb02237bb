"""The world together with the status that is being worked out: what a stage looks at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.api.status import Outcome
from switchback.controller.intent import intent_digest

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.spec import Spec
    from switchback.api.status import HistoryEntry, OperationState, Status
    from switchback.controller.observed import Job, Observed


@dataclass(frozen=True)
class View:
    """One look: the observed world, its spec (known to be readable) and the status as worked out so far."""

    world: Observed
    spec: Spec
    status: Status

    @property
    def now(self) -> datetime:
        """The time of the observation; nothing here asks a clock."""
        return self.world.now

    @cached_property
    def intent(self) -> str:
        """Digest of what the spec asks for now."""
        return intent_digest(self.spec, self.world.source)

    @property
    def operation(self) -> OperationState:
        """The operation under way or the last one. Ask only where there is one."""
        if self.status.operation is None:
            raise LookupError("no operation has begun")
        return self.status.operation

    @property
    def outcome(self) -> HistoryEntry | None:
        """How the operation ended: the newest line of the history, when it is about this operation."""
        if self.status.operation is None or not self.status.history:
            return None
        newest = self.status.history[-1]
        return newest if newest.operation_id == self.operation.id else None

    @property
    def superseded(self) -> bool:
        """Whether the spec asks for something else than the operation works towards."""
        return self.status.operation is not None and self.operation.intent_digest != self.intent

    @property
    def wants_new(self) -> bool:
        """Whether another operation is due: a new intent, or an edit of the spec after a failure."""
        if self.status.operation is None or self.superseded:
            return True
        outcome = self.outcome
        edited = self.operation.generation < self.world.generation
        return outcome is not None and outcome.outcome is not Outcome.SUCCEEDED and edited

    @property
    def job(self) -> Job | None:
        """The Job that status names, when it exists."""
        if self.status.operation is None or not self.operation.job_name:
            return None
        return next((job for job in self.world.jobs if job.name == self.operation.job_name), None)

    @property
    def other_jobs_alive(self) -> tuple[Job, ...]:
        """Jobs of this resource that still run, beside the one that status names."""
        named = self.status.operation.job_name if self.status.operation else ""
        return tuple(job for job in self.world.jobs if job.name != named and not job.ended)

    @property
    def stray_pods_alive(self) -> bool:
        """Whether a pod runs whose Job was deleted under it."""
        return any(not pod.ended for pod in self.world.stray_pods)

    def is_stored(self, status: Status) -> bool:
        """Whether the API server has this status: only then may go what it was learned from."""
        return status.to_json() == self.world.status.to_json()

    def with_status(self, status: Status) -> View:
        """The same world with another status."""
        return replace(self, status=status)
