"""The operator's process: who runs when, and how it ends.

Standing by, it answers probes and waits for the Lease. Leading, it watches, looks and resyncs. It ends with
exit code 0 when it is asked to (SIGTERM, SIGINT), and with 1 when it cannot do its work any more: the Lease
is lost, a watch has died, the CRD is not there. Whoever runs it starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.aws.client import Aws
from switchback.controller.decide import decide
from switchback.controller.desk import Desk
from switchback.controller.election import LEASE_SECONDS, Candidate, Elector, LeadershipLostError
from switchback.controller.events import Recorder
from switchback.controller.health import Health, Server
from switchback.controller.kube.client import Client
from switchback.controller.kube.errors import KubeError, NotFoundError
from switchback.controller.kube.login import LoginError, login
from switchback.controller.log import logger
from switchback.controller.metadata_watch import SUBJECTS, MetadataWatch, SlotPodWatch
from switchback.controller.metrics import Metrics
from switchback.controller.opening import PATIENCE_SECONDS, Opening
from switchback.controller.queue import Queue
from switchback.controller.resync import MAX_AGE_SECONDS, Resync
from switchback.controller.sources import SourceMemory
from switchback.controller.watches import Watches
from switchback.controller.worker import Worker
from switchback.snapshots.provider import Tools

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from switchback.controller.settings import Settings

WORKERS = 8
"""Looks at the same time. They wait for the API server most of the time."""

GOODBYE_SECONDS = 2.0
"""What looks under way get to come to their end."""

STANDBY_SILENCE_SECONDS = 4 * LEASE_SECONDS
"""A process that waits for the Lease and has heard nothing of the API server for so long is started anew."""

_log = logger(__name__)


class StartError(Exception):
    """The operator cannot begin. The message says what is missing and what to do."""


def run(settings: Settings) -> int:
    """Runs until it is told to stop. Returns the exit code. Logging has been configured before."""
    try:
        return asyncio.run(_run(settings))
    except KeyboardInterrupt:
        return 0


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    try:
        configuration = await login(os.environ)
        async with Client(configuration) as client:
            await _crd_is_there(client)
            return await Process(settings, client, stop).run()
    except (LoginError, StartError) as error:
        _log.error("cannot start", error=str(error))
        return 1


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def _crd_is_there(client: Client) -> None:
    """Makes sure of what kopf does not: it would never serve a kind that is missing at its start.

    Raises:
        StartError: it is missing, or the API server does not answer.
    """
    try:
        known = await client.request("GET", f"/apis/{names.API_VERSION}")
    except NotFoundError:
        known = {}
    except KubeError as error:
        raise StartError(f"the API server cannot be asked for its kinds: {error}") from None
    if not any(one.get("name") == names.PLURAL for one in known.get("resources", [])):
        raise StartError(
            f"the CRD {names.PLURAL}.{names.GROUP} ({names.VERSION}) is not installed; "
            "install it with the chart, or with: switchback crd | kubectl apply --server-side -f -"
        )


@dataclass
class _Leading:
    """What runs while this process leads."""

    queue: Queue
    workers: list[asyncio.Task[None]]
    watches: asyncio.Task[None]
    others: list[asyncio.Task[None]]


class Process:
    """One life of the operator."""

    def __init__(self, settings: Settings, client: Client, stop: asyncio.Event) -> None:
        self._settings = settings
        self._client = client
        self._stop = stop
        self._metrics = Metrics()
        client.answered = self._metrics.requested
        self._health = Health()
        self._watching = asyncio.Event()
        self._aws = Aws()
        # The pod's name is for people; two lives of one pod must not be taken for each other.
        candidate = Candidate(f"{settings.pod_name}_{uuid.uuid4().hex[:8]}")
        self._elector = Elector(client, candidate, settings.pod_namespace, settings.lease_name)

    async def run(self) -> int:
        """Serves probes, waits for the Lease, works, and gives the Lease back."""
        server = Server(self._health, self._metrics, self._settings.port)
        self._health.alive["lease"] = self._standby_alive
        try:
            port = await server.start()
        except OSError as error:
            raise StartError(f"SWITCHBACK_PORT {self._settings.port}: {error.strerror}") from None
        _log.info("started", port=port, namespaces=list(self._settings.namespaces) or "all")
        try:
            if not await self._first(self._elector.win()):
                return 0
            self._metrics.leading(yes=True)
            _log.info("leading")
            return await self._lead()
        finally:
            await server.stop()

    async def _lead(self) -> int:
        leading = self._begin()
        keeping = asyncio.create_task(self._elector.keep(), name="lease")
        watched = [keeping, leading.watches, *leading.workers, *leading.others]
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait([*watched, stopping], return_when=asyncio.FIRST_COMPLETED)
            # kopf ends without an error when a signal reaches it before it reaches us.
            failed = None if self._stop.is_set() else next((one for one in watched if one.done()), None)
            code = self._why(failed) if failed is not None else 0
            if failed is not keeping:
                await self._leave(leading, keeping)
            return code
        finally:
            self._metrics.leading(yes=False)
            self._aws.close()
            await _end([*watched, stopping], seconds=1.0)

    def _begin(self) -> _Leading:
        """Starts everything that works. kopf comes last: it cancels whatever was started after it."""
        settings, client = self._settings, self._client.fenced(self._elector.leads)
        queue, sources = Queue(self._metrics), SourceMemory()
        opening = Opening(queue)
        recorder = Recorder(client, settings.pod_name, metrics=self._metrics)
        tools = Tools(client, settings.installation, settings.rds_allow, self._aws)
        desk = Desk(tools, self._metrics)
        worker = Worker(
            client, queue, settings, decide, sources, self._metrics, recorder, desk, self._elector.leads
        )
        resync = Resync(client, queue, settings, decide, sources, self._metrics)
        self._metrics.workers(WORKERS)
        self._metrics.resync_age(resync.age)
        self._health.alive = {"resync": lambda: _too_old(resync.age())}
        self._health.ready["watches"] = lambda: "" if self._watching.is_set() else "not watching yet"
        named = [MetadataWatch(client, opening, sources.references, subject) for subject in SUBJECTS]
        slot_pods = SlotPodWatch(client, opening, sources.references)
        workers = [_task(worker.run(), f"worker {number}") for number in range(WORKERS)]
        others = [
            _task(recorder.run(), "events"),
            _task(self._look_at_all(opening, resync), "resync"),
            *(
                _task(watch.run(one), f"{watch.subject.kind.plural} {one}")
                for watch in named
                for one in settings.namespaces or ("",)
            ),
            *(_task(slot_pods.run(one), f"pods of slots {one}") for one in settings.namespaces or ("",)),
        ]
        return _Leading(queue, workers, _task(self._watch(Watches(opening, sources)), "watches"), others)

    async def _look_at_all(self, opening: Opening, resync: Resync) -> None:
        """Once in the beginning, and then at intervals."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._watching.wait(), PATIENCE_SECONDS)
        await opening.look(resync)
        await resync.run()

    async def _watch(self, watches: Watches) -> None:
        """kopf, with the signals taken back from it as soon as it has taken them."""
        ready = asyncio.Event()
        watching = _task(watches.run(self._settings.namespaces, ready=ready, stop=self._stop), "kopf")
        waiting = asyncio.create_task(ready.wait(), name="kopf ready")
        try:
            await asyncio.wait([watching, waiting], return_when=asyncio.FIRST_COMPLETED)
            _on_signals(self._stop)
            if ready.is_set():
                self._watching.set()
            await watching
        finally:
            await _end([watching, waiting], seconds=1.0)

    async def _leave(self, leading: _Leading, keeping: asyncio.Task[None]) -> None:
        """No new looks, an end for those under way, and only then the Lease for somebody else."""
        leading.queue.close()
        await asyncio.wait(leading.workers, timeout=GOODBYE_SECONDS)
        await _end([*leading.workers, keeping], seconds=1.0)
        if all(worker.done() for worker in leading.workers) and await self._elector.release():
            _log.info("stopped; the Lease is given back")
        if self._stop.is_set():
            # kopf has been told as well. It closes its connections, if it is left the time.
            await asyncio.wait([leading.watches], timeout=GOODBYE_SECONDS)

    def _why(self, ended: asyncio.Task[None]) -> int:
        """Says why the process ends, and returns its exit code."""
        error = None if ended.cancelled() else ended.exception()
        if isinstance(error, LeadershipLostError):
            _log.error("leadership lost, ending at once", error=str(error))
        elif error is not None:
            text = f"{type(error).__name__}: {error}"
            _log.error("a part that has to run has failed, ending", part=ended.get_name(), error=text)
        elif ended.get_name() == "watches":
            return 0
        else:
            _log.error("a part that has to run has ended, ending", part=ended.get_name())
        return 1

    async def _first(self, work: Coroutine[None, None, None]) -> bool:
        """Waits for `work`, or for the end. Returns whether the work was done."""
        doing, stopping = _task(work, "election"), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                return False
            await doing
            return True
        finally:
            await _end([doing, stopping], seconds=1.0)

    def _standby_alive(self) -> str:
        silence = asyncio.get_running_loop().time() - self._elector.looked_at
        if silence < STANDBY_SILENCE_SECONDS:
            return ""
        return f"the API server has said nothing about the Lease for {int(silence)} s"


def _task(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)


async def _end(tasks: Sequence[asyncio.Task[Any]], *, seconds: float) -> None:
    """Cancels what still runs and waits for it, but not for long. Errors have been looked at before."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=seconds)


def _too_old(age: float) -> str:
    return "" if age < MAX_AGE_SECONDS else f"everything was last looked at {int(age)} s ago"
