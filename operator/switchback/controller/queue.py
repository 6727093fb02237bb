"""The work queue: keys that want a look, each at most once, each with at most one worker.

Whoever sees a change adds the key of the resource it belongs to. Ten changes at once are one look. A key that
is added while a worker holds it is handed out again once that worker is done, so the last change is never
missed. Whoever fails adds the key with `retry`: back-off doubles per key until `forget`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.metrics import Metrics

BACKOFF_SECONDS = 0.005
BACKOFF_LIMIT_SECONDS = 60.0
JITTER = 0.2
_MAX_DOUBLINGS = 20


class Key(NamedTuple):
    """Which resource. Two resources of the same name after each other share it."""

    namespace: str
    name: str

    @property
    def text(self) -> str:
        """As people and `kubectl` write it."""
        return f"{self.namespace}/{self.name}"


class Intake(Protocol):
    """Where keys are put by whoever sees a change."""

    def add(self, key: Key) -> None:
        """The key wants a look."""


class Timer(Protocol):
    """What `call_at` returns."""

    def cancel(self) -> None:
        """It will not be called."""


class Queue:
    """A set of keys in order of arrival, for one event loop.

    Args:
        metrics: who counts.
        clock: monotonic seconds; the loop's own by default.
        call_at: calls a function at a time of that clock; the loop's own by default.
        spread: a number between 0 and 1 that spreads retries.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        clock: Callable[[], float] | None = None,
        call_at: Callable[[float, Callable[[], None]], Timer] | None = None,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._metrics = metrics
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._call_at = call_at or (lambda when, call: asyncio.get_running_loop().call_at(when, call))
        self._spread = spread
        self._order: deque[Key] = deque()
        self._since: dict[Key, float] = {}  # waiting for a worker, since when
        self._held: set[Key] = set()  # with a worker
        self._again: set[Key] = set()  # added while held
        self._timers: dict[Key, tuple[float, Timer]] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """How many keys wait for a worker. Delayed ones do not."""
        return len(self._order)

    def add(self, key: Key) -> None:
        """The key wants a look, now or as soon as the look under way is over."""
        if self._closed or key in self._since or key in self._again:
            return
        self._metrics.added()
        if key in self._held:
            self._again.add(key)
            return
        self._since[key] = self._clock()
        self._order.append(key)
        self._metrics.depth(len(self._order))
        self._filled.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """The key wants a look in so many seconds. Of several such wishes the earliest counts."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        when = self._clock() + seconds
        known = self._timers.get(key)
        if known is not None:
            if known[0] <= when:
                return
            known[1].cancel()
        self._timers[key] = (when, self._call_at(when, lambda: self._due(key)))

    def retry(self, key: Key) -> float:
        """The look failed: another one after the key's back-off. Returns the seconds until then."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._metrics.retried()
        seconds = min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2.0 ** min(failures, _MAX_DOUBLINGS))
        seconds *= 1 - JITTER + 2 * JITTER * self._spread()
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """The look went well: the next failure begins with the shortest back-off again."""
        self._failures.pop(key, None)

    def take(self) -> Key | None:
        """The key that has waited longest, handed to the caller until `done`; None when none waits.

        A delayed wish for the same key is dropped: this look makes its own.
        """
        if self._closed or not self._order:
            return None
        key = self._order.popleft()
        self._metrics.waited(self._clock() - self._since.pop(key))
        self._metrics.depth(len(self._order))
        self._held.add(key)
        self._cancel(key)
        return key

    async def get(self) -> Key | None:
        """Waits for `take` to have something; None once the queue is closed."""
        while not self._closed:
            key = self.take()
            if key is not None:
                return key
            self._filled.clear()
            await self._filled.wait()
        return None

    def done(self, key: Key) -> None:
        """The worker is through with the key, well or not."""
        self._held.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """Nobody gets anything any more; what is with a worker stays with it."""
        self._closed = True
        for key in list(self._timers):
            self._cancel(key)
        self._filled.set()

    def _due(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)

    def _cancel(self, key: Key) -> None:
        known = self._timers.pop(key, None)
        if known is not None:
            known[1].cancel()
