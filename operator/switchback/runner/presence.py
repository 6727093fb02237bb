"""Saying that a migration in Python is still at work, and what it waits for, while its own code runs."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from psycopg.pq import TransactionStatus

from switchback.runner import watch
from switchback.runner.transact import LOOK_AFTER_SECONDS, TELL_EVERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.runner.session import Session


class Presence:
    """Looks every second from a thread of its own, for the main one is busy with somebody else's code.

    Attributes:
        blockers: who holds what the function waits for, or waited for last, in words.
    """

    def __init__(self, session: Session, migration_id: str, *, waits_for_locks: bool) -> None:
        self.session = session
        self.migration_id = migration_id
        self.blockers = ""
        self._waits_for_locks = waits_for_locks
        self._pgconn = session.work.pgconn
        self._pid = self._pgconn.backend_pid
        self._over = threading.Event()

    @contextlib.contextmanager
    def shown(self) -> Iterator[Presence]:
        """Look and tell inside the block."""
        thread = threading.Thread(target=self._watch, name="switchback-presence", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        begun = time.monotonic()
        seconds = LOOK_AFTER_SECONDS
        while not self._over.wait(max(0.0, begun + seconds - time.monotonic())):
            with contextlib.suppress(BaseException):  # a signal may end the look; nobody needs it
                self._look(seconds)
            seconds = max(seconds + 1, int(time.monotonic() - begun))

    def _look(self, seconds: int) -> None:
        telling = seconds % TELL_EVERY_SECONDS == 0
        if (self._waits_for_locks or telling) and self._pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.blockers = watch.blockers(self.session, self._pid) or self.blockers
        if telling:
            waits = f"; {self.blockers}" if self.blockers else ""
            self.session.reporter.say(f"{self.migration_id} is running for {seconds} s{waits}.")
