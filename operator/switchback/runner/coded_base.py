"""What migrations in Python have in common, within a transaction of ours and without."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from psycopg.pq import TransactionStatus

from switchback.contract.words import Direction
from switchback.runner import calling, limits, lock, settle, wire
from switchback.runner.bundle import CLEAN, DISCARD_TEMP, Bundle
from switchback.runner.handed import Handed
from switchback.runner.heard import heard
from switchback.runner.ledger import counters, entries
from switchback.runner.redact import masked
from switchback.runner.stop import Stopped
from switchback.runner.track import Failure, Where
from switchback.runner.wire import ServerError

if TYPE_CHECKING:
    from switchback.migrations.halves import Code
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session
    from switchback.runner.transact import Transactor
    from switchback.runner.wire import Reply

LEAVE = f"{CLEAN}CLOSE ALL;DEALLOCATE ALL;UNLISTEN *;{DISCARD_TEMP}"
"""Ends what a function has left in the session: after it, and before it is called, for a try that failed."""

UNFINISHED = "it left a COPY, a stream, a pipeline or a statement of another thread unfinished"


class UnfinishedError(wire.LostError):
    """The function left something open; its session was given up."""


class Coded:
    """What runs one step. Its children have `run`."""

    transactional = True

    def __init__(
        self,
        session: Session,
        transactor: Transactor,
        step: PlannedStep,
        half: Code,
        position: int,
        *,
        major: int,
        prelude: str,
    ) -> None:
        self.session = session
        self.transactor = transactor
        self.step = step
        self.half = half
        self.position = position
        self.prelude = prelude
        self.forward = step.direction is Direction.FORWARD
        self.settings = limits.settings(session.limits, half, major)
        self.lock_timeout_ms = limits.lock_timeout_ms(session.limits, half)

    def shows(self, ledger: Ledger) -> bool:
        """Whether a ledger shows that the step is done, from end to end."""
        row = ledger.by_id.get(self.step.id)
        return row is None if not self.forward else row is not None and not row.is_partial

    def call(self) -> tuple[Handed, calling.Fault | None]:
        """Call the function while signals are held back, except in its own code.

        Raises:
            LostError: the connection broke, or was left in a state in which nothing can be said about it.
        """
        session = self.session
        what = f"{self.half.function}() of {self.step.id}"
        handed = Handed(session.work, session.stop, what, transactional=self.transactional)
        clean = session.open.redactor().clean
        for_people = getattr(session.reporter, "out", None) is sys.stdout
        try:
            with heard(self.step.id, clean, for_people=for_people):
                fault = self._called(handed)
        finally:
            finished = handed.retire()
        pgconn = session.work.pgconn
        if pgconn.transaction_status == TransactionStatus.UNKNOWN:
            said = str(handed.failed or "the server closed the connection").partition("\n")[0]
            raise wire.LostError(masked(said))
        if not finished:
            session.work.close()
            raise UnfinishedError(UNFINISHED)
        return handed, fault

    def _called(self, handed: Handed) -> calling.Fault | None:
        """Signals are raised in here, and only here."""
        try:
            with self.session.stop.live():
                self.session.stop.check()
                return calling.call(self.half, handed)
        except Stopped:
            return None  # it came right before, or right after

    def failure(self, fault: calling.Fault, where: Where = Where.FILE) -> Failure:
        """A fault as the failure of a transaction."""
        error = ServerError(fault.sqlstate, "ERROR", fault.said, "", "", "", 0, "", "", "")
        return Failure(0, where, error, line=fault.line)

    def bundle(self) -> Bundle:
        """What is sent around the function."""
        names, author, migration = self.session.names, self.session.author, self.step.migration
        if self.forward and migration is not None:
            record = entries.applied_row(names, migration, self.position, author, done=0)
            guard = entries.applied_guard(names, migration, self.position, author)
        else:  # until the guard takes the row away it says that its way back has begun
            counter = counters.Counter(names, author, self.step.id, up=False)
            record, guard = counter.set(0), counter.last_guard(0, 0, self.step.notice)
        return Bundle(
            migration_id=self.step.id,
            path=self.half.path,
            body="",
            statements=(),
            first_line=self.half.first_line,
            settings=(*self.settings, *([f"{self.prelude};"] if self.prelude else ())),
            record=record,
            guard=guard,
            operation_id=self.session.author.operation_id,
            lock_timeout_ms=self.lock_timeout_ms,
        )

    def send(self, text: str) -> list[Reply]:
        """Send a string of ours, and give its replies."""
        return list(wire.exchange(self.session.work, text, self.session.stop))

    def after(self) -> str:
        """What is sent last: the session as it began, and whether the lock is still held."""
        number = self.session.lock_number
        return LEAVE + (lock.held_query(number) if number is not None else "")

    def check_lock(self, last: Reply | None) -> None:
        """The function may have dropped the lock with pg_advisory_unlock_all()."""
        if last is None or last.error is not None or last.column != "switchback_lock":
            return
        if last.row[:1] != ("1",):
            settle.regain_lock(self.session, [self.step.id])
