"""Finding out what is so: after an error, after a lost connection, after a lost lock. The ledger decides."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from psycopg.pq import TransactionStatus

from switchback.contract.reasons import Reason, Retry, meaning
from switchback.contract.words import Direction
from switchback.runner import blame, lock, wire
from switchback.runner.bundle import CLEAN
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes, read
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
    for _ in range(2):
        idle = session.work.info.transaction_status == TransactionStatus.IDLE  # nothing of the string has run
        written = changes.nothing(session.names) if after_others else ""
        text = f"{'' if idle else 'ROLLBACK;'}{CLEAN}{written}{asked}"
        replies = list(wire.exchange(session.work, text, session.stop))
        if all(reply.error is None for reply in replies):
            return number is None or lock.says_held(replies[-1])
    return True  # it is asked again before anything else is sent


def after_loss(session: Session, step: PlannedStep, lost: wire.LostError) -> Ledger:
    """Connect anew, wait until the old server process is gone, and read the ledger.

    The lock proves that the old process is gone: it held the lock until its end. Only then is the ledger the
    last word about what it did.

    Raises:
        RunnerError: `OutcomeUnknown` when that cannot be found out in time.
    """
    with session.stop.held():
        return _after_loss(session, step, lost)


def _after_loss(session: Session, step: PlannedStep, lost: wire.LostError) -> Ledger:
    begun = time.monotonic()
    seconds = AFTER_SIGNAL_SECONDS if session.stop.signum is not None else session.limits.settle
    deadline = begun + seconds
    session.reporter.warn(
        f"The connection broke during {step.id} ({lost}); asking the ledger what it has done."
    )
    trouble: RunnerError | None = None
    pause = FIRST_PAUSE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            session.reconnect(None if session.stop.signum is None else max(left / 2, FIRST_PAUSE_SECONDS))
            number = session.lock_number = _take(session, left)
            del number
            return session.read()
        except RunnerError as error:
            trouble = error
            if meaning(error.reason).retry not in {Retry.COUNT, Retry.WAIT}:
                break
        except Stopped:  # nobody may say "rolled back" before that is known; there is only less time for it
            deadline = min(deadline, time.monotonic() + AFTER_SIGNAL_SECONDS)
        _sleep(session, min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    why = "" if trouble is None else f" {trouble.message}"
    took = f"{time.monotonic() - begun:.0f} s"
    raise RunnerError(
        Reason.OUTCOME_UNKNOWN,
        f"The connection broke during {step.id}, and within {took} nobody could say whether it was "
        f"committed.{why}",
    )


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


def not_committed(step: PlannedStep, lost: wire.LostError, ledger: Ledger) -> RunnerError:
    """The ledger says that a transaction, during which the connection broke, was not committed.

    Of a file without transaction it was one statement; those before it may have taken effect.
    """
    done = _statements_done(step, ledger)
    if step.half is not None and done:
        statements = step.half.statements
        if done == len(statements):
            return overtaken(step)
        return RunnerError(
            Reason.FAILED_PARTLY,
            f"The connection broke during {step.id} ({lost}), and a part of it has taken effect: {done} of "
            f"{len(statements)} statements, for the file runs without a transaction.",
            f"See the server's log for why it closed, then run it again: it goes on at statement {done + 1}.",
            file=step.half.path,
            line=statements[done].line,
        )
    return RunnerError(
        Reason.CONNECTION_LOST,
        f"The connection broke during {step.id} ({lost}). The ledger shows that it was rolled back.",
        "See the server's log for why it closed, then run it again.",
        file=None if step.half is None else step.half.path,
    )


def _statements_done(step: PlannedStep, ledger: Ledger) -> int:
    """How many statements of a half without transaction the ledger counts; 0 for all others."""
    row = ledger.by_id.get(step.id)
    if row is None or step.half is None or not step.half.directives.no_transaction:
        return 0
    return row.statements_done if step.direction is Direction.FORWARD else row.down_done or 0


def not_finished(step: PlannedStep, line: int, before: int, lost: wire.LostError) -> RunnerError:
    """The connection broke while a statement ran outside any transaction, and it was not done.

    `before`: how many statements before it have taken effect.
    """
    were = "" if not before else f" {before} before it {'has' if before == 1 else 'have'} taken effect."
    return RunnerError(
        Reason.CONNECTION_LOST,
        f"The connection broke during {step.id} ({lost}). The statement is not done; what it left, the next "
        f"run clears away.{were}",
        "See the server's log for why it closed, then run it again.",
        file=None if step.half is None else step.half.path,
        line=line,
    )


def guard_failed(session: Session, bundle: Bundle, failure: Failure, step: PlannedStep) -> RunnerError:
    """A file ended its transaction. Ask the ledger what is left, and note there what is known."""
    ledger = session.read()
    row = ledger.by_id.get(bundle.migration_id)
    if step.direction is Direction.FORWARD:
        recorded = row is not None
        if recorded:
            changes.mark_partial(
                session.work, session.names, session.author, bundle.migration_id, failure.committed_inside
            )
    else:
        recorded = row is None
        if recorded:
            changes.note(
                session.work,
                session.names,
                session.author,
                "RolledBackPartly",
                migration_id=bundle.migration_id,
                details="a COMMIT inside",
            )
    return blame.guard_failed(bundle, failure, recorded=recorded)


def keep_lock(session: Session, ids: Sequence[str]) -> None:
    """Make sure that the lock is held, after something that may have given it up.

    Raises:
        RunnerError: `LockTimeout` when it is gone and another run has it, or has written meanwhile.
        LostError: the connection broke.
    """
    number = session.lock_number
    if number is None:
        return
    replies = list(wire.exchange(session.work, CLEAN + lock.held_query(number), session.stop))
    if not lock.says_held(replies[-1]):
        regain_lock(session, ids)


def overtaken(step: PlannedStep) -> RunnerError:
    """Somebody had the lock while this run had no connection, and has used it."""
    return RunnerError(
        Reason.PLAN_MOVED,
        f"While the connection that broke during {step.id} was made again, another run has gone on.",
        "Nothing to do, if that run has arrived; else run it again.",
    )


def refuse_overtaken(session: Session, step: PlannedStep) -> None:
    """Before this run goes on with a new connection: nobody else may have written in the gap.

    Raises:
        RunnerError: `PlanMoved`.
    """
    if read.written_by_others(session.work, session.names, session.author, session.last_event):
        raise overtaken(step)


def regain_lock(session: Session, ids: Sequence[str]) -> None:
    """The lock is gone although the session lives: take it back, if nobody has used the gap.

    Raises:
        RunnerError: `LockTimeout` when another run has it or has written.
    """
    what = f"A file among {', '.join(ids)} gave up the lock (pg_advisory_unlock_all)"
    number = session.lock_number
    regained = number is not None and lock.attempt(session.work, number)
    if regained and not read.written_by_others(
        session.work, session.names, session.author, session.last_event
    ):
        session.reporter.warn(f"{what}; it was taken again, and nobody had used the gap.")
        return
    raise RunnerError(
        Reason.LOCK_TIMEOUT,
        f"{what}, and another run has begun.",
        "Remove that call from the file; then run again.",
    )
