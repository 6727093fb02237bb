"""One look at one resource: observe, decide, do one thing. Everything else asks for a look, this takes it.

Nothing sleeps here and nothing waits: whatever a look did, the next one starts from the world again. Only
what our own writes to the resource have changed is known without looking, so what follows from these is
decided in the same look. Each of them is refused by the API server if anybody else has written meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

import structlog

from switchback.api.reasons import OperatorReason
from switchback.controller.act import JobRefusedError, act
from switchback.controller.cutovers import state_of
from switchback.controller.decision import (
    Act,
    CreateJob,
    Decision,
    DeleteJob,
    DeleteSnapshot,
    Hold,
    LetGo,
    MarkService,
    PointService,
    RequestSnapshot,
    Settle,
    TellProbe,
    Wait,
    WriteIntent,
)
from switchback.controller.events import deleted, transitions
from switchback.controller.kube.errors import ConflictError, KubeError, NotFoundError, RefusedError
from switchback.controller.log import logger
from switchback.controller.observe import observe, renewed
from switchback.controller.observe_traffic import refused as not_allowed
from switchback.controller.observed import Observed, Trouble
from switchback.controller.point import OutdatedError
from switchback.controller.tally import tally
from switchback.controller.times import parse
from switchback.controller.write import write

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.decision import Action
    from switchback.controller.desk import Desk
    from switchback.controller.events import Recorder
    from switchback.controller.kube.client import Client
    from switchback.controller.metrics import Metrics
    from switchback.controller.queue import Key, Queue
    from switchback.controller.settings import Settings
    from switchback.controller.sources import SourceMemory

LOOK_SECONDS = 30.0
"""Longest time for one look. Nothing in it is slow unless the API server is."""

SERVER_ERROR = 500
"""From this answer on the API server or one of its webhooks is in trouble, not the request."""

STEPS = 4
"""How many things one look may do: note a request, name a Job, hold the resource, create the Job."""

DENIED_SECONDS = 5.0
"""So long after the API server has refused a change of a Service people are told, then it is tried again."""

PAST_SECONDS = 1.0
"""How long a look waits that was asked to wait for a moment which is over."""

Object = dict[str, Any]
Decide = Callable[[Observed], Decision]

_log = logger(__name__)


@dataclass
class Worker:
    """What looks share. `run` may run several times at once; the queue keeps them apart."""

    client: Client
    queue: Queue
    settings: Settings
    decide: Decide
    sources: SourceMemory
    metrics: Metrics
    recorder: Recorder
    desk: Desk
    leads: Callable[[], bool]
    _refused: dict[Key, dict[str, Trouble]] = field(default_factory=dict)
    _denied: dict[Key, tuple[float, str]] = field(default_factory=dict)
    """When and in which words a change of a Service was refused."""

    async def run(self) -> None:
        """Takes keys until the queue is closed. Only cancellation ends it earlier."""
        while (key := await self.queue.get()) is not None:
            try:
                await self._take(key)
            finally:
                self.queue.done(key)

    async def _take(self, key: Key) -> None:
        """One look, with whatever goes wrong turned into another look."""
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(namespace=key.namespace, name=key.name)
        started = time.monotonic()
        result = "error"
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                with self.metrics.looking():
                    result = await self.reconcile(key)
            self.queue.forget(key)
        except (ConflictError, OutdatedError):
            # Somebody was faster. The back-off is short, and only there in case it goes on and on.
            result = "requeue"
            self.queue.retry(key)
        except KubeError as error:
            _log.warning("look failed", error=str(error), again_in=round(self.queue.retry(key), 3))
        except TimeoutError:
            _log.warning("look took too long", seconds=LOOK_SECONDS, again_in=round(self.queue.retry(key), 3))
        except Exception as error:  # noqa: BLE001 - a defect in one look must not stop the others
            _log.error(
                "look failed unexpectedly, please report this",
                error=f"{type(error).__name__}: {error}",
                where=_place(error),
                again_in=round(self.queue.retry(key), 3),
            )
            _log.debug("trace", exc_info=error)
        finally:
            self.metrics.looked(result, time.monotonic() - started)

    async def reconcile(self, key: Key) -> str:
        """Looks at `key` once and does one thing about it. Returns controller-runtime's word for the end."""
        world = await observe(self.client, key, self.settings, self.sources, self.desk)
        if world is None:
            self._forget(key)
            return "success"
        if world.spec is not None:
            self.sources.refer(key, world.spec.to_json())
        world = self._with_denial(key, world)
        for _ in range(STEPS):
            if world.status.operation is not None:
                structlog.contextvars.bind_contextvars(operation=world.status.operation.id)
            world = self._with_refusal(key, world)
            decision = self.decide(world)
            if not self.leads():
                # The process is about to end; one that was frozen finds out here.
                raise OutdatedError(key.text)
            match decision:
                case WriteIntent(status):
                    left = await self._write(world, status)
                case Act(Hold()):
                    left = await self._act(key, world, decision)
                case _:
                    return await self._follow(key, world, decision)
            if left is None:
                break
            world = renewed(world, left)
        self.queue.add(key)
        return "requeue"

    async def _follow(self, key: Key, world: Observed, decision: Act | Wait | Settle) -> str:
        match decision:
            case Act():
                await self._act(key, world, decision)
                self.queue.add(key)
                return "requeue"
            case Wait(status, until):
                await self._write(world, status)
                if until is None:
                    return "success"
                seconds = (until - datetime.now(UTC)).total_seconds()
                # A time that has passed already must not become a loop without a pause.
                self.queue.add_after(key, seconds if seconds > 0 else PAST_SECONDS)
                return "requeue_after"
            case Settle(status):
                await self._write(world, status)
                return "success"
            case _:
                assert_never(decision)

    async def _write(self, world: Observed, status: Status) -> Object | None:
        """Returns the resource as it is now; None when nothing was written, or nothing is there any more."""
        try:
            written = await write(self.client, world, status)
        except NotFoundError:
            return None
        self.metrics.fleet.note(world, status)
        if written is not None:
            happenings = transitions(world.status, status)
            for happening in happenings:
                _log.info("status", reason=happening.reason, message=happening.message)
            self.recorder.record(world, happenings)
            self._count(world, status)
        return written

    async def _act(self, key: Key, world: Observed, decision: Act) -> Object | None:
        action = decision.action
        try:
            changed = await act(self.client, world, action, self.settings, self.desk)
        except JobRefusedError as error:
            self._refused.setdefault(key, {})[error.name] = replace(error.trouble, at=datetime.now(UTC))
            _log.warning(
                "Job refused", job=error.name, reason=error.trouble.reason, error=error.trouble.message
            )
            return None
        except KubeError as error:
            if isinstance(action, CreateJob) and error.code >= SERVER_ERROR:
                text = f"the API server could not take Job {action.name}: {error.message}"
                trouble = Trouble(OperatorReason.JOB_REFUSED, text, passing=True)
                self._refused.setdefault(key, {})[action.name] = trouble
            if isinstance(error, RefusedError) and isinstance(action, MarkService | PointService | TellProbe):
                self._denied[key] = time.monotonic(), error.message
                _log.warning("traffic may not be moved", error=str(error))
                return None
            raise
        self._done(key, world, action, changed)
        return changed

    def _done(  # noqa: C901 - one line per action
        self, key: Key, world: Observed, action: Action, changed: Object | None
    ) -> None:
        """What was done, for the log and the counters."""
        match action:
            case CreateJob():
                self._refused.pop(key, None)
                _log.info("Job created" if changed else "Job adopted", job=action.name, step=str(action.step))
                if changed:
                    self.metrics.job_created(str(action.step))
            case DeleteJob():
                _log.info("Job deleted", job=action.name, why=action.why)
            case DeleteSnapshot(name, why) if changed is not None:
                _log.info("restore point deleted", point=name, why=why)
                if name not in {known.name for known in world.status.snapshots}:
                    self.recorder.record(world, [deleted(name)])  # of the others the next status tells
            case MarkService(_annotations, why):
                _log.info("Service marked", service=_service(world), why=why)
            case PointService(slot, _selector, _annotations, why):
                _log.info("Service pointed", service=_service(world), slot=slot, why=why)
            case TellProbe(pod):
                _log.info("checking pod told of the switch", pod=pod)
            case RequestSnapshot() | DeleteSnapshot():
                pass  # the desk has said what came of it
            case LetGo() if world.status.operation is not None and world.status.operation.fence is not None:
                _log.warning(
                    "let go of a resource whose fence may be up", namespace_gone=world.around.terminating
                )
            case Hold() | LetGo():
                _log.debug("finalizer", held=isinstance(action, Hold))
            case _:
                assert_never(action)

    def _with_refusal(self, key: Key, world: Observed) -> Observed:
        """What the API server said about the Jobs that status names, if this process has asked it."""
        refused, operation, preview = self._refused.get(key, {}), world.status.operation, world.status.preview
        switch = state_of(world.status)
        named = (
            operation.job_name if operation else "",
            preview.job_name if preview else "",
            switch.probe_job if switch is not None else "",
        )
        for name in refused.keys() - set(named):
            del refused[name]
        own, look, probe = (refused.get(name) for name in named)
        return replace(world, refused=own, look_refused=look, probe_refused=probe)

    def _with_denial(self, key: Key, world: Observed) -> Observed:
        """Who may not change a Service is told so like somebody who may not see it, for a while."""
        when, words = self._denied.get(key, (0.0, ""))
        cutover = world.spec.cutover if world.spec is not None else None
        if not words or cutover is None or time.monotonic() - when >= DENIED_SECONDS:
            self._denied.pop(key, None)
            return world
        return replace(world, traffic=not_allowed(cutover, words, world.now))

    def _forget(self, key: Key) -> None:
        self._refused.pop(key, None)
        self._denied.pop(key, None)
        self.desk.forget(key)
        self.sources.forget(key)
        self.recorder.forget(key)
        self.metrics.fleet.forget(key)

    def _count(self, world: Observed, after: Status) -> None:
        """Counts what is new in a status, and logs the operations that have ended."""
        for entry in tally(self.metrics, world, after):
            start, end = parse(entry.start_time), parse(entry.completion_time)
            _log.info(
                "operation ended",
                direction=str(entry.direction or "None"),
                outcome=str(entry.outcome),
                reason=entry.reason,
                seconds=(end - start).total_seconds() if start is not None and end is not None else None,
            )


def _service(world: Observed) -> str:
    service = world.traffic.service if world.traffic is not None else None
    return service.name if service is not None else ""


def _place(error: BaseException) -> str:
    """File and line where it happened, as far as it is ours to mend."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
