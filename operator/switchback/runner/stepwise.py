"""Files that ask for no transaction: their statements one by one, each counted.

A statement that can, runs in one transaction with its counter: exactly once. One that cannot (the server says
25001: CREATE INDEX CONCURRENTLY, VACUUM and the like; or 2D000: a procedure or block that commits) travels
alone as the whole string, after a record that it was begun: at least once, and after a crash the database is
looked at before it runs again.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

import psycopg

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import aftermath, blame, carried, concurrently, limits, own, settle, wire
from switchback.runner.bundle import DISCARD_TEMP, FORGET, Bundle, reset
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import counters, entries, read
from switchback.runner.record import Record
from switchback.runner.stop import Stopped
from switchback.runner.ticker import Ticker
from switchback.runner.track import Where
from switchback.runner.transact import TransactionFailed, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.migrations.script import Statement
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session
    from switchback.runner.track import Failure
    from switchback.runner.transact import Transactor
    from switchback.runner.wire import ServerError


def is_stepwise(step: PlannedStep) -> bool:
    """Whether a step asks to run without a transaction."""
    return step.half is not None and step.half.directives.no_transaction


class Stepwise:
    """Runs one step. Its row says how many statements are done, at every moment."""

    def __init__(
        self,
        session: Session,
        transactor: Transactor,
        step: PlannedStep,
        position: int,
        *,
        major: int,
        prelude: str = "",
        at_the_end: str = "",
    ) -> None:
        assert step.half is not None  # noqa: S101 - `is_stepwise` has said so
        self.session = session
        self.transactor = transactor
        self.step = step
        self.half = step.half
        self.position = position
        self.statements = step.half.statements
        self.counter = counters.Counter(
            session.names, session.author, step.id, up=step.direction is Direction.FORWARD
        )
        self.record = Record(session, step.id, self.counter)
        self.settings = limits.settings(session.limits, step.half, major)
        row = step.row
        self.is_new = row is None if self.counter.up else row is None or row.down_done is None
        self.prelude = prelude
        self.at_the_end = (at_the_end,) if at_the_end else ()
        self.leaves_traces = self.is_uncounted = False
        self.done = self.resumed_at = 0
        self.begun = time.monotonic()

    def run(self) -> None:
        """Run the statements that are not done yet. A signal is heard between them, and by what waits.

        Raises:
            RunnerError: `FailedPartly` when statements before the failing one have taken effect, else
                `SQLFailed`; `ConnectionLost`, `OutcomeUnknown`, `ObjectsLocked`.
            Stopped: a signal came.
        """
        try:
            with self.session.stop.held():
                self._run()
        except Stopped as stopped:
            raise self.record.stopped(stopped, self._left(), changed=self._may_have_changed) from None
        except own.UnrecordedError as failed:
            raise self._unrecorded(failed) from None
        except wire.LostError as lost:
            self._lost(lost)
        except psycopg.Error as error:
            if wire.is_usable(self.session.work.pgconn):
                raise
            self._lost(wire.LostError(str(error).partition("\n")[0]))

    def _run(self) -> None:
        self._begin()
        while self.done < len(self.statements):
            if self.done > self.resumed_at:
                self.session.stop.check()
            self._one(self.done, self.statements[self.done])
            self.done += 1
        if self.resumed_at == len(self.statements):  # an earlier run has counted all, and was ended there
            self._finish()

    def _finish(self, *before: str) -> None:
        """End the step in a transaction of our own, together with `before`."""
        milliseconds = self._elapsed()
        self.record.write(self.counter.finish(milliseconds, self.step.notice, *before, *self.at_the_end))
        self.transactor.finished(self.step, milliseconds)

    def _elapsed(self) -> int:
        return int((time.monotonic() - self.begun) * 1000)

    def _left(self) -> str:
        """What an interruption leaves, for people."""
        what = f"{self.step.id} runs without a transaction: {self.done} of {len(self.statements)} statements"
        if self.is_uncounted:
            return (
                f"{what} are counted as done, and the next one has run, too. The next run looks for what it "
                "has done, and runs it once more if nothing is to be seen."
            )
        traces = "clears away what the one under way has left, and " if self.leaves_traces else ""
        return f"{what} have taken effect. The next run {traces}goes on there."

    def _begin(self) -> None:
        """Make the session clean, and find how far an earlier run came.

        A step that is new is recorded together with the first statement that takes effect.
        """
        row, migration = self.step.row, self.step.migration
        self.session.work.execute(f"{DISCARD_TEMP}{FORGET}".encode())
        hashes = json.dumps([concurrently.fingerprint(statement) for statement in self.statements])
        if self.counter.up and row is not None and migration is not None:
            self.done = row.statements_done
            if row.up_checksum != migration.up.checksum:
                self._refuse_rewritten(self._ran())
                self.record.write(self.counter.replace(migration, hashes))
        elif self.counter.up and migration is not None:
            record = entries.applied_row(
                self.session.names, migration, self.position, self.session.author, done=0
            )
            self.record.opening = (record, self.counter.begun(hashes))
        elif row is not None and row.down_done is not None:
            self.done = row.down_done
            ran = self._ran()
            if ran != hashes:
                self._refuse_rewritten(ran)
                self.record.write(self.counter.transaction(self.counter.begun(hashes)))
        else:
            self.record.opening = (self.counter.set(0), self.counter.begun(hashes))
        self.resumed_at = self.done

    def _ran(self) -> str:
        """Hashes of the statements as they were when the file was begun, or mended for the last time."""
        with self._heard():
            text = read.last_event(self.session.work, self.session.names, self.step.id, counters.BEGUN)
        return text or "[]"

    @contextlib.contextmanager
    def _heard(self) -> Iterator[None]:
        """While something is only read, a signal ends that: somebody may have locked the ledger."""
        with self.session.stop.live():
            self.session.stop.check()
            yield

    def _refuse_rewritten(self, ran: str) -> None:
        """A half-run file may be mended behind what has run, not before."""
        now = [concurrently.fingerprint(statement) for statement in self.statements[: self.done]]
        if json.loads(ran)[: self.done] != now:
            raise blame.rewritten(self.step.id, self.half.path, self.done)

    def _one(self, index: int, statement: Statement) -> None:
        """Run one statement and count it. With the last one the step is finished."""
        started = None
        if index == self.resumed_at and not self.is_new:
            with self._heard():
                started = concurrently.started(self.session, self.step.id, index, up=self.counter.up)
        if started is None:
            why = None if concurrently.is_alone(statement) else self._in_transaction(index, statement)
            if why is None and not concurrently.is_alone(statement):
                return
            commits = why == blame.ENDS_TRANSACTION
            blank = concurrently.Started(index, self.counter.up, commits=commits)
            started = concurrently.look(self.session, statement, blank, self._session_of(index))
            self.record.write(
                self.counter.transaction(*self.record.opening, self.counter.start(started.text))
            )
            self.record.opening = ()
        self.session.stop.check()  # it may have waited for the ledger
        self.leaves_traces = True
        if concurrently.is_done(self.session, statement, started):
            self.session.reporter.say(f"{self.half.path}:{statement.line}: done by an earlier run.")
        else:
            self._settled(index, statement, started)
        self.is_uncounted = True
        counted = (*self._once(), self.counter.set(index + 1))
        if index + 1 == len(self.statements):
            self._finish(*counted)
        else:
            self.record.write(self.counter.transaction(*counted))
        self.leaves_traces = self.is_uncounted = False

    def _settled(self, index: int, statement: Statement, started: concurrently.Started) -> None:
        """Run a statement alone, until it is surely done or surely not."""
        if not concurrently.clean(self.session, started, self._session_of(index)):
            concurrently.refuse_invalid(self.session, started)
        try:
            error = self._alone(index, statement)
        except wire.LostError as lost:
            found = settle.after_loss(self.session, self.step, lost)
            if self.counter.value(found.ledger) != index:
                raise aftermath.overtaken(self.step) from None
            if not concurrently.is_done(self.session, statement, started):
                raise aftermath.not_finished(
                    self.step, statement.line, index, lost, commits=started.commits
                ) from None
            found.refuse_overtaken(self.step)
            return
        if error is not None:
            self.session.stop.check()
            cleaned = concurrently.clean(self.session, started, self._session_of(index))
            self.leaves_traces = started.commits or not cleaned
            raise self._failed(index, statement, error, commits=started.commits)
        settle.keep_lock(self.session, [self.step.id])

    def _in_transaction(self, index: int, statement: Statement) -> str | None:
        """Run a statement together with its counter. Gives the SQLSTATE when it wants no transaction."""
        is_last = index + 1 == len(self.statements)
        ours = (
            *self.record.opening,
            *([self.prelude] if self.prelude else ()),
            *(self.at_the_end if is_last else ()),
        )
        bundle = Bundle(
            migration_id=self.step.id,
            path=self.half.path,
            body=statement.text,
            statements=(concurrently.moved(statement),),
            first_line=statement.line,
            settings=(*self.settings, *(f"{text};" for text in ours)),
            record=self.counter.set(index + 1),
            guard=self.counter.last_guard(index + 1, self._elapsed(), self.step.notice)
            if is_last
            else self.counter.guard(index + 1),
            operation_id=self.session.author.operation_id,
            setup=self._setup(index),
            begins_step=False,
            lock_timeout_ms=limits.lock_timeout_ms(self.session.limits, self.half),
        )

        def shows(ledger: Ledger) -> bool:
            return self.counter.value(ledger) == index + 1 or (is_last and self.counter.is_over(ledger))

        try:
            self.transactor.run([Unit(self.step, bundle, shows, ends_step=is_last)])
        except TransactionFailed as failed:
            if _wants_to_be_alone(statement, failed.failure):
                return failed.failure.error.sqlstate
            if failed.failure.where is Where.RECORD:
                raise blame.failed(failed.unit.bundle, failed.failure) from None
            raise self._failed(index, statement, failed.failure.error) from None
        except RunnerError as error:
            if error.reason is Reason.CONNECTION_LOST:  # it was settled: nothing of this statement is left
                self._abandoned()
            raise
        self.record.opening, self.prelude = (), ""
        return None

    def _once(self) -> tuple[str, ...]:
        """The prelude, as long as no transaction has taken it along."""
        text, self.prelude = self.prelude, ""
        return (text,) if text else ()

    def _lost(self, lost: wire.LostError) -> None:
        """The connection broke between two statements, or while they were counted: the ledger knows.

        Raises:
            RunnerError: unless it has broken after all was done.
        """
        found = settle.after_loss(self.session, self.step, lost)
        if self.counter.is_over(found.ledger):
            row = found.ledger.by_id.get(self.step.id)
            self.transactor.finished(self.step, None if row is None else row.duration_ms)
            found.refuse_overtaken(self.step)
            return
        error = aftermath.not_committed(self.step, lost, found.ledger)
        if error.reason is Reason.CONNECTION_LOST:
            self.record.opening = ()  # it may be committed: the ledger is asked
            self._abandoned_at_last()
        raise error

    def _setup(self, index: int) -> tuple[str, ...]:
        """Statements before this one that set the session up: sent again, for a resumed run has lost them."""
        return tuple(s.text for s in self.statements[:index] if carried.is_setting(s))

    def _session_of(self, index: int) -> str:
        """Makes the session for a statement that runs alone: our limits, and what the file has set before."""
        own = self.half.directives.lock_timeout_ms
        settings = [reset(self.step.id, self.session.author.operation_id)]
        settings += [f"SET lock_timeout = {own or 0};"]
        settings += [text for text in limits.of_session(self.settings) if "lock_timeout" not in text]
        settings += [f"{text}\n;" for text in self._setup(index)]
        return "".join(settings)

    def _alone(self, index: int, statement: Statement) -> ServerError | None:
        """Send a statement as the whole string, outside any transaction."""
        for text in (self._session_of(index), statement.text):
            error = self._send(text)
            if error is not None:
                return error
        return None

    def _send(self, text: str) -> ServerError | None:
        ticker = Ticker(self.session, f"{self.step.id} is running")
        error = None
        self.record.has_settings = True
        with self.session.stop.held():
            for reply in wire.exchange(self.session.work, text, self.session.stop, ticker):
                error = reply.error or error
        return error

    @property
    def _may_have_changed(self) -> bool:
        return bool(self.done) or not self.is_new or self.leaves_traces

    def _abandoned(self) -> bool:
        """Take the record away again when nothing has taken effect. Gives whether that was so."""
        return not self._may_have_changed and self.record.take_back()

    def _abandoned_at_last(self) -> bool:
        """The same where nobody else looks after a signal that ends it."""
        try:
            with self.session.stop.held():
                return self._abandoned()
        except Stopped as stopped:
            raise stopped.partly(self._left()) from None

    def _unrecorded(self, failed: own.UnrecordedError) -> RunnerError:
        """The ledger could not be written between two statements."""
        error = failed.explained(self.session, self.step.id, self.half.path)
        if self._abandoned_at_last():
            return error
        reason = Reason.OBJECTS_LOCKED if failed.is_locked else Reason.FAILED_PARTLY
        return RunnerError(
            reason, f"{error.message} {self._left()}", error.advice, file=error.file, line=error.line,
            sqlstate=error.sqlstate, detail=error.detail,
        )  # fmt: skip

    def _failed(
        self, index: int, statement: Statement, error: ServerError, *, commits: bool = False
    ) -> RunnerError:
        if self._abandoned():
            return blame.statement_failed(self.step.id, self.half.path, statement.line, error)
        return blame.stopped_partly(self.step.id, self.half.path, statement, index, error, commits=commits)


def _wants_to_be_alone(statement: Statement, failure: Failure) -> bool:
    """Whether a statement failed only for the transaction around it."""
    if failure.where is not Where.FILE:
        return False
    if failure.error.sqlstate == blame.ENDS_TRANSACTION:
        return statement.words[:1] in (("CALL",), ("DO",))  # a function may not, wherever it runs
    return failure.error.sqlstate == blame.NO_TRANSACTION_WANTED
