"""A migration in Python within the transaction that also holds its record: exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import aftermath, blame, calling, settle, wire
from switchback.runner.bundle import GUARD, RESETS
from switchback.runner.coded_base import LEAVE, Coded, UnfinishedError
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import entries
from switchback.runner.presence import Presence
from switchback.runner.track import Failure, Where
from switchback.runner.transact import pause

if TYPE_CHECKING:
    from switchback.runner.bundle import Bundle
    from switchback.runner.handed import Handed
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.wire import Reply, ServerError

_ABORTED = "25P02"
_DIVISION_BY_ZERO = "22012"
"""What the guard says: it divides by the number of records that are the transaction's."""


class Bound(Coded):
    """In one transaction with the record."""

    def run(self) -> None:
        """Call the function, and record it.

        Raises:
            RunnerError: `SQLFailed`, `FailedPartly`, `ObjectsLocked`, `ConnectionLost`, `OutcomeUnknown`.
            Stopped: a signal came; what was under way was rolled back.
        """
        bundle = self.bundle()
        tries = 0
        while True:
            self.session.stop.check()
            presence = Presence(self.session, self.step.id, lock_timeout_ms=self.lock_timeout_ms)
            with self.session.stop.held():
                failed = self._try(bundle, presence)
            if failed is None:
                return
            self.session.stop.check()
            failure, error = failed
            tries += 1
            if failure.error.sqlstate not in blame.RETRIED:
                raise error
            pause(self.session, bundle, failure, tries, presence.blockers)

    def _try(self, bundle: Bundle, presence: Presence) -> tuple[Failure, RunnerError] | None:
        """One try. Gives what failed, once it is rolled back; None when it is committed."""
        closing = False
        try:
            with presence.shown():
                failed = self._begin(bundle)
                if failed is None:
                    handed, fault = self.call()
                    closing = fault is None and not handed.has_ended and self.session.stop.signum is None
                    failed = self._close(bundle) if closing else None
                    if not closing:
                        failed = self._undo(bundle, handed, fault)
        except wire.LostError as lost:
            return self._lost(lost, closing=closing)
        return failed

    def _begin(self, bundle: Bundle) -> tuple[Failure, RunnerError] | None:
        error = next(
            (reply.error for reply in self.send(LEAVE + bundle.head) if reply.error is not None), None
        )
        if error is None:
            return None
        settle.roll_back(self.session)
        failure = Failure(0, Where.RECORD, error, line=self.half.first_line)
        return failure, blame.failed(bundle, failure)

    def _undo(
        self, bundle: Bundle, handed: Handed, fault: calling.Fault | None
    ) -> tuple[Failure, RunnerError]:
        """Roll back; then make sure that nothing of it is committed."""
        settle.roll_back(self.session)
        fault = fault or calling.Fault(f"{self.half.function}() was stopped", self.half.first_line)
        found = settle.look(self.session, self.step)
        if handed.has_ended or self._is_kept(found.ledger):
            raise self._ended(bundle, found)
        return self.failure(fault), fault.error(self.step.id, self.half.path)

    def _close(self, bundle: Bundle) -> tuple[Failure, RunnerError] | None:
        """Send what comes after the function. Gives what failed; None when it is committed."""
        # What fails in the guard behind it is no fault of the function, and another try may mend it.
        ours = entries.still_ours(self.session.names, self.step.id)
        replies = self.send(f"{RESETS}{ours};{bundle.tail}{self.after()}")
        guard: Reply | None = None
        for reply in replies:
            if reply.error is not None:
                settle.roll_back(self.session)
                return self._not_closed(bundle, reply.error, passed=guard is not None)
            if reply.column == GUARD:
                guard = reply
            elif guard is not None and reply.tag == "COMMIT":
                spent = guard.row[1]
                self.transactor.finished(self.step, None if spent is None else int(spent))
                self.check_lock(replies[-1])
                break
        return None

    def _not_closed(self, bundle: Bundle, error: ServerError, *, passed: bool) -> tuple[Failure, RunnerError]:
        """What kept the transaction from being committed."""
        where = Where.COMMIT if passed else Where.GUARD
        failure = Failure(0, where, error, line=self.half.first_line)
        found = settle.look(self.session, self.step)
        if self._is_kept(found.ledger) or (error.sqlstate == _DIVISION_BY_ZERO and not passed):
            raise self._ended(bundle, found)
        if error.sqlstate == _ABORTED:
            said = "it went on after a statement had failed, so nothing could be committed"
            advice = "Let the error pass, or use a savepoint: `with connection.transaction():`."
            fault = calling.Fault(said, self.half.first_line, advice=advice)
            return failure, fault.error(self.step.id, self.half.path)
        what = "fails at COMMIT" if passed else "cannot be recorded"
        return failure, blame.statement_failed(
            self.step.id, self.half.path, self.half.first_line, error, what=what
        )

    def _is_kept(self, ledger: Ledger) -> bool:
        """Whether the record is committed, by us or by the function."""
        # A way back that an earlier run has begun does not run again: whose mark that is, is not in question.
        return aftermath.has_ended_itself(self.step, ledger) or self.shows(ledger)

    def _ended(self, bundle: Bundle, found: settle.Found) -> RunnerError:
        """The function has ended the transaction that it ran in. What is known is noted in the ledger."""
        recorded = self._is_kept(found.ledger)
        if recorded and not found.overtaken:
            settle.note_part(self.session, self.step, 0)
        if recorded:
            kept = blame.in_part(self.step.direction)
            said = f"what was before the COMMIT has taken effect and is recorded as {kept}"
        else:
            said = (
                "the ledger shows no trace of it, but what it sent in one string behind the ROLLBACK may "
                "have taken effect"
            )
        return RunnerError(
            Reason.FAILED_PARTLY,
            f"{bundle.migration_id} ended the transaction that keeps it and its record together: {said}.",
            "Remove COMMIT and ROLLBACK from the module, or set `transactional = False`; then bring schema "
            "and ledger in line by hand.",
            file=self.half.path,
            line=self.half.first_line,
        )

    def _lost(self, lost: wire.LostError, *, closing: bool) -> tuple[Failure, RunnerError] | None:
        """The connection broke: the ledger says whether it is committed."""
        found = settle.after_loss(self.session, self.step, lost)
        ledger = found.ledger
        if self._is_kept(ledger):
            row = ledger.by_id.get(self.step.id)
            if not closing or not self.shows(ledger):
                raise self._ended(self.bundle(), found)
            self.transactor.finished(self.step, None if row is None else row.duration_ms)
            found.refuse_overtaken(self.step)
            return None
        if isinstance(lost, UnfinishedError):
            fault = calling.Fault(str(lost), self.half.first_line)
            return self.failure(fault), fault.error(self.step.id, self.half.path)
        raise aftermath.not_committed(self.step, lost, ledger)
