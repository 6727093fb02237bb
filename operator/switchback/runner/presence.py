"""Saying that a migration in Python is still at work, and what it waits for, while its own code runs."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from psycopg.pq import TransactionStatus

from switchback.runner import limits, watch
from switchback.runner.transact import is_time_to_tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.runner.session import Session


class Presence:
    """Looks now and then from a thread of its own, for the main one is busy with somebody else's code.

    Attributes:
        blockers: who holds what the function waits for, or waited for last, in words.
    """

    def __init__(self, session: Session, migration_id: str, *, lock_timeout_ms: int) -> None:
        self.session = session
        self.migration_id = migration_id
        self.blockers = ""
        self._waits_for_locks = lock_timeout_ms > 0
        self._every = limits.look_after(lock_timeout_ms) if lock_timeout_ms else limits.LOOK_SECONDS
        self._told_at = 0
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
        while not self._over.wait(self._every):
            with contextlib.suppress(BaseException):  # a signal may end the look; nobody needs it
                self._look(int(time.monotonic() - begun))

    def _look(self, seconds: int) -> None:
        telling = is_time_to_tell(seconds, self._told_at)
        if (self._waits_for_locks or telling) and self._pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.blockers = watch.blockers(self.session, self._pid) or self.blockers
        if telling:
            self._told_at = seconds
            waits = f"; {self.blockers}" if self.blockers else ""
            self.session.reporter.say(f"{self.migration_id} is running for {seconds} s{waits}.")
