"""While the server is silent: saying now and then that something is under way, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner import watch
from switchback.runner.transact import is_time_to_tell

if TYPE_CHECKING:
    from switchback.runner.session import Session


class Ticker:
    """To be called in the silence, with the seconds since the work connection's statement was sent.

    Args:
        session: of this run.
        what: how the sentence begins: `0002_b is running`.
        eager: whether it is looked at every call, and not only when there is something to tell.

    Attributes:
        blockers: who holds what is waited for, or was waited for last, in words.
    """

    def __init__(self, session: Session, what: str, *, eager: bool = False) -> None:
        self.blockers = ""
        self._session = session
        self._what = what
        self._eager = eager
        self._told_at = 0

    def __call__(self, elapsed: float) -> None:
        """Look, and tell every ten seconds."""
        seconds = int(elapsed)
        telling = is_time_to_tell(seconds, self._told_at)
        if not (self._eager or telling):
            return
        pid = self._session.work.pgconn.backend_pid
        self.blockers = watch.blockers(self._session, pid) or self.blockers
        if telling:
            self._told_at = seconds
            waits = f"; {self.blockers}" if self.blockers else ""
            self._session.reporter.say(f"{self._what} for {seconds} s{waits}.")
