"""SIGTERM and SIGINT: the first one stops the run cleanly, the second one ends the process at once.

While a statement runs, the signal is only noted and wakes the loop that waits for the server; the loop then
cancels the statement. Everywhere else the signal raises `Stopped`, so that no wait outlives it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_EXIT = os._exit  # a migration in Python meets another one in its place
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(KeyboardInterrupt):
    """Somebody asked the run to stop.

    A KeyboardInterrupt, because psycopg then cancels the query it waits for, whatever the signal was.

    Attributes:
        signum: the signal, or the one that an answer stands for.
        said: what people are told.
        under_way: whether something was.
    """

    def __init__(self, signum: int, said: str | None = None, *, under_way: bool | None = None) -> None:
        name = signal.Signals(signum).name
        super().__init__(name)
        self.signum = signum
        self.under_way = said is None if under_way is None else under_way
        self.said = f"Stopped by {name}; what was under way was rolled back." if said is None else said

    def idle(self) -> Stopped:
        """The same where nothing was under way: while somebody was asked."""
        return Stopped(self.signum, f"Stopped by {self}. Nothing was changed.")

    def partly(self, what: str) -> Stopped:
        """The same where something stays of what was under way."""
        return Stopped(self.signum, f"Stopped by {self}. {what}", under_way=True)


class Stop:
    """Whether to stop, and a file descriptor that becomes readable when it is time."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self.fd, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._held = 0
        self._stays = False

    def close(self) -> None:
        """Give the file descriptors back. A program that ends has no need to."""
        if self._stays:
            return
        os.close(self.fd)
        os.close(self._wake)

    @contextlib.contextmanager
    def installed(self) -> Iterator[Stop]:
        """Handle both signals inside the block; what was there before comes back after it."""
        before = {signum: signal.signal(signum, self._handle) for signum in SIGNALS}
        try:
            yield self
        finally:
            for signum, handler in () if self._stays else before.items():
                signal.signal(signum, handler)

    def to_the_end(self) -> None:
        """From here on the process has nothing to do but to tell how the run went.

        A signal that comes now would else take the word from it, and there is nothing left to stop. A second
        one ends the process, as ever.
        """
        self._stays = True
        self._held += 1

    def unblock(self) -> None:
        """Let signals come that were blocked until there was a handler. To be called while they are held."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.signum is not None:
            _EXIT(128 + signum)
        self.signum = signum
        os.write(self._wake, b"!")
        if self._held <= 0:
            raise Stopped(signum)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Inside the block a signal is noted, not raised: whoever holds it watches `fd` or `signum`."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Inside the block a signal is raised again, although an outer block holds signals back."""
        self._held -= 1
        try:
            yield
        finally:
            self._held += 1

    def check(self) -> None:
        """Raise what was noted.

        Raises:
            Stopped: a signal came while it was held back.
        """
        if self.signum is not None:
            raise Stopped(self.signum)

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until a signal comes.

        Raises:
            Stopped: a signal came.
        """
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        poller.poll(max(0, int(seconds * 1000)))
        self.check()
