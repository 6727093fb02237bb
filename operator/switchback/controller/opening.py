"""The first look at everything: one by one while there is little, from lists when there is much.

A watch begins with all that there is, and each of it wants a look. A few looks begin at once. Thousands of
them would be six requests each, nearly all to find that there is nothing to do. So the keys beyond the first
few wait here for one resync, which decides about all of them from paged lists and queues those that need a
look.

Nothing is missed. A key waits since before the resync's first list, so whatever it was added for is in those
lists; what is added later goes straight into the queue.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.controller.kube.errors import KubeError
from switchback.controller.log import logger

if TYPE_CHECKING:
    from switchback.controller.queue import Key, Queue
    from switchback.controller.resync import Resync

FEW = 100
"""So many keys are looked at at once: with what a small cluster holds, nobody has to wait for lists."""

CALM_SECONDS = 2.0
"""When nothing was added for so long, the first lists of the watches are over. If not, looks do the rest."""

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.1
RESYNC_SECONDS = 120.0

_log = logger(__name__)


@dataclass
class Opening:
    """Stands between the watches and the queue until everything was looked at once."""

    queue: Queue
    few: int = FEW
    _direct: set[Key] = field(default_factory=set)
    _waiting: set[Key] = field(default_factory=set)
    _added: float = field(default_factory=time.monotonic)
    _over: bool = False

    def add(self, key: Key) -> None:
        """The key wants a look: now, or by the resync that comes first."""
        if not self._over and key not in self._direct:
            self._added = time.monotonic()  # those that are worked on bring events for as long as that takes
            if len(self._direct) >= self.few:
                self._waiting.add(key)
                return
            self._direct.add(key)
        self.queue.add(key)

    async def look(self, resync: Resync) -> None:
        """Waits until the watches have listed what there is, and sees to whatever waits."""
        await self._listed()
        waiting, self._over = self._waiting, True
        self._waiting, self._direct = set(), set()
        if not waiting:
            return
        try:
            async with asyncio.timeout(RESYNC_SECONDS):
                looked, queued = await resync.once(read=True)
        except (KubeError, TimeoutError) as error:
            _log.warning("first resync failed, looking at each", error=str(error) or "it took too long")
            left = waiting
        else:
            _log.debug("first resync", resources=looked, queued=queued)
            left = {key for key in waiting if not resync.saw(key)}
        for key in left:
            self.queue.add(key)

    async def _listed(self) -> None:
        begun = time.monotonic()
        while time.monotonic() - max(self._added, begun) < CALM_SECONDS:
            if time.monotonic() - begun > PATIENCE_SECONDS:
                return
            await asyncio.sleep(POLL_SECONDS)
