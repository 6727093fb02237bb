"""A migration in Python without a transaction of ours: its record begins before it and ends after it.

What it does is done at least once: after a crash the record is there, unfinished, and it runs again from its
start.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from psycopg.pq import TransactionStatus

from switchback.contract.reasons import Reason
from switchback.runner import aftermath, blame, calling, limits, own, settle, wire
from switchback.runner.bundle import reset
from switchback.runner.coded_base import LEAVE, Coded, UnfinishedError
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import counters, entries
from switchback.runner.presence import Presence
from switchback.runner.record import Record
from switchback.runner.stop import Stopped
from switchback.runner.transact import pause


class Unbound(Coded):
    """Without a transaction of ours: at least once."""

    transactional = False

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        names, author, row = self.session.names, self.session.author, self.step.row
        self.counter = counters.Counter(names, author, self.step.id, up=self.forward)
        self.record = Record(self.session, self.step.id, self.counter)
        self.is_new = row is None if self.forward else row is None or row.down_done is None
        self.touched = False

    def run(self) -> None:
        """Record that it is begun, call the function, record that it is done.

        Raises:
            RunnerError: `SQLFailed`, `FailedPartly`, `ObjectsLocked`, `ConnectionLost`, `OutcomeUnknown`.
            Stopped: a signal came; a part of it may have taken effect.
        """
        begun = time.monotonic()
        tries = 0
        try:
            self.session.stop.check()
            self._begin()
            while True:
                presence = Presence(self.session, self.step.id, lock_timeout_ms=self.lock_timeout_ms)
                fault = self._try(presence)
                self.session.stop.check()
                if fault is None:
                    break
                tries += 1
                if fault.sqlstate not in blame.RETRIED:
                    raise self._failed(fault)
                self._pause(fault, tries, presence.blockers)
        except Stopped as stopped:
            raise self.record.stopped(stopped, self._left(), changed=self._may_have_changed) from None
        self._finish(int((time.monotonic() - begun) * 1000))

    def _begin(self) -> None:
        """Make the row, or find that an earlier run has."""
        row, migration, session = self.step.row, self.step.migration, self.session
        hashes = json.dumps([self.half.fingerprint])
        if not self.is_new:
            session.reporter.say(
                f"{self.step.id}: an earlier run did not come to its end; it runs again from its start."
            )
            known = "" if row is None else row.up_checksum
            if self.forward and migration is not None and known != migration.up.checksum:
                self._record(self.counter.replace(migration, hashes))
            return
        if self.forward and migration is not None:
            record = entries.applied_row(session.names, migration, self.position, session.author, done=0)
            self._record(self.counter.begin(record, hashes))
        else:
            self._record(self.counter.begin_down(hashes))

    def _record(self, text: str) -> None:
        """Before the function is called. What goes wrong here has changed nothing."""
        try:
            self.record.write(text)
        except own.UnrecordedError as failed:
            raise failed.explained(self.session, self.step.id, self.half.path) from None
        except wire.LostError as lost:
            found = settle.after_loss(self.session, self.step, lost)
            with contextlib.suppress(wire.LostError):
                self._abandoned()
            raise aftermath.not_committed(self.step, lost, found.ledger) from None

    def _try(self, presence: Presence) -> calling.Fault | None:
        """Call the function once; afterwards the session is as it began."""
        head = LEAVE + reset(self.step.id, self.session.author.operation_id)
        head += "".join(limits.of_session(self.settings))
        with self.session.stop.held():
            try:
                with presence.shown():
                    error = next((reply.error for reply in self.send(head) if reply.error is not None), None)
                    if error is not None:
                        return calling.Fault(error.message, self.half.first_line, error.sqlstate)
                    handed, fault = self.call()
                    self.touched |= handed.may_have_changed
                    fault = self._closed() or fault
                    replies = self.send(self.after())
            except wire.LostError as lost:
                self.touched = True
                settle.after_loss(self.session, self.step, lost)
                if isinstance(lost, UnfinishedError):
                    return calling.Fault(str(lost), self.half.first_line)
                raise self._not_finished(lost) from None
            self.check_lock(replies[-1] if replies else None)
        return fault

    def _closed(self) -> calling.Fault | None:
        """A transaction that the function has left open is rolled back, and told."""
        if self.session.work.pgconn.transaction_status == TransactionStatus.IDLE:
            return None
        settle.roll_back(self.session)
        return calling.Fault(
            "it left a transaction open, which was rolled back", self.half.first_line,
            advice="Use `with connection.transaction():`, which ends with its block.",
        )  # fmt: skip

    def _pause(self, fault: calling.Fault, tries: int, blockers: str) -> None:
        try:
            pause(
                self.session,
                self.bundle(),
                self.failure(fault),
                tries,
                blockers,
                after="it runs again from its start",
            )
        except RunnerError:
            if not self._abandoned():
                raise self._failed(fault) from None
            raise

    @property
    def _may_have_changed(self) -> bool:
        return self.touched or not self.is_new

    def _abandoned(self) -> bool:
        """Take the record away again when nothing has taken effect. Gives whether that was so."""
        return not self._may_have_changed and self.record.take_back()

    def _left(self) -> str:
        return (
            f"{self.step.id} runs without a transaction, and a part of it may have taken effect. The next "
            "run runs it again from its start."
        )

    def _failed(self, fault: calling.Fault) -> RunnerError:
        error = fault.error(self.step.id, self.half.path)
        if self._abandoned():
            return error
        return RunnerError(
            Reason.FAILED_PARTLY,
            f"{error.message} It runs without a transaction: a part of it may have taken effect.",
            "Mend it, or what it stumbles over, and run again: it runs again from its start.",
            file=error.file,
            line=error.line,
            sqlstate=error.sqlstate,
            detail=error.detail,
        )

    def _not_finished(self, lost: wire.LostError) -> RunnerError:
        return RunnerError(
            Reason.CONNECTION_LOST,
            f"The connection broke during {self.step.id} ({lost}). It runs without a transaction: a part of "
            "it may have taken effect.",
            "See the server's log for why it closed, then run it again: it runs again from its start.",
            file=self.half.path,
            line=self.half.first_line,
        )

    def _finish(self, milliseconds: int) -> None:
        """Write down that it is done."""
        prelude = (self.prelude,) if self.prelude else ()
        text = self.counter.finish(milliseconds, self.step.notice, self.counter.set(1), *prelude)
        try:
            self.record.write(text)
        except own.UnrecordedError as failed:
            raise self._unfinished(failed) from None
        except Stopped as stopped:
            raise stopped.partly(f"{self._ran} {self._by_hand}") from None
        except wire.LostError as lost:
            found = settle.after_loss(self.session, self.step, lost)
            if not self.counter.is_over(found.ledger):
                raise RunnerError(
                    Reason.CONNECTION_LOST, f"The connection broke ({lost}). {self._ran}", self._by_hand,
                    file=self.half.path, line=self.half.first_line,
                ) from None  # fmt: skip
            self.transactor.finished(self.step, milliseconds)
            found.refuse_overtaken(self.step)
            return
        self.transactor.finished(self.step, milliseconds)

    @property
    def _ran(self) -> str:
        return f"{self.half.function}() of {self.step.id} has run to its end, but that is not recorded."

    @property
    def _by_hand(self) -> str:
        """What to do then."""
        mark = "--mark" if self.forward else "--unmark"
        return (
            f"If it must not run twice: switchback repair {mark} {self.step.id}. Else run again: it runs "
            "again from its start."
        )

    def _unfinished(self, failed: own.UnrecordedError) -> RunnerError:
        error = failed.explained(self.session, self.step.id, self.half.path)
        return RunnerError(
            Reason.FAILED_PARTLY, f"{self._ran} {error.message}", self._by_hand,
            file=self.half.path, line=self.half.first_line, sqlstate=error.sqlstate, detail=error.detail,
        )  # fmt: skip
