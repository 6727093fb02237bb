"""Watching ConfigMaps as metadata only: their contents are read by a look, and only by a look.

kopf would keep whole objects in flight; a cluster's ConfigMaps can be many and large.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.controller.kube.errors import GoneError, KubeError
from switchback.controller.kube.kinds import CONFIG_MAPS
from switchback.controller.log import logger

if TYPE_CHECKING:
    from switchback.controller.kube.client import Client
    from switchback.controller.queue import Queue
    from switchback.controller.sources import SourceMemory

RETRY_SECONDS = 1.0
RETRY_LIMIT_SECONDS = 30.0
PAUSE_SECONDS = 0.2
"""Between two watches, should the server end each at once."""

_log = logger(__name__)


@dataclass
class ConfigMapWatch:
    """Turns changes of ConfigMaps into keys of the resources that read them."""

    client: Client
    queue: Queue
    sources: SourceMemory

    async def run(self, namespace: str = "") -> None:
        """Watches one namespace, or all, until it is cancelled. Trouble with the API server is waited out."""
        since, failures = "", 0
        while True:
            try:
                since = since or await self._begin(namespace)
                since = await self._follow(namespace, since)
                failures = 0
                await asyncio.sleep(PAUSE_SECONDS)
            except GoneError:
                since = ""
            except KubeError as error:
                failures += 1
                seconds = min(RETRY_LIMIT_SECONDS, RETRY_SECONDS * 2.0 ** min(failures - 1, 10))
                seconds *= random.uniform(0.5, 1.5)  # noqa: S311 - spreading load, not keeping secrets
                _log.warning("watch of ConfigMaps broke off", error=str(error), again_in=round(seconds, 1))
                await asyncio.sleep(seconds)

    async def _begin(self, namespace: str) -> str:
        """The version to watch from. What changed before it nobody has told us: every reader wants a look."""
        since = await self.client.newest_version(CONFIG_MAPS, namespace)
        for key in self.sources.all_readers():
            if namespace in {"", key.namespace}:
                self.queue.add(key)
        return since

    async def _follow(self, namespace: str, since: str) -> str:
        """Watches once; returns the version to go on from."""
        async for kind, metadata in self.client.watch(CONFIG_MAPS, namespace, since=since):
            since = metadata.get("resourceVersion", since)
            if kind == "BOOKMARK":
                continue
            for key in self.sources.readers(metadata.get("namespace", ""), metadata.get("name", "")):
                self.queue.add(key)
        return since
