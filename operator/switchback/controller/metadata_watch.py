"""Watching what resources name, as metadata only: what it says is read by a look, and only by a look.

kopf would keep whole objects in flight; a cluster's ConfigMaps, Services and workloads can be many and large.
Nothing of a kind is watched before some resource names an object of it.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.errors import GoneError, KubeError, RefusedError
from switchback.controller.kube.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    SERVICES,
    STATEFUL_SETS,
)
from switchback.controller.log import logger
from switchback.traffic.read import SERVICE_NAME

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

PAUSE_SECONDS = 0.2
"""Between two watches, should the server end each at once."""

Object = dict[str, Any]

_log = logger(__name__)


def _own_name(metadata: Object) -> str:
    return str(metadata.get("name", ""))


def _service_name(metadata: Object) -> str:
    return str((metadata.get("labels") or {}).get(SERVICE_NAME, ""))


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind that is watched, and how its objects are named by resources."""

    kind: Kind
    named_as: Kind
    """The kind that a resource names; EndpointSlices belong to a Service."""
    name: Callable[[Object], str] = _own_name


SUBJECTS = (
    Subject(CONFIG_MAPS, CONFIG_MAPS),
    Subject(SERVICES, SERVICES),
    Subject(ENDPOINT_SLICES, SERVICES, _service_name),
    Subject(DEPLOYMENTS, DEPLOYMENTS),
    Subject(STATEFUL_SETS, STATEFUL_SETS),
)
"""Everything that is watched this way."""


@dataclass
class MetadataWatch:
    """Turns changes of one kind into keys of the resources that name the object."""

    client: Client
    queue: Intake
    references: References
    subject: Subject
    _told: bool = field(default=False)

    async def run(self, namespace: str = "") -> None:
        """Watches one namespace, or all, until it is cancelled. Trouble with the API server is waited out."""
        since, failures = "", 0
        while True:
            if await self.references.wanted(self.subject.named_as, namespace):
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
        for key in self.references.all_readers(self.subject.named_as, namespace):
            self.queue.add(key)
        return since

    async def _follow(self, namespace: str, since: str) -> str:
        """Watches once; returns the version to go on from."""
        async for kind, metadata in self.client.watch(self.subject.kind, namespace, since=since):
            since = metadata.get("resourceVersion", since)
            if kind == "BOOKMARK":
                continue
            name, place = self.subject.name(metadata), metadata.get("namespace", "")
            for key in self.references.readers(self.subject.named_as, place, name):
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
