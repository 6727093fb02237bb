"""Transactions of our own around what runs outside of any: that a step is begun, counted, done, or is not."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import blame, limits, settle, wire
from switchback.runner.bundle import Bundle
from switchback.runner.errors import RunnerError
from switchback.runner.ticker import Ticker
from switchback.runner.track import Failure, Where

if TYPE_CHECKING:
    from switchback.runner.session import Session
    from switchback.runner.wire import ServerError


class UnrecordedError(Exception):
    """The ledger could not be written, and is as it was before.

    Attributes:
        error: of the last try.
        tries: how many there were.
        blockers: who has locked the ledger, in words, if that is known.
    """

    def __init__(self, error: ServerError, tries: int, blockers: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.tries = tries
        self.blockers = blockers

    @property
    def is_locked(self) -> bool:
        """Whether another try may mend it."""
        return self.error.sqlstate in blame.RETRIED

    def explained(self, session: Session, migration_id: str, path: str) -> RunnerError:
        """As an error for people, where nothing of the step has taken effect."""
        if self.is_locked:
            why = f": {self.blockers}" if self.blockers else ""
            return RunnerError(
                Reason.OBJECTS_LOCKED,
                f"{migration_id} could not be recorded in the ledger in {self.tries} "
                f"{'try' if self.tries == 1 else 'tries'}{why}.",
                "See in pg_stat_activity and pg_locks who has locked the ledger; then run again.",
                file=path,
                sqlstate=self.error.sqlstate,
            )
        nothing = Bundle(migration_id, path, "", (), 1, (), "", "", session.author.operation_id)
        return blame.failed(nothing, Failure(0, Where.RECORD, self.error))


def send(session: Session, migration_id: str, text: str, *, clears: bool = False) -> None:
    """Run a transaction, or what makes the session ready for one; again while somebody has locked the ledger.

    Args:
        session: of this run; idle.
        migration_id: whose record it is.
        text: the transaction, as one string.
        clears: whether it takes away a record after a signal: that signal does not end it at once.

    Raises:
        UnrecordedError: it failed for good.
        LostError: the connection broke; only the ledger knows whether it was committed.
        Stopped: a signal came, and nothing of it is committed.
    """
    limit, stop = session.limits, session.stop
    every = limits.look_after(limit.lock_timeout_ms) if limit.lock_timeout_ms else wire.TICK_SECONDS
    blockers = ""
    with stop.held():
        for tries in count(1):
            ticker = Ticker(session, f"{migration_id} is being recorded", eager=True)
            grace = wire.CLEARING_SECONDS if clears else 0.0
            replies = list(wire.exchange(session.work, text, stop, ticker, grace, every=every))
            error = next((reply.error for reply in replies if reply.error is not None), None)
            if error is None:
                return
            blockers = ticker.blockers or blockers
            if not settle.roll_back(session):
                settle.regain_lock(session, [migration_id])
            if clears and stop.signum is not None:
                raise UnrecordedError(error, tries, blockers)
            stop.check()
            if error.sqlstate not in blame.RETRIED or tries > limit.retries:
                raise UnrecordedError(error, tries, blockers)
            seconds = limits.retry_after(limit, tries)
            why = f": {blockers}" if blockers else ""
            session.reporter.say(
                f"{migration_id} waits for the ledger{why}; try {tries + 1} of {limit.retries + 1} in "
                f"{seconds:.0f} s."
            )
            stop.wait(seconds)
