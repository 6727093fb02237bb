"""What the ledger's answer means for the step during which the connection broke: errors, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import blame
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from switchback.runner import wire
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import PlannedStep


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
    if not _is_counted(step) and has_ended_itself(step, ledger):
        return RunnerError(
            Reason.FAILED_PARTLY,
            f"The connection broke during {step.id} ({lost}), which had ended its own transaction: what was "
            f"before that has taken effect and is recorded as {blame.in_part(step.direction)}, the rest was "
            "rolled back.",
            "Remove COMMIT and ROLLBACK from the file, then bring schema and ledger in line by hand.",
            file=None if step.half is None else step.half.path,
        )
    return RunnerError(
        Reason.CONNECTION_LOST,
        f"The connection broke during {step.id} ({lost}). The ledger shows that it was rolled back.",
        "See the server's log for why it closed, then run it again.",
        file=None if step.half is None else step.half.path,
    )


def has_ended_itself(step: PlannedStep, ledger: Ledger) -> bool:
    """Whether the ledger shows the mark that a step began with: it has committed that itself."""
    row = ledger.by_id.get(step.id)
    return row is not None and (step.direction is Direction.FORWARD or row.down_done is not None)


def _is_counted(step: PlannedStep) -> bool:
    """Whether it runs without a transaction of ours."""
    return step.half is not None and step.half.directives.no_transaction


def _statements_done(step: PlannedStep, ledger: Ledger) -> int:
    """How many statements of a half without transaction the ledger counts; 0 for all others."""
    row = ledger.by_id.get(step.id)
    if row is None or not _is_counted(step):
        return 0
    return row.statements_done if step.direction is Direction.FORWARD else row.down_done or 0


def not_finished(
    step: PlannedStep, line: int, before: int, lost: wire.LostError, *, commits: bool = False
) -> RunnerError:
    """The connection broke while a statement ran outside any transaction, and it was not done.

    Args:
        step: whose statement.
        line: where it is.
        before: how many statements before it have taken effect.
        lost: what was heard.
        commits: whether it commits on its way.
    """
    were = "" if not before else f" {before} before it {'has' if before == 1 else 'have'} taken effect."
    if commits:
        return RunnerError(
            Reason.FAILED_PARTLY,
            f"The connection broke during {step.id} ({lost}). The statement commits on its way: part of it "
            f"may have taken effect.{were}",
            "See the server's log for why it closed. The next run executes the statement once more: make "
            "sure that it can go on from what it has left.",
            file=None if step.half is None else step.half.path,
            line=line,
        )
    return RunnerError(
        Reason.CONNECTION_LOST,
        f"The connection broke during {step.id} ({lost}). The statement is not done; what it left, the next "
        f"run clears away.{were}",
        "See the server's log for why it closed, then run it again.",
        file=None if step.half is None else step.half.path,
        line=line,
    )


def overtaken(step: PlannedStep) -> RunnerError:
    """Somebody had the lock while this run had no connection, and has used it."""
    return RunnerError(
        Reason.PLAN_MOVED,
        f"While the connection that broke during {step.id} was made again, another run has gone on.",
        "Nothing to do, if that run has arrived; else run it again.",
    )
