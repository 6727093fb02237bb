"""The queue against a model, through random orders of adding, taking, failing and waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from switchback.controller.metrics import Metrics
from switchback.controller.queue import BACKOFF_LIMIT_SECONDS, JITTER, Key, Queue

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = st.sampled_from([Key("shop", "a"), Key("shop", "b"), Key("bank", "a")])


class Clock:
    """Time that passes only when the test says so, and what is to be called when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[FakeTimer] = []

    def call_at(self, when: float, call: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(when, call)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.live and timer.when <= end]:
            first = min(due, key=lambda timer: timer.when)
            self.now, first.live = first.when, False
            first.call()
        self.now = end


class FakeTimer:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when, self.call, self.live = when, call, True

    def cancel(self) -> None:
        self.live = False


class QueueMachine(RuleBasedStateMachine):
    """What is wished for must be handed out, once at a time, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.queue = Queue(Metrics(), clock=lambda: self.clock.now, call_at=self.clock.call_at)
        self.wished: set[Key] = set()
        self.held: set[Key] = set()
        self.due: dict[Key, float] = {}

    @rule(key=KEYS)
    def add(self, key: Key) -> None:
        self.queue.add(key)
        self.wished.add(key)

    @rule(key=KEYS, seconds=st.floats(0.001, 100))
    def add_after(self, key: Key, seconds: float) -> None:
        self.queue.add_after(key, seconds)
        self.due[key] = min(self.due.get(key, float("inf")), self.clock.now + seconds)

    @rule(key=KEYS)
    def retry(self, key: Key) -> None:
        seconds = self.queue.retry(key)
        assert 0 < seconds <= BACKOFF_LIMIT_SECONDS * (1 + JITTER)
        self.due[key] = min(self.due.get(key, float("inf")), self.clock.now + seconds)

    @rule(seconds=st.floats(0, 120))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for key, when in list(self.due.items()):
            if when <= self.clock.now:
                del self.due[key]
                self.wished.add(key)

    @rule()
    def take(self) -> None:
        key = self.queue.take()
        ready = self.wished - self.held
        if key is None:
            assert not ready, "somebody waits, and nobody is handed out"
            return
        assert key in ready, "handed out without a wish, or to two workers"
        self.wished.discard(key)
        self.due.pop(key, None)
        self.held.add(key)

    @rule(key=KEYS)
    def done(self, key: Key) -> None:
        if key in self.held:
            self.held.discard(key)
            self.queue.done(key)

    @rule(key=KEYS)
    def forget(self, key: Key) -> None:
        self.queue.forget(key)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == len(self.wished - self.held)


TestQueue = QueueMachine.TestCase
