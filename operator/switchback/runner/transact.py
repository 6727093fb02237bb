"""Sending transactions in batches: what is committed, what is tried again, what is settled by the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import aftermath, blame, limits, lock, settle, watch, wire
from switchback.runner.bundle import CLEAN, Batch, Bundle, batches
from switchback.runner.errors import RunnerError
from switchback.runner.track import Failure, Tracker, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchback.contract.words import Direction
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session

TELL_EVERY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Done:
    """One committed step."""

    direction: Direction
    id: str
    milliseconds: int | None


@dataclass(frozen=True)
class Unit:
    """One transaction of a step.

    Attributes:
        step: what it belongs to.
        bundle: what is sent.
        is_committed: whether the ledger shows it, read under the lock after the old session is gone.
        ends_step: whether the step is done with it.
    """

    step: PlannedStep
    bundle: Bundle
    is_committed: Callable[[Ledger], bool]
    ends_step: bool = True


class TransactionFailed(Exception):  # noqa: N818 - what happened, not an error class for people
    """A transaction failed for good and was rolled back. `done` units before it are committed."""

    def __init__(self, unit: Unit, failure: Failure) -> None:
        super().__init__(failure.error.message)
        self.unit = unit
        self.failure = failure


class Transactor:
    """Runs units in order. `done` grows with each step that is committed, and is right whatever happens.

    `flush`: whether each is told of as soon as it is done. That takes a DROP TABLE of nothing, of which an
    event trigger may have an opinion; then many may be told of at once.
    """

    def __init__(self, session: Session, *, flush: bool = True) -> None:
        self.session = session
        self.flush = flush
        self.done: list[Done] = []
        self._blockers = ""
        self._told_at = 0

    def run(self, units: Sequence[Unit]) -> None:
        """Send units until all are committed.

        Raises:
            TransactionFailed: one failed, and trying again would not help.
            RunnerError: `ObjectsLocked`, `LockTimeout`, `ConnectionLost`, `OutcomeUnknown`.
            Stopped: a signal came; what was under way was rolled back.
        """
        number = self.session.lock_number
        # The next string is taken apart under the settings that this one leaves: how strings are quoted.
        after = CLEAN + (lock.held_query(number) if number is not None else "")
        left = list(units)
        tries = 0
        while left:
            batch = next(batches([unit.bundle for unit in left], after, flush=self.flush))
            tracker = self._send(batch, left)
            left = left[tracker.index :]
            failure = tracker.failure
            if failure is None or tracker.index:
                tries = 0
            if failure is None:
                self._check_lock(tracker)
                continue
            if failure.where is Where.RECORD and failure.ran and batch.bundles[failure.index].flushes:
                self.flush = False  # perhaps an event trigger, made on the way, that forbids our DROP TABLE
                continue
            later = failure.index - tracker.index
            if later > 0:  # nothing ran, for a later file cannot be parsed: what is before it goes first
                self.run(left[:later])
                left = left[later:]
            if failure.is_unplaced and len(batch.bundles) > 1:  # one of them, but nobody says which
                for unit in left[: len(batch.bundles)]:
                    self.run([unit])
                left = left[len(batch.bundles) :]
                continue
            tries += 1
            if failure.error.sqlstate not in blame.RETRIED or blame.ended_itself(failure):
                raise TransactionFailed(left[0], failure)
            pause(self.session, left[0].bundle, failure, tries, self._blockers)

    def finished(self, step: PlannedStep, milliseconds: int | None) -> None:
        """Note that a step is done, and tell people."""
        self.done.append(Done(step.direction, step.id, milliseconds))
        self.session.reporter.done(step.direction, step.id, milliseconds, step.notice)

    def _send(self, batch: Batch, units: Sequence[Unit]) -> Tracker:
        """Send one batch and follow it to its end; after an error the session is idle again."""
        session = self.session
        tracker = Tracker(batch)
        self._blockers, self._told_at = "", 0
        waits = [bundle.lock_timeout_ms for bundle in batch.bundles if bundle.lock_timeout_ms]
        every = limits.look_after(min(waits)) if waits else wire.TICK_SECONDS

        def tick(elapsed: float) -> None:
            self._tick(batch.bundles[min(tracker.index, len(batch.bundles) - 1)], elapsed)

        with session.stop.held():
            try:
                for reply in wire.exchange(session.work, batch.text, session.stop, tick, every=every):
                    committed = tracker.feed(reply)
                    if committed is not None:
                        self._committed(units[tracker.index - 1], committed[1])
                others = tracker.index > 0
                if tracker.failure is not None and not settle.roll_back(session, after_others=others):
                    settle.regain_lock(session, tracker.so_far)
            except wire.LostError as lost:
                self._lost(units[: len(batch.bundles)], tracker, lost)
        if tracker.failure is not None or tracker.index < len(units):
            session.stop.check()  # a signal that came with the very last COMMIT has nothing left to stop
        return tracker

    def _lost(self, units: Sequence[Unit], tracker: Tracker, lost: wire.LostError) -> None:
        """The connection broke: the ledger says what is committed.

        Returns when all of the batch is, or when it is known why a unit is not: it had failed before.
        """
        under_way = units[min(tracker.index, len(units) - 1)].step
        found = settle.after_loss(self.session, under_way, lost, after_others=len(units) > 1)
        ledger = found.ledger
        expected = units if tracker.failure is None else units[: tracker.index]
        for number, unit in enumerate(expected):
            if not unit.is_committed(ledger):
                self._not_kept(units[number : tracker.index])
                raise aftermath.not_committed(unit.step, lost, ledger)
            if number >= tracker.index:  # nobody has heard of it
                row = ledger.by_id.get(unit.step.id)
                self._committed(unit, None if row is None else row.duration_ms)
        if tracker.failure is None:
            tracker.index, tracker.after = len(units), None
        found.refuse_overtaken(under_way)

    def _not_kept(self, units: Sequence[Unit]) -> None:
        """The server has crashed before these commits, which it had told of, were on its disk."""
        gone = [unit.step for unit in units if unit.ends_step]
        if not gone:
            return
        del self.done[-len(gone) :]
        ids = ", ".join(step.id for step in gone)
        self.session.reporter.warn(
            f"The server crashed before it had written {ids} to its disk: that is undone, as the ledger says."
        )

    def _committed(self, unit: Unit, milliseconds: int | None) -> None:
        if unit.ends_step:
            self.finished(unit.step, milliseconds)

    def _check_lock(self, tracker: Tracker) -> None:
        """After each batch: a file may have dropped the lock with pg_advisory_unlock_all().

        Raises:
            RunnerError: `LockTimeout` when it is gone and another run has it, or has written meanwhile.
        """
        after = tracker.after
        if after is not None and after.error is None and not lock.says_held(after):
            settle.regain_lock(self.session, tracker.so_far)

    def _tick(self, bundle: Bundle, elapsed: float) -> None:
        """In silence, each second or oftener: look what the statement waits for, and tell it now and then."""
        seconds = int(elapsed)
        telling = is_time_to_tell(seconds, self._told_at)
        if bundle.lock_timeout_ms or telling:
            pid = self.session.work.pgconn.backend_pid
            self._blockers = watch.blockers(self.session, pid) or self._blockers
        if telling:
            self._told_at = seconds
            waits = f"; {self._blockers}" if self._blockers else ""
            self.session.reporter.say(f"{bundle.migration_id} is running for {seconds} s{waits}.")


def is_time_to_tell(seconds: int, told_at: int) -> bool:
    """Whether people should hear that something is at work still: once every ten seconds."""
    return seconds // TELL_EVERY_SECONDS > told_at // TELL_EVERY_SECONDS


def pause(
    session: Session,
    bundle: Bundle,
    failure: Failure,
    tries: int,
    blockers: str,
    *,
    after: str = "rolled back",
) -> None:
    """Wait before a transaction that could not get its locks is tried again.

    Args:
        session: of this run.
        bundle: what is tried.
        failure: of the last try.
        tries: how often it was tried.
        blockers: who holds the locks, in words, if that is known.
        after: what has become of the last try, in words.

    Raises:
        RunnerError: `ObjectsLocked`: it was tried often enough.
        Stopped: a signal came.
    """
    limit = session.limits
    why = f": {blockers}" if blockers else ""
    if tries > limit.retries:
        raise RunnerError(
            Reason.OBJECTS_LOCKED,
            f"{bundle.migration_id} could not get its locks in {tries} tries{why}.",
            file=bundle.path,
            line=failure.line,
            sqlstate=failure.error.sqlstate,
        )
    seconds = limits.retry_after(limit, tries)
    session.reporter.say(
        f"{bundle.migration_id} waits for locks{why}; {after}, try {tries + 1} of "
        f"{limit.retries + 1} in {seconds:.0f} s."
    )
    session.stop.wait(seconds)
