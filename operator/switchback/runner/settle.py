"""Finding out what is so: after an error, after a lost connection, after a lost lock. The ledger decides."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import TransactionStatus

from switchback.contract.reasons import Reason, Retry, meaning
from switchback.contract.words import Direction
from switchback.runner import aftermath, blame, lock, wire
from switchback.runner.bundle import CLEAN
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes, entries, read
from switchback.runner.stop import Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.runner.bundle import Bundle
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session
    from switchback.runner.track import Failure

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
AFTER_SIGNAL_SECONDS = 8.0
"""After a signal little of a pod's grace period is left for finding out."""
LOOK_LOCK_MS = 1000
FLUSH_LOCK_MS = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """What the ledger says, read under the lock.

    Attributes:
        ledger: as it is now.
        overtaken: whether another run has had the lock meanwhile, and has written.
    """

    ledger: Ledger
    overtaken: bool = False

    def refuse_overtaken(self, step: PlannedStep) -> None:
        """Before this run goes on with a new connection: nobody else may have written in the gap.

        Raises:
            RunnerError: `PlanMoved`.
        """
        if self.overtaken:
            raise aftermath.overtaken(step)


def roll_back(session: Session, *, after_others: bool = False) -> bool:
    """End the failed transaction. A cancel that arrives late may hit this statement; then once more.

    Args:
        session: of this run.
        after_others: whether transactions of the same string are committed, which have not waited for the
            disk: then something is written whose commit waits, for all of them.

    Returns:
        Whether this session still holds the lock, which no rollback gives back.

    Raises:
        LostError: the connection broke.
    """
    number = session.lock_number
    asked = "" if number is None else lock.held_query(number)
    held = True  # it is asked again before anything else is sent
    for _ in range(2):
        idle = session.work.info.transaction_status == TransactionStatus.IDLE  # nothing of the string has run
        replies = _cleared(session, f"{'' if idle else 'ROLLBACK;'}{CLEAN}{asked}")
        if _passed(replies):
            held = number is None or lock.says_held(replies[-1])
            break
    if after_others and not any(_passed(_cleared(session, _flush(session))) for _ in range(2)):
        _warn_unflushed(session)
    return held


def _cleared(session: Session, text: str) -> list[wire.Reply]:
    """Replies to what clears away. A signal that was noted before has been answered already."""
    return list(wire.exchange(session.work, text, session.stop, None, wire.CLEARING_SECONDS))


def _passed(replies: Sequence[wire.Reply]) -> bool:
    return all(reply.error is None for reply in replies)


def _flush(session: Session) -> str:
    """Its commit waits for the disk, and so for all before it. Nobody's lock is waited for for long."""
    return f"SET LOCAL lock_timeout = {FLUSH_LOCK_MS};{changes.nothing(session.names)}"


def _warn_unflushed(session: Session) -> None:
    session.reporter.warn(
        "What was committed last may not be on the server's disk yet, for the ledger could not be written. "
        "If the server crashes within the next seconds, `switchback status` says what is left."
    )


def after_loss(
    session: Session, step: PlannedStep, lost: wire.LostError, *, after_others: bool = False
) -> Found:
    """Connect anew, wait until the old server process is gone, and read the ledger.

    The lock proves that the old process is gone: it held the lock until its end. Only then is the ledger the
    last word about what it did.

    Args:
        session: of this run.
        step: that was under way.
        lost: what was heard of it.
        after_others: as in `roll_back`.

    Raises:
        RunnerError: `OutcomeUnknown` when that cannot be found out in time.
    """
    session.lock_number = None
    session.reporter.warn(
        f"The connection broke during {step.id} ({lost}); asking the ledger what it has done."
    )
    with session.stop.held():
        return _found_out(session, f"The connection broke during {step.id}", after_others=after_others)


def look(session: Session, step: PlannedStep) -> Found:
    """Read the ledger where it alone can say what a step has left, whatever becomes of the connection.

    Raises:
        RunnerError: `OutcomeUnknown` when that cannot be found out in time.
    """
    with session.stop.held():
        return _found_out(session, f"{step.id} has failed")


