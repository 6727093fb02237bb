"""Kubernetes Events: what `kubectl describe` shows. Best effort, never waited for.

One Event per change of a condition. A full queue or a refusing API server costs an Event, nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.conditions import ConditionType
from switchback.api.status import ConditionStatus
from switchback.controller.kube.errors import KubeError
from switchback.controller.kube.kinds import EVENTS
from switchback.controller.log import logger
from switchback.controller.queue import Key
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.api.status import Status
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed

WAITING = 256
"""Events that may wait to be sent; further ones are dropped."""

_REACHED = (ConditionType.APPROVED, ConditionType.SNAPSHOT_READY, ConditionType.SCHEMA_READY)
"""Conditions that are worth an Event when they come true. What stands in their way is told by Ready."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing worth an Event. `warning`: somebody may have to do something."""

    reason: str
    message: str
    warning: bool


def transitions(before: Status, after: Status) -> list[Happening]:
    """What happened between two statuses: what has come true, then what Ready says if it has changed."""
    old = {condition.type: (condition.status, condition.reason) for condition in before.conditions}
    new = {condition.type: condition for condition in after.conditions}
    changed = {kind: one for kind, one in new.items() if old.get(kind) != (one.status, one.reason)}
    stalled = new.get(ConditionType.STALLED)
    stuck = stalled is not None and stalled.status is ConditionStatus.TRUE
    happenings = [
        Happening(one.reason, one.message, warning=False)
        for kind in _REACHED
        if (one := changed.get(kind)) is not None and one.status is ConditionStatus.TRUE
    ]
    ready = changed.get(ConditionType.READY)
    if ready is not None:
        happenings.append(Happening(ready.reason, ready.message, warning=stuck))
    return happenings


class Recorder:
    """Sends Events in the background, one after the other."""

    def __init__(self, client: Client, instance: str) -> None:
        self._client = client
        self._instance = instance
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING)
        self._last: dict[Key, frozenset[Happening]] = {}
        self._numbers = itertools.count(1)

    @property
    def waiting(self) -> int:
        """How many Events wait to be sent."""
        return self._queue.qsize()

    def record(self, world: Observed, happenings: Iterable[Happening]) -> None:
        """Notes what happened to a resource. What it has just said is not said again."""
        key = Key(world.namespace, world.name)
        fresh = frozenset(happenings)
        for happening in sorted(fresh - self._last.get(key, frozenset()), key=lambda one: one.reason):
            try:
                self._queue.put_nowait((world.namespace, self._event(world, happening)))
            except asyncio.QueueFull:
                return
        if fresh:
            self._last[key] = fresh

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._last.pop(key, None)

    async def run(self) -> None:
        """Sends what is noted until it is cancelled."""
        while True:
            namespace, event = await self._queue.get()
            try:
                await self._client.create(EVENTS, namespace, event)
            except KubeError as error:
                _log.debug("Event not sent", error=str(error))

    def _event(self, world: Observed, happening: Happening) -> dict[str, Any]:
        now = datetime.now(UTC)
        unique = f"{int(now.timestamp() * 1e6):x}{next(self._numbers):x}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{world.name[:200]}.{unique}", "namespace": world.namespace},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": world.name,
                "namespace": world.namespace,
                "uid": world.uid,
                "resourceVersion": world.resource_version,
            },
            "type": "Warning" if happening.warning else "Normal",
            "reason": happening.reason,
            "message": happening.message,
            "firstTimestamp": rfc3339(now),
            "lastTimestamp": rfc3339(now),
            "count": 1,
            "source": {"component": "switchback"},
            "reportingComponent": names.GROUP,
            "reportingInstance": self._instance,
        }
