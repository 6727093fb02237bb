"""What happened, as Events that `kubectl describe` shows. Best effort, never waited for.

One Event per happening: what is said again raises the count of the Event that there is. A full queue, a
resource that says too much or a refusing API server costs an Event, nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.conditions import ConditionType
from switchback.api.reasons import OperatorReason
from switchback.api.status import ConditionStatus
from switchback.controller.correlate import Correlator, Sent, Words
from switchback.controller.happening import NORMAL, WARNING, Happening
from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import EVENTS
from switchback.controller.log import logger
from switchback.controller.moves import contested, moves
from switchback.controller.queue import Key
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from switchback.api.status import Condition, Status
    from switchback.controller.kube.client import Client
    from switchback.controller.metrics import Metrics
    from switchback.controller.observed import Observed

__all__ = ["NORMAL", "WARNING", "Happening", "Recorder", "transitions"]

WAITING = 256
"""Events that may wait to be sent; further ones are dropped."""

REACHED: dict[ConditionType, tuple[OperatorReason, ...]] = {
    ConditionType.APPROVED: (OperatorReason.APPROVED, OperatorReason.APPROVAL_NOT_REQUIRED),
    ConditionType.SNAPSHOT_READY: (OperatorReason.SNAPSHOT_VERIFIED,),
    ConditionType.SCHEMA_READY: (OperatorReason.TARGET_REACHED,),
}
"""Conditions that are worth an Event when they come true, with the reasons that they come true for.

What stands in their way is told by Ready, and so is a rollback on request.
"""

_log = logger(__name__)


def transitions(before: Status, after: Status) -> list[Happening]:
    """What happened between two statuses: what has come true, what Ready says now, and where traffic went."""
    old = {condition.type: condition for condition in before.conditions}
    new = {condition.type: condition for condition in after.conditions}
    changed = {kind: one for kind, one in new.items() if _said(old.get(kind)) != _said(one)}
    stalled = new.get(ConditionType.STALLED)
    stuck = stalled is not None and stalled.status is ConditionStatus.TRUE
    happenings = [
        Happening(one.reason, one.message, warning=False)
        for kind in REACHED
        if (one := changed.get(kind)) is not None and one.status is ConditionStatus.TRUE
    ]
    ready = changed.get(ConditionType.READY)
    if ready is not None:
        warning = stuck or ready.reason == OperatorReason.RETRYING
        happenings.append(Happening(ready.reason, ready.message, warning=warning))
    busy, was = new.get(ConditionType.RECONCILING), old.get(ConditionType.RECONCILING)
    leaving = busy is not None and busy.reason == OperatorReason.DELETING
    if busy is not None and leaving and (was is None or was.message != busy.message):
        # Ready stays as it was. What a deletion still waits for is worth to be seen.
        happenings.append(Happening(busy.reason, busy.message, warning=False))
    if after.retention is not None and after.retention != before.retention:
        happenings += [deleted(name) for name in after.retention.deleted]
    told = {one.reason for one in happenings}
    more = [*moves(before, after), *contested(before, after)]
    happenings += [one for one in more if one.reason not in told]
    return list(dict.fromkeys(happenings))


def deleted(name: str) -> Happening:
    """A restore point was deleted by the rules of spec.snapshot.retention."""
    text = f"Restore point {name} was deleted by the rules of spec.snapshot.retention."
    return Happening(OperatorReason.SNAPSHOT_DELETED, text, warning=False)


def _said(condition: Condition | None) -> tuple[str, str] | None:
    return (condition.status, condition.reason) if condition is not None else None


@dataclass(frozen=True, slots=True)
class _Item:
    """A happening that waits to be sent, and the resource as it was then."""

    key: Key
    uid: str
    version: str
    happening: Happening
    words: Words
    message: str


class Recorder:
    """Sends Events in the background, one after the other.

    Args:
        client: to whom.
        instance: who says it; the name of the pod.
        metrics: who counts them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        instance: str,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._instance = instance
        self._metrics = metrics
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(WAITING)
        self._correlator = Correlator(clock)
        self._numbers = itertools.count(1)

    @property
    def waiting(self) -> int:
        """How many Events wait to be sent."""
        return self._queue.qsize()

    def record(self, world: Observed, happenings: Iterable[Happening]) -> None:
        """Notes what happened to a resource, in this order."""
        key = Key(world.namespace, world.name)
        for one in happenings:
            if self._queue.full() or not self._correlator.may_pass(key, world.uid, warning=one.warning):
                self._count(one, "dropped")
                continue
            words, message = self._correlator.words(
                key, world.uid, one.reason, one.message, warning=one.warning
            )
            self._queue.put_nowait(_Item(key, world.uid, world.resource_version, one, words, message))

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._correlator.forget(key)

    async def run(self) -> None:
        """Sends what is noted until it is cancelled."""
        while True:
            item = await self._queue.get()
            try:
                self._count(item.happening, await self._send(item))
            except KubeError as error:
                self._count(item.happening, "dropped")
                _log.debug("Event not sent", error=str(error))

    async def _send(self, item: _Item) -> str:
        now = datetime.now(UTC)
        known = self._correlator.known(item.key, item.uid, item.words)
        if known is not None:
            more = {"count": known.count + 1, "lastTimestamp": rfc3339(now), "message": item.message}
            try:
                await self._client.merge(EVENTS, item.key.namespace, known.name, more)
            except (NotFoundError, RefusedError):
                pass  # Events live for an hour only; and a role of an older chart may create them, no more
            else:
                self._note(item, Sent(known.name, known.count + 1))
                return "counted"
        event = self._event(item, now)
        await self._client.create(EVENTS, item.key.namespace, event)
        self._note(item, Sent(event["metadata"]["name"], 1))
        return "created"

    def _note(self, item: _Item, sent: Sent) -> None:
        self._correlator.note(item.key, item.uid, item.words, sent)

    def _count(self, happening: Happening, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.event(happening.type, outcome)

    def _event(self, item: _Item, now: datetime) -> dict[str, Any]:
        unique = f"{int(now.timestamp() * 1e6):x}{next(self._numbers):x}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{item.key.name[:200]}.{unique}", "namespace": item.key.namespace},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": item.key.name,
                "namespace": item.key.namespace,
                "uid": item.uid,
                "resourceVersion": item.version,
            },
            "type": item.happening.type,
            "reason": item.happening.reason,
            "message": item.message,
            "firstTimestamp": rfc3339(now),
            "lastTimestamp": rfc3339(now),
            "count": 1,
            "source": {"component": "switchback"},
            "reportingComponent": names.GROUP,
            "reportingInstance": self._instance,
        }
