"""What a person sees: one line per step, with the time since the start, and a sign of life on long steps."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STARTED = time.monotonic()
_EVERY = 10.0


def say(message: str) -> None:
    """Print a line for a person; standard output is kept for answers."""
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {message}", file=sys.stderr, flush=True)


@contextmanager
def step(label: str, *, detail: Callable[[], str] = str, every: float = _EVERY) -> Iterator[None]:
    """Print `label` now, again with the elapsed time every few seconds, and at the end."""
    started = time.monotonic()
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(every):
            extra = detail()
            say(f"{label} ... {time.monotonic() - started:.0f} s{', ' + extra if extra else ''}")

    say(f"{label} ...")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    except BaseException:
        ended.set()
        ticker.join()
        say(f"{label}: failed after {time.monotonic() - started:.1f} s")
        raise
    ended.set()
    ticker.join()
    say(f"{label}: done in {time.monotonic() - started:.1f} s")
