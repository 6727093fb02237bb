"""From a failed bundle to an error that says what happened where, why, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import trouble
from switchback.runner.errors import RunnerError
from switchback.runner.plan import is_look
from switchback.runner.redact import masked
from switchback.runner.track import Where

if TYPE_CHECKING:
    from switchback.migrations.script import Statement
    from switchback.runner.bundle import Bundle
    from switchback.runner.track import Failure
    from switchback.runner.wire import ServerError

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
CANCELED = "57014"
UNIQUE_VIOLATION = "23505"
DEPENDENT_OBJECTS = "2BP01"
INSUFFICIENT_PRIVILEGE = "42501"
NO_TRANSACTION_WANTED = "25001"
ENDS_TRANSACTION = "2D000"
READ_ONLY = "25006"
DIVISION_BY_ZERO = "22012"
SERIALIZATION_FAILURE = "40001"
RETRIED = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION_FAILURE})
"""What another try of the whole transaction may mend."""

MORE_TIME = "--statement-timeout, in the resource spec.execution.statementTimeoutSeconds"
"""Where the limit of a run for each statement is set."""

_READ_ONLY = re.compile(r"read[_\s]+only", re.IGNORECASE)

_ADVICE = {
    NO_TRANSACTION_WANTED: "Move it into a file of its own with the line `-- switchback: no-transaction`.",
    ENDS_TRANSACTION: "A procedure or block that commits needs a file with `-- switchback: no-transaction`.",
    "55P04": "Put the new enum value into a migration of its own, before the one that uses it.",
    DEPENDENT_OBJECTS: "Drop what depends on it first, in the same file.",
    READ_ONLY: "Remove what makes the transaction read-only: nothing can be changed in it, nor recorded.",
    CANCELED: f"Give it more time with `-- switchback: statement-timeout=…` or {MORE_TIME}.",
}

BY_HAND = "Somebody has called pg_cancel_backend for it. Find out why, then run it again."


def failed(bundle: Bundle, failure: Failure) -> RunnerError:
    """The error for a bundle that was rolled back as a whole."""
    error = failure.error
    if failure.is_unplaced:
        return statement_failed(bundle.migration_id, bundle.path, None, error, what="cannot be sent")
    if failure.where is Where.RECORD:
        return _record(bundle, error)
    if makes_read_only(failure):
        line = _about_read_only(bundle)
        return statement_failed(bundle.migration_id, bundle.path, line, error, what="cannot be recorded")
    if failure.where is Where.GUARD:
        return _unrecorded(bundle, error)
    if error.sqlstate == DIVISION_BY_ZERO and is_look(failure.statement):
        return RunnerError(
            Reason.PLAN_MOVED,
            f"{bundle.migration_id} was rolled back: what depends on the object of its DROP is not what was "
            "shown and accepted.",
            "Look at the plan anew with --dry-run --cascade, then decide again.",
            file=bundle.path,
            line=failure.line,
        )
    what = "fails at COMMIT" if failure.where is Where.COMMIT else "fails"
    return statement_failed(bundle.migration_id, bundle.path, failure.line, error, what=what, failure=failure)


def statement_failed(
    migration_id: str,
    path: str,
    line: int | None,
    error: ServerError,
    *,
    what: str = "fails",
    failure: Failure | None = None,
) -> RunnerError:
    """The error for one statement of a file."""
    text = None if failure is None or failure.statement is None else failure.statement.text
    by_hand = error.sqlstate == CANCELED and "user request" in error.message
    return RunnerError(
        Reason.SQL_FAILED,
        f"{migration_id} {what}: {masked(error.message, error.sqlstate)}.",
        BY_HAND if by_hand else _ADVICE.get(error.sqlstate),
        file=path,
        line=line,
        sqlstate=error.sqlstate,
        statement=text,
        detail=log_text(error),
    )


def log_text(error: ServerError) -> str:
    """The server's further words, for the log."""
    plain = " ".join(error.message.split())
    whole = "" if masked(plain, error.sqlstate) == plain else plain
    parts = (
        (error.severity, whole),
        ("DETAIL", error.detail),
        ("HINT", error.hint),
        ("CONTEXT", error.context),
    )
    return "\n".join(f"{name}: {text}" for name, text in parts if text)


def _record(bundle: Bundle, error: ServerError) -> RunnerError:
    """Our own statements failed, before the file began."""
    if error.sqlstate == UNIQUE_VIOLATION:
        return RunnerError(
            Reason.PLAN_MOVED,
            f"{bundle.migration_id} is recorded in the ledger by now, although this run holds the lock.",
            sqlstate=error.sqlstate,
        )
    if error.sqlstate == INSUFFICIENT_PRIVILEGE:
        return RunnerError(
            Reason.PERMISSION_DENIED,
            f"The ledger cannot be written: {masked(error.message, error.sqlstate)}.",
            "Run as the ledger's owner, or name that role with --role.",
            sqlstate=error.sqlstate,
        )
    if error.sqlstate == READ_ONLY:
        return trouble.read_only("The database")
    return RunnerError(
        Reason.SQL_FAILED,
        f"{bundle.migration_id} could not be recorded in the ledger: "
        f"{masked(error.message, error.sqlstate)}.",
        "Look at the ledger's tables: something about them is not as Switchback made them.",
        sqlstate=error.sqlstate,
        detail=log_text(error),
    )