def _found_out(session: Session, what: str, *, after_others: bool = False) -> Found:
    """Ask until there is an answer, on a new connection whenever one breaks."""
    begun = time.monotonic()
    seconds = AFTER_SIGNAL_SECONDS if session.stop.signum is not None else session.limits.settle
    deadline = begun + seconds
    trouble: RunnerError | None = None
    pause = FIRST_PAUSE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            if session.lock_number is None or not wire.is_usable(session.work.pgconn):
                within = left if session.stop.signum is None else max(left / 2, FIRST_PAUSE_SECONDS)
                session.reconnect(within)
                session.lock_number = _take(session, max(0.0, deadline - time.monotonic()))
            return _asked(session, after_others=after_others)
        except RunnerError as error:
            trouble = error
            if meaning(error.reason).retry not in {Retry.COUNT, Retry.WAIT}:
                break
        except psycopg.Error as error:  # it broke again, or somebody has locked the ledger: no answer
            trouble = session.open.explain(error)
        except Stopped:  # nobody may say "rolled back" before that is known; there is only less time for it
            deadline = min(deadline, time.monotonic() + AFTER_SIGNAL_SECONDS)
        _sleep(session, min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    why = "" if trouble is None else f" {trouble.message}"
    took = f"{time.monotonic() - begun:.0f} s"
    raise RunnerError(
        Reason.OUTCOME_UNKNOWN,
        f"{what}, and within {took} nobody could say whether it was committed.{why}",
    )


def _asked(session: Session, *, after_others: bool) -> Found:
    """The ledger, and whether others have written. No lock is waited for for long: a signal has to be heard.

    Raises:
        psycopg.Error: there is no answer.
    """
    work = session.work
    work.execute(f"{CLEAN}SET lock_timeout = {LOOK_LOCK_MS}".encode())
    ledger = session.read()
    others = ledger.meta is not None and read.written_by_others(
        work, session.names, session.author, session.last_event
    )
    if after_others and ledger.meta is not None:
        try:
            work.execute(changes.nothing(session.names).encode())
        except psycopg.Error:
            if not wire.is_usable(work.pgconn):
                raise  # the server may have crashed after it has answered
            _warn_unflushed(session)
    work.execute(b"RESET lock_timeout")
    return Found(ledger, others)


def _take(session: Session, seconds: float) -> int:
    database = session.work.info.dbname
    number = lock.key(session.names, database)
    lock.take(
        session.work,
        number,
        seconds=seconds,
        operation_id=session.author.operation_id,
        stop=session.stop,
        tell=session.reporter.say,
    )
    return number


def _sleep(session: Session, seconds: float) -> None:
    if session.stop.signum is None:
        try:
            session.stop.wait(seconds)
        except Stopped:
            return  # the outcome is asked for all the same; only less long
    else:
        time.sleep(seconds)


def guard_failed(session: Session, bundle: Bundle, failure: Failure, step: PlannedStep) -> RunnerError:
    """A file ended its transaction. Ask the ledger what is left, and note there what is known."""
    found = look(session, step)
    recorded = aftermath.has_ended_itself(step, found.ledger)
    if recorded and not found.overtaken:
        note_part(session, step, failure.committed_inside)
    return blame.guard_failed(bundle, failure, step.direction, recorded=recorded)


def note_part(session: Session, step: PlannedStep, done: int) -> None:
    """Write down that a step was committed in part, as far as that can be. That it was is told in any case.

    Args:
        session: of this run.
        step: that has ended its own transaction.
        done: how many statements of an up have taken effect.
    """
    names, author = session.names, session.author
    try:
        if step.direction is Direction.FORWARD:
            changes.mark_partial(session.work, names, author, step.id, done)
        else:
            details = "a COMMIT inside"
            changes.note(
                session.work, names, author, entries.ROLLED_BACK_PARTLY, migration_id=step.id, details=details
            )
    except psycopg.Error as error:
        if wire.is_usable(session.work.pgconn):
            session.work.execute(b"ROLLBACK")
        why = session.open.explain(error).message
        session.reporter.warn(f"Nobody could write down that {step.id} has taken effect in part: {why}")


def keep_lock(session: Session, ids: Sequence[str]) -> None:
    """Make sure that the lock is held, after something that may have given it up.

    Raises:
        RunnerError: `LockTimeout` when it is gone and another run has it, or has written meanwhile.
        LostError: the connection broke.
    """
    number = session.lock_number
    if number is None:
        return
    replies = _cleared(session, CLEAN + lock.held_query(number))
    if not lock.says_held(replies[-1]):
        regain_lock(session, ids)


def regain_lock(session: Session, ids: Sequence[str]) -> None:
    """The lock is gone although the session lives: take it back, if nobody has used the gap.

    Raises:
        RunnerError: `LockTimeout` when another run has it or has written.
    """
    what = f"A file among {', '.join(ids)} gave up the lock (pg_advisory_unlock_all)"
    number = session.lock_number
    try:
        regained = number is not None and lock.attempt(session.work, number)
        others = read.written_by_others(session.work, session.names, session.author, session.last_event)
    except psycopg.Error:
        if wire.is_usable(session.work.pgconn):
            raise
        session.lock_number = None
        with session.stop.held():
            found = _found_out(session, f"{what}, and then the connection broke")
        regained, others = True, found.overtaken
    if regained and not others:
        session.reporter.warn(f"{what}; it was taken again, and nobody had used the gap.")
        return
    raise RunnerError(
        Reason.LOCK_TIMEOUT,
        f"{what}, and another run has begun.",
        "Remove that call from the file; then run again.",
    )
