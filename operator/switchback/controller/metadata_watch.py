"""Watching what resources name, as metadata only: what it says is read by a look, and only by a look.

kopf would keep whole objects in flight; a cluster's ConfigMaps, Services and workloads can be many and large.
Nothing of a kind is watched before some resource names an object of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.errors import GoneError, KubeError, RefusedError
from switchback.controller.kube.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    PODS,
    SERVICES,
    STATEFUL_SETS,
    WORKLOADS,
)
from switchback.controller.log import logger
from switchback.controller.references import SELECTOR_KEY, Reference
from switchback.traffic.read import owner_of, service_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.kube.client import Client
    from switchback.controller.kube.kinds import Kind
    from switchback.controller.queue import Intake
    from switchback.controller.references import References

RETRY_SECONDS = 1.0
RETRY_LIMIT_SECONDS = 30.0
REFUSED_SECONDS = 300.0
"""Between two attempts when the API server does not allow it: somebody would have to change a Role first."""

MOST_LABELS = 32
"""So many labels that tell slots apart are watched. Each is a watch, and whoever has a resource names one."""

PAUSE_SECONDS = 0.2
"""Between two watches, should the server end each at once."""

Object = dict[str, Any]

_log = logger(__name__)


def _by_name(kind: Kind) -> Callable[[Object], Reference]:
    return lambda metadata: Reference(kind, str(metadata.get("name", "")))


def _by_service(metadata: Object) -> Reference:
    return Reference(SERVICES, service_of({"metadata": metadata}))


def _by_workload(metadata: Object) -> Reference | None:
    owner = owner_of({"metadata": metadata})
    kind = WORKLOADS.get(owner[0]) if owner is not None else None
    return Reference(kind, owner[1]) if kind is not None and owner is not None else None


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind that is watched.

    Attributes:
        kind: the kind.
        wanted: while somebody names an object of this kind, `kind` is watched.
        names: what resources name that an object stands for, by its metadata; None: nothing.
    """

    kind: Kind
    wanted: Kind
    names: Callable[[Object], Reference | None]


SUBJECTS = (
    Subject(CONFIG_MAPS, CONFIG_MAPS, _by_name(CONFIG_MAPS)),
    Subject(SERVICES, SERVICES, _by_name(SERVICES)),
    Subject(ENDPOINT_SLICES, SERVICES, _by_service),
    Subject(DEPLOYMENTS, DEPLOYMENTS, _by_name(DEPLOYMENTS)),
    Subject(STATEFUL_SETS, STATEFUL_SETS, _by_name(STATEFUL_SETS)),
)
"""Everything of which all objects are watched."""

SLOT_PODS = Subject(PODS, PODS, _by_workload)
"""Of pods only those that carry the label of a slot: that the last of them is gone, no other object says."""


@dataclass
class SlotPodWatch:
    """Watches the pods of slots: one watch for each label that tells slots apart. Most often it is one."""

    client: Client
    queue: Intake
    references: References

    _told: bool = field(default=False)

    async def run(self, namespace: str = "") -> None:
        """Watches one namespace, or all, until it is cancelled."""
        running = dict[str, asyncio.Task[None]]()
        async with asyncio.TaskGroup() as group:
            while True:
                named = self._labels(namespace)
                for label in running.keys() - set(named):
                    running.pop(label).cancel()
                for label in [one for one in named if one not in running][: MOST_LABELS - len(running)]:
                    watch = MetadataWatch(self.client, self.queue, self.references, SLOT_PODS, labels=label)
                    running[label] = group.create_task(watch.run(namespace), name=f"pods {label}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REFUSED_SECONDS):
                        await self.references.grown(PODS)

    def _labels(self, namespace: str) -> list[str]:
        """The labels that tell slots apart; the usual one comes first."""
        named = {name for where, name in self.references.named(PODS) if namespace in {"", where}}
        if len(named) > MOST_LABELS and not self._told:
            self._told = True
            text = "too many labels tell slots apart: that pods of some are gone is seen late"
            _log.warning(text, labels=len(named), watched=MOST_LABELS)
        return sorted(named, key=lambda label: (label != SELECTOR_KEY, label))


@dataclass
class MetadataWatch:
    """Turns changes of one kind into keys of the resources that name the object."""

    client: Client
    queue: Intake
    references: References
    subject: Subject
    labels: str = ""
    _told: bool = field(default=False)

    async def run(self, namespace: str = "") -> None:
        """Watches one namespace, or all, until it is cancelled. Trouble with the API server is waited out."""
        since, failures = "", 0
        while True:
            if await self.references.wanted(self.subject.wanted, namespace):
                since = ""
            try:
                since = since or await self._begin(namespace)
                since = await self._follow(namespace, since)
                failures = 0
                await asyncio.sleep(PAUSE_SECONDS)
            except GoneError:
                since = ""
            except RefusedError as error:
                since = ""
                self._refused(error)
                await asyncio.sleep(REFUSED_SECONDS)
            except KubeError as error:
                failures += 1
                await self._broke_off(error, failures)

    async def _begin(self, namespace: str) -> str:
        """The version to watch from. What changed before it nobody has told us: every reader wants a look."""
        since = await self.client.newest_version(self.subject.kind, namespace)
        for key in self.references.all_readers(self.subject.wanted, namespace):
            self.queue.add(key)
        return since

    async def _follow(self, namespace: str, since: str) -> str:
        """Watches once; returns the version to go on from."""
        changes = self.client.watch(self.subject.kind, namespace, since=since, labels=self.labels)
        async for kind, metadata in changes:
            since = metadata.get("resourceVersion", since)
            if kind == "BOOKMARK":
                continue
            named = self.subject.names(metadata)
            if named is not None:
                for key in self.references.readers(named.kind, metadata.get("namespace", ""), named.name):
                    self.queue.add(key)
        return since

    def _refused(self, error: KubeError) -> None:
        """Says once that changes of this kind are only seen by a resync from now on."""
        if not self._told:
            self._told = True
            text = f"{self.subject.kind.kind} objects may not be watched; their changes are seen late"
            _log.warning(text, error=str(error))

    async def _broke_off(self, error: KubeError, failures: int) -> None:
        seconds = min(RETRY_LIMIT_SECONDS, RETRY_SECONDS * 2.0 ** min(failures - 1, 10))
        seconds *= random.uniform(0.5, 1.5)  # noqa: S311 - spreading load, not keeping secrets
        text = f"watch of {self.subject.kind.kind} objects broke off"
        _log.warning(text, error=str(error), again_in=round(seconds, 1))
        await asyncio.sleep(seconds)
