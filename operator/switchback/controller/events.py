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

_TOLD = (
    ConditionType.APPROVED,
    ConditionType.SNAPSHOT_READY,
    ConditionType.SCHEMA_READY,
    ConditionType.READY,
)
"""Conditions whose changes people want to see. The others repeat what these say."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing worth an Event. `warning`: somebody may have to do something."""

    reason: str
    message: str
    warning: bool


def transitions(before: Status, after: Status) -> list[Happening]:
    """What happened between two statuses: each condition that changed its answer or its reason, told once."""
    old = {condition.type: condition for condition in before.conditions}
    stalled = any(
        condition.type == ConditionType.STALLED and condition.status is ConditionStatus.TRUE
        for condition in after.conditions
    )
    new = {condition.type: condition for condition in after.conditions}
    found: dict[tuple[str, str], Happening] = {}
    for kind in _TOLD:
        now, then = new.get(kind), old.get(kind)
        if now is None or (then is not None and (then.status, then.reason) == (now.status, now.reason)):
            continue
        warning = stalled and now.status is ConditionStatus.FALSE
        found[now.reason, now.message] = Happening(now.reason, now.message, warning)
    return list(found.values())


class Recorder:
    """Sends Events in the background, one after the other."""

    def __init__(self, client: Client, instance: str) -> None:
        self._client = client
        self._instance = instance
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING)
        self._last: dict[Key, frozenset[Happening]] = {}
        self._numbers = itertools.count(1)

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
