"""The record of a step without a transaction of ours: written around it, taken back when nothing was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner import own, wire
from switchback.runner.bundle import CLEAN, reset
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from switchback.runner.ledger.counters import Counter
    from switchback.runner.session import Session
    from switchback.runner.stop import Stopped


class Record:
    """Of one step.

    Args:
        session: of this run.
        migration_id: the step's.
        counter: its statements.

    Attributes:
        opening: what begins it, as long as that was never committed.
        has_settings: whether the session still has what a statement that ran alone was sent with.
    """

    def __init__(self, session: Session, migration_id: str, counter: Counter) -> None:
        self.session = session
        self.migration_id = migration_id
        self.counter = counter
        self.opening: tuple[str, ...] = ()
        self.has_settings = False

    def write(self, text: str, *, clears: bool = False) -> None:
        """A transaction of our own, in a session as it began; see `own.send`."""
        if self.has_settings:  # by itself: what a transaction begins with counts from its first statement
            own.send(self.session, self.migration_id, CLEAN, clears=clears)
            self.has_settings = False
        head = reset(self.migration_id, self.session.author.operation_id)
        own.send(self.session, self.migration_id, f"{head}{text}", clears=clears)

    def take_back(self) -> bool:
        """Remove it, for nothing of the step has taken effect. Gives whether that was done.

        Where somebody has locked the ledger it stays, and the next run finds it.
        """
        if self.opening:
            return True
        try:
            self.write(self.counter.abandon(), clears=True)
        except own.UnrecordedError:
            return False
        return True

    def stopped(self, stopped: Stopped, left: str, *, changed: bool) -> Stopped:
        """What a signal has stopped.

        Args:
            stopped: the signal.
            left: what it leaves where the record stays, for people.
            changed: whether something of the step may have taken effect.
        """
        try:
            nothing = not changed and self.take_back()
        except (wire.LostError, RunnerError):
            nothing = False
        return stopped if nothing else stopped.partly(left)
