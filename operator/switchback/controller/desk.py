"""Restore points that the operator asks for itself: who is asked, how often, and what was said.

The providers (`switchback.snapshots`) do the asking. Here is what several looks share: one provider for each
spec and namespace, and what a request was answered when the provider shows nothing of it. All of it is
forgotten with the process, and nothing depends on it.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from switchback.api.reasons import OperatorReason
from switchback.api.status import SnapshotPhase
from switchback.contract.points import (
    ErrorClass,
    Failure,
    Finding,
    Intent,
    Level,
    Listing,
    Observation,
    Ownership,
    Phase,
    Purpose,
)
from switchback.controller.log import logger
from switchback.controller.observed import Kept
from switchback.controller.restore_points import (
    doomed_of,
    field_of,
    goes_with_resource,
    of_operation,
    subject_of,
    wants_one,
)
from switchback.snapshots.registry import entry_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable

    from switchback.api.status import SnapshotState
    from switchback.controller.metrics import Metrics
    from switchback.controller.observed import Observed
    from switchback.controller.queue import Key
    from switchback.snapshots.provider import CallProvider, Tools

CALL_SECONDS = 20.0
"""Longest time for one exchange with a provider."""

TOGETHER_SECONDS = 25.0
"""Longest time for all exchanges of one look, which may take 30 s with everything else."""

SHOWN_SECONDS = 5.0
"""For so long what was just asked for counts as begun, although its provider does not show it yet."""

LATELY_SECONDS = 1.0
"""For so long what was seen is not looked at again: any change of the resource brings about a look."""

UNDELETED_SECONDS = 300.0
"""For so long it is not tried again to delete, where somebody has to change something first."""

FINDINGS_SECONDS = 60.0
"""For so long a preflight is not repeated while a person is asked."""

PROVIDERS = 256

T = TypeVar("T")

_R = ErrorClass.RETRY
_THERE = {Phase.AVAILABLE, Phase.CAPTURED}

_log = logger(__name__)

_until: ContextVar[float] = ContextVar("until")
"""When the look under way should have done with providers, by the monotonic clock."""


@dataclass(slots=True)
class _Answer:
    """What a request was answered. `until`: when it makes sense to ask again, by the monotonic clock.

    `about`: the spec and the request to try again that it was asked under. Others may get another answer.
    """

    observation: Observation
    until: float
    about: Hashable = ()


@dataclass(slots=True)
class _Memory:
    """What this process knows about one resource."""

    uid: str
    answer: _Answer | None = None
    undeleted: _Answer | None = None
    seen: _Answer | None = None
    missing: tuple[str, datetime] | None = None
    findings: tuple[Hashable, float, tuple[Finding, ...]] | None = None


class Desk:
    """Where looks ask for restore points. One for the life of the process.

    Args:
        tools: what providers work with.
        metrics: counts calls and seconds.
    """

    def __init__(self, tools: Tools, metrics: Metrics | None = None) -> None:
        self._tools = tools
        self._metrics = metrics
        self._memory: dict[Key, _Memory] = {}
        self._providers: dict[Hashable, CallProvider] = {}

    async def look(self, key: Key, world: Observed) -> Kept:
        """What is known of the restore points of a resource, as far as the next decision needs it."""
        _until.set(time.monotonic() + TOGETHER_SECONDS)
        operation, spec = world.status.operation, world.spec
        provider = self._provider(world)
        if operation is None or spec is None or provider is None:
            return Kept()
        ended = bool(world.status.history) and world.status.history[-1].operation_id == operation.id
        if ended or world.deleting:
            wanted = operation.pruning or (world.deleting and goes_with_resource(spec))
            return await self._listed(key, provider, world) if wanted else Kept()
        known = of_operation(world.status)
        if known is not None and known.phase is SnapshotPhase.IN_PROGRESS:
            return await self._point(key, world, provider, known)
        idle = not operation.reached and not operation.job_name
        return await self._before_a_job(key, world, provider, known) if idle else Kept()

    async def _before_a_job(
        self, key: Key, world: Observed, provider: CallProvider, known: SnapshotState | None
    ) -> Kept:
        """Before one is decided on, and after it is ready: what would stand in the way of a Job."""
        operation = world.status.operation
        if operation is None:
            return Kept()
        if known is None and operation.plan_digest and wants_one(world, operation.direction):
            return Kept(findings=await self._findings(key, world, provider))
        if known is not None and known.phase is SnapshotPhase.READY and known.provider == field_of(world):
            # The schema has not changed yet. Whoever deletes it until then has to be noticed.
            return Kept(point=await self._observe(provider, self._intent(world, known)))
        return Kept()

    async def request(self, key: Key, world: Observed, name: str) -> Observation:
        """Ask for the restore point that status names, unless something stands in the way."""
        provider, known = self._provider(world), of_operation(world.status)
        if provider is None or known is None or known.name != name:
            raise LookupError(f"{name} is not the restore point that status names")
        intent = self._intent(world, known)
        answer = self._hindrance(name, await self._preflight(provider, intent))
        if answer is None:
            answer = await self._call("request", provider.request(intent), _unanswered(name))
        memory = self._remember(key, world)
        memory.findings = memory.seen = None
        if answer.failure is not None and answer.failure.reason == OperatorReason.SNAPSHOT_QUOTA_EXCEEDED:
            answer = await self._make_room(world, provider, answer)
        failure = answer.failure
        if failure is not None:
            wait = failure.retry_after or (300.0 if failure.kind is ErrorClass.NEEDS_HUMAN else 10.0)
            memory.answer = _Answer(answer, time.monotonic() + wait, _wish(world))
            _log.warning(
                "restore point refused",
                point=name,
                reason=failure.reason,
                error=failure.message,
            )
        else:
            begun = replace(answer, phase=Phase.CREATING) if answer.phase in _THERE else answer
            memory.answer = _Answer(begun, time.monotonic() + SHOWN_SECONDS, _wish(world))
            _log.info("restore point asked for", point=name, phase=str(answer.phase), id=answer.provider_id)
        return answer

    async def _make_room(self, world: Observed, provider: CallProvider, full: Observation) -> Observation:
        """Where the account is full, one of our own that may go goes; then it is asked for again soon."""
        spec, failure = world.spec, full.failure
        if spec is None or spec.snapshot is None or failure is None:
            return full
        listing = await self._call("list", provider.list_owned(self._owner(world)), Listing())
        if any(point.observation.phase is Phase.DELETING for point in listing.points):
            text = f"{failure.message} One of this resource's own is being deleted."
            return replace(full, failure=replace(failure, kind=_R, message=text, retry_after=10.0))
        doomed = doomed_of(world, world.status, listing, spec.snapshot.retention)
        if doomed is None:
            return full
        gone = await self._deleted(provider, listing, doomed.name)
        if gone.failure is not None:
            why = gone.failure.message
            text = f"{failure.message} {doomed.name} could make room and cannot be deleted: {why}"
            return replace(full, failure=replace(failure, message=text))
        _log.info("restore point deleted to make room", point=doomed.name, why=doomed.reason)
        text = f"{failure.message} {doomed.name} was deleted to make room: {doomed.reason}."
        return replace(full, failure=replace(failure, kind=_R, message=text, retry_after=10.0))

    async def delete(self, key: Key, world: Observed, name: str) -> Observation:
        """Delete a restore point of this resource. The provider reads again whose it is."""
        provider = self._provider(world)
        if provider is None:
            raise LookupError("no provider that deletes")
        nothing = Listing(failure=_unanswered(name).failure)
        listing = await self._call("list", provider.list_owned(self._owner(world)), nothing)
        answer = await self._deleted(provider, listing, name)
        failure, memory = answer.failure, self._remember(key, world)
        memory.undeleted = None
        if failure is not None:
            wait = failure.retry_after or (UNDELETED_SECONDS if failure.kind is not _R else 10.0)
            memory.undeleted = _Answer(answer, time.monotonic() + wait, _wish(world))
            _log.warning(
                "restore point not deleted", point=name, reason=failure.reason, error=failure.message
            )
        return answer

    async def _deleted(self, provider: CallProvider, listing: Listing, name: str) -> Observation:
        one = next((point for point in listing.points if point.observation.name == name), None)
        if one is None:
            phase = Phase.ABSENT if listing.failure is None else Phase.UNKNOWN
            return Observation(name, phase, failure=listing.failure)
        return await self._call("delete", provider.delete(name, one.ownership), _unanswered(name))

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._memory.pop(key, None)

    # --- one restore point ----------------------------------------------------------------------------------

    async def _point(self, key: Key, world: Observed, provider: CallProvider, known: SnapshotState) -> Kept:
        memory = self._remember(key, world)
        seen, missing = memory.seen, memory.missing
        missing_at = missing[1] if missing is not None and missing[0] == known.name else None
        if seen is not None and seen.observation.name == known.name and _counts(seen, world):
            return Kept(point=seen.observation, missing_at=missing_at)
        intent = self._intent(world, known)
        point = await self._observe(provider, intent)
        if point.phase is Phase.ABSENT and point.failure is None and memory.answer is not None:
            answer = memory.answer
            if answer.observation.name == known.name and _counts(answer, world):
                left = max(1.0, answer.until - time.monotonic())
                point = replace(answer.observation, retry_after=left)
            else:
                memory.answer = None
        if point.phase in _THERE and point.failure is None:
            point = await self._verified(provider, intent, point)
        if point.phase not in _THERE:
            memory.missing = (known.name, datetime.now(UTC))
            memory.seen = _Answer(point, time.monotonic() + LATELY_SECONDS, _wish(world))
        return Kept(point=point, missing_at=missing_at)

    async def _verified(self, provider: CallProvider, intent: Intent, point: Observation) -> Observation:
        level = provider.capabilities.verifies
        if level is None or level is Level.RESTORE_AND_QUERY:
            return point
        nothing = _unanswered(intent.name).failure
        checked = await self._call("verify", provider.verify(intent, level), None)
        if checked is None:
            return replace(point, failure=nothing)
        return replace(point, verified=None if checked.failure else checked.level, failure=checked.failure)

    async def _observe(self, provider: CallProvider, intent: Intent) -> Observation:
        """What the provider shows. Those who look at the same moment share a call, if the provider can."""
        nothing = {intent.name: _unanswered(intent.name)}
        found = await self._call("observe", provider.observe([intent]), nothing)
        return found.get(intent.name) or Observation(intent.name, Phase.ABSENT)

    # --- before and after -----------------------------------------------------------------------------------

    async def _findings(self, key: Key, world: Observed, provider: CallProvider) -> tuple[Finding, ...]:
        operation, memory = world.status.operation, self._remember(key, world)
        about = (operation.plan_digest if operation is not None else "", world.generation)
        if memory.findings is not None:
            seen, until, findings = memory.findings
            if seen == about and time.monotonic() < until:
                return findings
        findings = await self._preflight(provider, self._intent(world, None))
        memory.findings = (about, time.monotonic() + FINDINGS_SECONDS, findings)
        for one in findings:
            if one.warning:
                _log.warning("before a restore point", reason=one.failure.reason, warning=one.failure.message)
        return findings

    async def _preflight(self, provider: CallProvider, intent: Intent) -> tuple[Finding, ...]:
        failure = _unanswered(intent.name).failure
        nothing = (Finding(failure),) if failure is not None else ()
        return await self._call("preflight", provider.preflight(intent), nothing)

    @staticmethod
    def _hindrance(name: str, findings: tuple[Finding, ...]) -> Observation | None:
        """The worst of what stands in the way, as the answer to the request; None when nothing does."""
        order = [ErrorClass.TERMINAL, ErrorClass.CONFLICT, ErrorClass.NEEDS_HUMAN, ErrorClass.RETRY]
        real = sorted((one.failure for one in findings if not one.warning), key=lambda f: order.index(f.kind))
        return Observation(name, Phase.ABSENT, failure=real[0]) if real else None

    async def _listed(self, key: Key, provider: CallProvider, world: Observed) -> Kept:
        """Everything that is there; nothing while what may go could not be deleted a moment ago."""
        undeleted = self._remember(key, world).undeleted
        if undeleted is not None and _counts(undeleted, world):
            return Kept(listing=Listing(failure=undeleted.observation.failure))
        failure = _unanswered("").failure
        listing = await self._call("list", provider.list_owned(self._owner(world)), Listing(failure=failure))
        return Kept(listing=listing)

    # --- who and what ---------------------------------------------------------------------------------------

    def _provider(self, world: Observed) -> CallProvider | None:
        """What asks for this resource's restore points; None where a Job takes them, or none are taken."""
        snapshot = world.spec.snapshot if world.spec is not None else None
        entry = entry_of(snapshot)
        if snapshot is None or entry is None or entry.calls is None:
            return None
        same = (world.namespace, entry.field, snapshot.model_dump_json())
        if same not in self._providers:
            while len(self._providers) >= PROVIDERS:
                del self._providers[next(iter(self._providers))]
            self._providers[same] = entry.calls(snapshot, world.namespace, self._tools)
        return self._providers[same]

    def _intent(self, world: Observed, known: SnapshotState | None) -> Intent:
        name = known.name if known is not None else "preflight"
        purpose = known.purpose if known is not None and known.purpose is not None else Purpose.PRE_ROLLBACK
        operation = world.status.operation
        ownership = replace(
            self._owner(world),
            purpose=purpose,
            operation_id=operation.id if operation is not None else "",
            attempt=(known.attempt if known is not None else None) or 1,
            schema_version=known.schema_version if known is not None else "",
        )
        decided = known.decision_time if known is not None else ""
        return Intent(name, world.namespace, subject_of(world), ownership, decided)

    def _owner(self, world: Observed) -> Ownership:
        return Ownership(
            installation=self._tools.installation,
            uid=world.uid,
            namespace=world.namespace,
            name=world.name,
        )

    def _remember(self, key: Key, world: Observed) -> _Memory:
        memory = self._memory.get(key)
        if memory is None or memory.uid != world.uid:
            memory = self._memory[key] = _Memory(world.uid)
        return memory

    async def _call(self, what: str, work: Coroutine[Any, Any, T], otherwise: T) -> T:
        """`work`, or `otherwise` when it takes too long. A provider raises for nothing but defects.

        What a look asks in all has its limit too: a call that is cut short in the middle would tell nobody.
        """
        begun = time.monotonic()
        seconds = min(CALL_SECONDS, _until.get(begun + TOGETHER_SECONDS) - begun)
        if seconds <= 0:
            work.close()
            _log.warning("no time is left to ask a snapshot provider", call=what)
            return otherwise
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            _log.warning("a snapshot provider did not answer in time", call=what, seconds=round(seconds, 1))
            return otherwise
        finally:
            if self._metrics is not None:
                self._metrics.provider_called(what, time.monotonic() - begun)


def _wish(world: Observed) -> Hashable:
    """What people may have changed to get another answer."""
    operation = world.status.operation
    return (world.generation, operation.retry if operation is not None else "")


def _counts(answer: _Answer, world: Observed) -> bool:
    return time.monotonic() < answer.until and answer.about == _wish(world)


def _unanswered(name: str) -> Observation:
    failure = Failure(
        ErrorClass.RETRY,
        OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE,
        "the snapshot provider did not answer in time",
    )
    return Observation(name, Phase.UNKNOWN, failure=failure)
