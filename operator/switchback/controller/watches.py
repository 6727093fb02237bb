"""Watching resources, Jobs and pods with kopf, which is used as an informer and for nothing else.

Every event becomes a key in the queue; what happened is not even looked at, because a look reads the world
afresh. So kopf never writes: no finalizer, no annotation, no status, no Event. Its peering is off (a Lease
elects the leader) and so is its scanning (less to be allowed; `main` makes sure that the CRD is there).
A watch that dies ends kopf's operator, and with it the process: being restarted beats being blind.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import kopf

from switchback.api import names
from switchback.controller.queue import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchback.controller.queue import Intake
    from switchback.controller.sources import SourceMemory

IDENTITY: Any = "switchback"
"""Only peering would use it; without it kopf asks for the user's name, which in a container has none."""

LABELS = f"{names.MANAGED_BY}={names.MANAGED_BY_VALUE}"
PAGE = 250


class JitteredForever:
    """Seconds between attempts to reach an API server that does not answer: up to 30, without an end."""

    def __iter__(self) -> Iterator[float]:
        seconds = 0.5
        while True:
            yield seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreading load, not keeping secrets
            seconds = min(seconds * 2, 20.0)


ENDING_SECONDS = 5.0
"""How long kopf may take to end its other parts once one of them has failed, or it is cancelled."""


@dataclass(frozen=True, slots=True)
class Watches:
    """Turns events into keys."""

    queue: Intake
    sources: SourceMemory

    async def run(self, namespaces: tuple[str, ...], *, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Watches until `stop` is set, or until a watch cannot go on.

        Args:
            namespaces: what to watch; empty for the whole cluster.
            ready: set once kopf has started.
            stop: ends it.
        """
        known = asyncio.all_tasks()
        parts = await kopf.spawn_tasks(
            registry=self.registry(),
            settings=settings(),
            identity=IDENTITY,
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            ready_flag=ready,
            stop_flag=stop,
        )
        whole = asyncio.create_task(kopf.run_tasks(parts, ignored=known), name="kopf as a whole")
        try:
            await asyncio.wait([whole, *parts], return_when=asyncio.FIRST_COMPLETED)
            failed = [part for part in parts if part.done() and not part.cancelled() and part.exception()]
            # When one watch fails, kopf ends the others, and may hang in that until it kills the process.
            await asyncio.wait([whole], timeout=ENDING_SECONDS if failed else None)
            for part in failed:
                await part
            await whole
        finally:
            # Waited for: what it still ends by itself would otherwise be somebody else's.
            whole.cancel()
            await asyncio.wait([whole], timeout=ENDING_SECONDS)

    def registry(self) -> kopf.OperatorRegistry:
        """Handlers of events, and nothing that would make kopf write."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(_login)
        kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)(self._resource)
        kopf.on.event("batch", "v1", "jobs", registry=registry)(self._part)
        kopf.on.event("v1", "pods", registry=registry)(self._part)
        return registry

    async def _resource(self, event: Mapping[str, Any], **_: object) -> None:
        body = event["object"]
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        if event["type"] == "DELETED":
            self.sources.forget(key)
        else:
            self.sources.refer(key, body.get("spec") or {})
        self.queue.add(key)

    async def _part(self, event: Mapping[str, Any], **_: object) -> None:
        """A Job or a pod of ours: its annotation names the resource it works for."""
        metadata = event["object"]["metadata"]
        owner = (metadata.get("annotations") or {}).get(names.ANNOTATION_RESOURCE, "")
        namespace, _slash, name = owner.partition("/")
        # Labels can be forged. A pod may only wake up a resource of its own namespace.
        if name and namespace == metadata["namespace"]:
            self.queue.add(Key(namespace, name))


def settings() -> kopf.OperatorSettings:
    """How kopf behaves. The reasons stand in docs/adr and beside the numbers."""
    chosen = kopf.OperatorSettings()
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    chosen.queueing.worker_limit = None  # handlers only enqueue
    chosen.queueing.exit_timeout = 2.0
    # Each object that is listed has a task of its own until it has been idle for so long. At kopf's own
    # 5 seconds, the first list of 2,000 resources with their Jobs and pods costs 20 MiB more.
    chosen.queueing.idle_timeout = 0.2
    chosen.watching.server_timeout = 290
    chosen.watching.client_timeout = 300
    chosen.watching.connect_timeout = 10
    chosen.watching.inactivity_timeout = 70  # bookmarks come every 60 seconds
    chosen.watching.chunk_size = PAGE
    # Keys have to be tuples: one with slashes would match nothing, silently.
    chosen.watching.label_selectors["batch", "v1", "jobs"] = LABELS
    chosen.watching.label_selectors["v1", "pods"] = LABELS
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 10
    chosen.networking.error_backoffs = JitteredForever()
    chosen.process.ultimate_exiting_timeout = 25
    # Never used. Should a handler ever make kopf write, this name says who did it.
    chosen.persistence.finalizer = f"{names.GROUP}/kopf"
    return chosen


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Service account in a pod, kubeconfig elsewhere; kopf's own ways, which need no client library."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
