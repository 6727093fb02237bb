"""Looking at everything, now and then: the safety net under the watches.

Whatever a watch has missed, a resync finds: it decides for every resource from a few paged lists, and queues
those for which there is anything to do. It does nothing itself. Lists may be a little out of date against
each other; the worst that follows is a look too many, because a look reads the world afresh.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

from switchback.api import names
from switchback.controller.decision import Act, Settle, Wait, WriteIntent
from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import CONFIG_MAPS, JOBS, MIGRATIONS, NAMESPACES, PODS
from switchback.controller.log import logger
from switchback.controller.observe import (
    namespace_from,
    read_source,
    spec_from,
    versions_of,
    world_from,
)
from switchback.controller.observed import Namespace
from switchback.controller.pods import jobs_of
from switchback.controller.queue import Key
from switchback.controller.traffic_lists import TrafficLists, read_lists
from switchback.controller.watches import LABELS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchback.api.spec import Spec
    from switchback.contract.traffic import Traffic
    from switchback.controller.kube.client import Client
    from switchback.controller.metrics import Metrics
    from switchback.controller.observed import Observed, Source
    from switchback.controller.queue import Queue
    from switchback.controller.settings import Settings
    from switchback.controller.sources import SourceMemory
    from switchback.controller.worker import Decide

INTERVAL_SECONDS = 300.0
JITTER = 0.1
MAX_AGE_SECONDS = 3 * INTERVAL_SECONDS
"""A process that has not managed a resync for so long is better started anew."""

METADATA_PAGE = 500

NOTES = (names.ANNOTATION_INTENT, names.ANNOTATION_SWITCHED)
"""Annotations of Jobs and pods that are read."""

Object = dict[str, Any]

_log = logger(__name__)


@dataclass
class _Parts:
    """Jobs and pods by the label of their resource, and versions of ConfigMaps."""

    jobs: dict[tuple[str, str], list[Object]] = field(default_factory=dict)
    pods: dict[tuple[str, str], list[Object]] = field(default_factory=dict)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    traffic: TrafficLists = field(default_factory=TrafficLists)

    def versions_of(self, namespace: str, wanted: list[str]) -> tuple[str, ...]:
        """Which state of these ConfigMaps was listed."""
        seen = {
            name: version for name in wanted if (version := self.versions.get((namespace, name))) is not None
        }
        return versions_of(wanted, seen)


@dataclass
class Resync:
    """The loop and its age."""

    client: Client
    queue: Queue
    settings: Settings
    decide: Decide
    sources: SourceMemory
    metrics: Metrics
    _last: float = field(default_factory=time.monotonic)
    _there: set[Key] = field(default_factory=set)

    def age(self) -> float:
        """Seconds since the last resync that came to its end, or since the start."""
        return time.monotonic() - self._last

    async def run(self) -> None:
        """Resyncs at intervals until it is cancelled. The first look at everything is `opening`'s."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
            try:
                async with asyncio.timeout(INTERVAL_SECONDS):
                    looked, queued = await self.once()
            except (KubeError, TimeoutError) as error:
                _log.warning("resync failed", error=str(error) or "it took too long")
                continue
            _log.debug("resync", resources=looked, queued=queued)

    def saw(self, key: Key) -> bool:
        """Whether the last resync has met this resource."""
        return key in self._there

    async def once(self, *, read: bool = False) -> tuple[int, int]:
        """Looks at everything once. Returns how many resources there are, and how many were queued.

        With `read`, files that nobody has read yet are read here, instead of by a look at each resource.
        """
        looked = queued = 0
        self._there, known = set(), self.metrics.fleet.known()
        complete = True
        for namespace in self.settings.namespaces or ("",):
            try:
                async for one in self._namespace(namespace, read=read):
                    looked += 1
                    queued += one
            except (RefusedError, NotFoundError) as error:
                # A namespace that is gone, with its Role, says nothing about the others.
                _log.warning("a namespace cannot be looked at", looked_at=namespace, error=str(error))
                complete = False
        if complete:
            for key in known - self._there:
                self.metrics.fleet.forget(key)
        self._last = time.monotonic()
        return looked, queued

    async def _namespace(self, namespace: str, *, read: bool) -> AsyncIterator[bool]:
        """Looks at each resource of a namespace ("" is all); says of each whether it was queued."""
        parts = await self._parts(namespace)
        async for page in self.client.pages(MIGRATIONS, namespace):
            for resource in page:
                yield await self._look(resource, parts, read=read)
                await asyncio.sleep(0)  # a resource costs a millisecond; others want their turn

    async def _look(self, resource: Object, parts: _Parts, *, read: bool) -> bool:
        try:
            if read:
                await self._read(resource, parts)
            return self._consider(resource, parts)
        except KubeError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect about one resource must not stop the others
            key = Key(resource["metadata"]["namespace"], resource["metadata"]["name"])
            _log.error(
                "resync: one resource failed unexpectedly, please report this",
                resource=key.text,
                error=f"{type(error).__name__}: {error}",
            )
            self.queue.add(key)
            return True

    async def _parts(self, namespace: str) -> _Parts:
        parts = _Parts()
        for kind, into in ((JOBS, parts.jobs), (PODS, parts.pods)):
            async for page in self.client.pages(kind, namespace, labels=LABELS):
                for one in page:
                    metadata = one["metadata"]
                    owner = (metadata.get("labels") or {}).get(names.LABEL_UID, "")
                    into.setdefault((metadata["namespace"], owner), []).append(_slim(one))
        parts.namespaces = await self._namespaces(namespace)
        parts.traffic = await read_lists(self.client, namespace, self.sources.references)
        wanted = self.sources.references.named(CONFIG_MAPS)
        if wanted:
            async for page in self.client.pages(CONFIG_MAPS, namespace, metadata=True, limit=METADATA_PAGE):
                for one in page:
                    name = (one["metadata"]["namespace"], one["metadata"]["name"])
                    if name in wanted:
                        parts.versions[name] = one["metadata"]["resourceVersion"]
        return parts

    async def _namespaces(self, namespace: str) -> dict[str, Namespace]:
        """Labels and life of every namespace, or of the one that is served."""
        if namespace:
            return {namespace: namespace_from(await self.client.get(NAMESPACES, "", namespace))}
        found = {}
        async for page in self.client.pages(NAMESPACES, metadata=True, limit=METADATA_PAGE):
            found.update({one["metadata"]["name"]: namespace_from(one) for one in page})
        return found

    def _consider(self, resource: Object, parts: _Parts) -> bool:
        """Queues the resource if there is anything to do about it."""
        metadata = resource["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        self._there.add(key)
        spec, invalid = spec_from(resource)
        source = self._source(key, metadata["uid"], spec, parts)
        if source is None:
            self.queue.add(key)
            return True
        label = (key.namespace, names.uid_hash(metadata["uid"]))
        now = datetime.now(UTC)
        jobs, strays = jobs_of(metadata["uid"], parts.jobs.get(label, ()), parts.pods.get(label, []), now)
        images = self.settings.client_images
        world = world_from(
            resource, spec, invalid, source=source, jobs=jobs, strays=strays, client_images=images
        )
        around = parts.namespaces.get(key.namespace, Namespace())
        self.metrics.fleet.note(world, world.status)
        return self._act_on(key, replace(world, around=around, traffic=_traffic(world, parts)))

    def _source(self, key: Key, uid: str, spec: Spec | None, parts: _Parts) -> Source | None:
        """The source as it was last read; None when it has changed since, or was never read."""
        wanted = list(spec.config_maps) if spec is not None else []
        return self.sources.recall(key, uid, parts.versions_of(key.namespace, wanted))

    async def _read(self, resource: Object, parts: _Parts) -> None:
        """Makes sure that the files of this resource were read. Those that several read are read once."""
        metadata = resource["metadata"]
        key, uid = Key(metadata["namespace"], metadata["name"]), metadata["uid"]
        refs = (resource["spec"].get("source") or {}).get("configMapRefs") or []
        wanted = [ref["name"] for ref in refs if "name" in ref]
        versions = parts.versions_of(key.namespace, wanted)
        if self.sources.recall(key, uid, versions) is not None:
            return
        source = self.sources.shared(key.namespace, versions)
        if source is None:
            try:
                source, versions = await read_source(self.client, key.namespace, wanted)
            except RefusedError:
                return  # a look says so, where it is seen
        self.sources.remember(key, uid, versions, source)

    def _act_on(self, key: Key, world: Observed) -> bool:
        decision = self.decide(world)
        match decision:
            case WriteIntent() | Act():
                self.queue.add(key)
                return True
            case Wait(status, until):
                if until is not None:
                    self.queue.add_after(key, (until - world.now).total_seconds())
            case Settle(status):
                pass
            case _:
                assert_never(decision)
        if status.to_json() == world.status.to_json():
            return False
        self.queue.add(key)
        return True


def _traffic(world: Observed, parts: _Parts) -> Traffic | None:
    """What is behind the Service of spec.cutover; None without one."""
    cutover = world.spec.cutover if world.spec is not None else None
    return parts.traffic.of(world.namespace, cutover, world.uid, parts.begun) if cutover is not None else None


def _slim(one: Object) -> Object:
    """What `pods` reads of a Job or pod. The rest would be most of the memory of a resync."""
    metadata, status = one["metadata"], one.get("status") or {}
    said = metadata.get("annotations") or {}
    kept = ("name", "namespace", "uid", "labels", "ownerReferences", "creationTimestamp", "deletionTimestamp")
    parts = ("phase", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses")
    return {
        "metadata": {
            **{name: metadata[name] for name in kept if name in metadata},
            "annotations": {name: said[name] for name in NOTES if name in said},
        },
        "status": {name: status[name] for name in parts if name in status},
    }