def stopped_partly(
    migration_id: str, path: str, statement: Statement, index: int, error: ServerError, *, commits: bool
) -> RunnerError:
    """A statement of a file without transaction failed after `index` others have taken effect.

    `commits`: it ends transactions of its own, so that a part of it may have taken effect, too.
    """
    return RunnerError(
        Reason.FAILED_PARTLY,
        f"{migration_id} fails: {masked(error.message, error.sqlstate)}. {_taken_effect(index, commits)}",
        "Mend the statement, or what it stumbles over, and run again: it goes on there. Leave what has run "
        "as it is.",
        file=path,
        line=statement.line,
        sqlstate=error.sqlstate,
        statement=statement.text,
        detail=log_text(error),
    )


def _taken_effect(index: int, commits: bool) -> str:  # noqa: FBT001 - a private half of a sentence
    were = "statement before it has" if index == 1 else "statements before it have"
    before = f"{index} {were} taken effect, for the file runs without a transaction." if index else ""
    if commits:
        return f"{before} It commits on its way: part of it may have taken effect.".strip()
    return before or "It may have left something behind, for the file runs without a transaction."


def rewritten(migration_id: str, path: str, done: int) -> RunnerError:
    """A file of which a part has run was changed in that part."""
    return RunnerError(
        Reason.FILE_CHANGED,
        f"{migration_id} has run in part, and its first {done} statements are not those that ran.",
        "Restore what has run; only what comes after it may be mended.",
        file=path,
    )


def makes_read_only(failure: Failure) -> bool:
    """Whether the record could not be kept for a transaction that the file has made read-only, no more."""
    return (
        failure.where is Where.GUARD
        and failure.error.sqlstate == READ_ONLY
        and not failure.committed_inside  # else the transaction at the end is another one
    )


def ended_itself(failure: Failure) -> bool:
    """Whether the guard has caught a file that ended its transaction: what is left, only the ledger knows."""
    return failure.where is Where.GUARD and failure.ended and not makes_read_only(failure)


def may_have_ended(failure: Failure) -> bool:
    """Whether a statement failed behind one that may have ended the transaction; a ROLLBACK TO has not."""
    return failure.where is Where.FILE and failure.ended


def _unrecorded(bundle: Bundle, error: ServerError) -> RunnerError:
    """The transaction went on to its end, but the record is not there any more, or nobody could see it."""
    if error.sqlstate != DIVISION_BY_ZERO:
        return statement_failed(bundle.migration_id, bundle.path, None, error, what="cannot be recorded")
    return RunnerError(
        Reason.SQL_FAILED,
        f"{bundle.migration_id} has removed its own record from the ledger, so it was rolled back.",
        "Leave the ledger's tables to Switchback.",
        file=bundle.path,
    )


def _about_read_only(bundle: Bundle) -> int | None:
    """The line of the last statement that names it."""
    return next((s.line for s in reversed(bundle.statements) if _READ_ONLY.search(s.text)), None)


def in_part(direction: Direction) -> str:
    """How the ledger has what did not come to its end, in words."""
    return "applied in part" if direction is Direction.FORWARD else "rolled back in part"


def guard_failed(bundle: Bundle, failure: Failure, direction: Direction, *, recorded: bool) -> RunnerError:
    """The file ended the transaction that it ran in.

    Args:
        bundle: what ran.
        failure: the guard's.
        direction: which way it went.
        recorded: whether the ledger shows it as begun although the guard failed: a part is committed.
    """
    if recorded:
        said = (
            f"what was before the COMMIT has taken effect and is recorded as {in_part(direction)}, the rest "
            "was rolled back"
        )
    elif failure.committed_inside:
        said = "part of it has taken effect without a record, the rest was rolled back"
    else:
        said = "the ledger shows no trace of it, and what the file did after the ROLLBACK was rolled back too"
    error = failure.error
    then = f" Behind it: {masked(error.message, error.sqlstate)}." if failure.where is Where.FILE else ""
    return RunnerError(
        Reason.FAILED_PARTLY,
        f"{bundle.migration_id} ended the transaction that keeps it and its record together: {said}.{then}",
        "Remove COMMIT and ROLLBACK from the file, then bring schema and ledger in line by hand.",
        file=bundle.path,
        line=failure.line if then else None,
    )
