"""The world together with the status that is being worked out: what a stage looks at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.names import is_look
from switchback.api.status import Outcome
from switchback.contract.words import Direction
from switchback.controller import requests
from switchback.controller.intent import intent_digest
from switchback.controller.observed import Source
from switchback.controller.old_programs import contract_due
from switchback.controller.restore_points import field_of
from switchback.controller.times import GLANCE_SECONDS, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.spec import Spec
    from switchback.api.status import HistoryEntry, OperationState, Status
    from switchback.contract.traffic import Service
    from switchback.controller.observed import Job, Observed


TARGET_LENGTH = 253
"""Longest target that the resource takes."""

_CLEARED_ON_REQUEST = {Outcome.ROLLED_BACK, Outcome.ABORTED}


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

    @property
    def glance(self) -> str:
        """When to look at what should have come as an event, as RFC 3339."""
        return rfc3339(self.now + timedelta(seconds=GLANCE_SECONDS))

    @property
    def situation(self) -> Situation:
        """What people read the operation as: one that goes on, or one that goes back."""
        backward = self.operation.direction is Direction.BACKWARD
        return Situation.ROLLING_BACK if backward else Situation.WORKING

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
    def service(self) -> Service | None:
        """The Service of spec.cutover, as it is now."""
        return self.world.traffic.service if self.world.traffic is not None else None

    @property
    def provider_field(self) -> str:
        """Field of spec.snapshot that says how restore points are taken; empty when none does."""
        return field_of(self.world)

    @property
    def outcome(self) -> HistoryEntry | None:
        """How the operation ended: the newest line of the history, when it is about this operation."""
        if self.status.operation is None or not self.status.history:
            return None
        newest = self.status.history[-1]
        return newest if newest.operation_id == self.operation.id else None

    @property
    def succeeded(self) -> bool:
        """Whether the operation has ended, and well."""
        return self.outcome is not None and self.outcome.outcome is Outcome.SUCCEEDED

    @property
    def superseded(self) -> bool:
        """Whether the spec asks for something else than the operation works towards.

        Files that are missing are no other wish than the one that a person has ended: they may come back.
        """
        if self.status.operation is None or self.operation.intent_digest == self.intent:
            return False
        return self.world.source.problem is None or not self._ended_by_a_person

    @property
    def asks_for_another(self) -> bool:
        """Whether the spec asks for something else whatever is in its files: they may be missing just now."""
        known = self.status.source.digest if self.status.source is not None else ""
        if self.status.operation is None or (self.spec.config_maps and not known):
            return False
        return self.operation.intent_digest != intent_digest(self.spec, Source(known))

    @property
    def wants_new(self) -> bool:
        """Whether another operation is due: a new intent, a request, or an edit of the spec after a failure.

        What a person has ended or rolled back stays so until a new intent or a request to try again.
        """
        if self.status.operation is None or self.superseded or self.rollback_wanted:
            return True
        if self.outcome is None:
            return False
        if self.operation.undo or contract_due(self):
            return True
        if self.succeeded:
            return False
        edited = self.operation.generation < self.world.generation
        return bool(self.again) or (edited and not self._ended_by_a_person)

    @property
    def _ended_by_a_person(self) -> bool:
        return self.outcome is not None and self.outcome.outcome in _CLEARED_ON_REQUEST

    @property
    def rollback_wanted(self) -> str:
        """The version to which somebody asked to roll this very intent back; empty when nobody did.

        It was asked of an operation. Where there is none, the status was lost, or the resource is a copy:
        whether it was followed, and taken back since, nobody can know.
        """
        if self.status.operation is None:
            return ""
        target, _, rest = requests.fresh(self, "rollback").partition("/")
        intent = rest.partition("/")[0]
        return target if intent == self.intent and len(target) <= TARGET_LENGTH else ""

    @property
    def again(self) -> str:
        """The request to begin anew after this operation's end; empty when nobody asked."""
        known = self.status.last_handled
        if known is None or known.retry == self.operation.retry:
            return ""
        return known.retry if requests.about(known.retry, self.operation.id) else ""

    @property
    def given_up(self) -> bool:
        """Whether nobody wants the operation to go on: it is aborted, or gives way to another wish."""
        return self.wants_new or bool(self.operation.abort)

    @property
    def job(self) -> Job | None:
        """The Job that status names, when it exists."""
        if self.status.operation is None or not self.operation.job_name:
            return None
        return next((job for job in self.world.jobs if job.name == self.operation.job_name), None)

    @property
    def probe(self) -> Job | None:
        """The Job that checks the new slot, when it exists."""
        state = self.status.traffic.cutover if self.status.traffic is not None else None
        if state is None or not state.probe_job:
            return None
        return next((job for job in self.world.jobs if job.name == state.probe_job), None)

    @property
    def job_known(self) -> bool:
        """Whether it is stored that the named Job was there. Before that, its absence would say nothing."""
        stored = self.world.status.operation
        return stored is not None and bool(stored.job_uid)

    @property
    def other_jobs_alive(self) -> tuple[Job, ...]:
        """Jobs of this resource that still run, beside those that status names and those that only look."""
        named = {self.status.operation.job_name if self.status.operation else ""}
        state = self.status.traffic.cutover if self.status.traffic is not None else None
        if state is not None and state.probe_job:
            named.add(state.probe_job)
        others = (job for job in self.world.jobs if job.name not in named and not job.ended)
        return tuple(job for job in others if not is_look(job.operation))

    @property
    def stray_pods_alive(self) -> bool:
        """Whether a pod runs whose Job was deleted under it."""
        return self.world.stray_pods_alive

    def is_stored(self, status: Status) -> bool:
        """Whether the API server has this status: only then may go what it was learned from."""
        return status.to_json() == self.world.status.to_json()

    def with_status(self, status: Status) -> View:
        """The same world with another status."""
        return replace(self, status=status)
