"""Saying how far long work is, often enough to be seen and seldom enough to be read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from switchback.snapshots.store import size_text

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_SECONDS = 5.0


class Meter:
    """Counts bytes and says so every few seconds. Work that ends sooner is silent."""

    def __init__(
        self,
        say: Callable[[str], None],
        what: str,
        total: int = 0,
        *,
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._what, self._total = say, what, total
        self._every, self._clock = every, clock
        self._count, self._next = 0, clock() + every

    def add(self, size: int) -> None:
        """`size` more bytes are done."""
        self.reach(self._count + size)

    def reach(self, count: int) -> None:
        """`count` bytes are done in all."""
        self._count = count
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._every
        of = f" of about {size_text(self._total)}" if self._total else ""
        self._say(f"{self._what}: {size_text(count)}{of}")
