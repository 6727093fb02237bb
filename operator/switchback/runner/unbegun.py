"""Migrations whose record is there although nothing of them has taken effect.

A statement that runs alone is recorded before it runs. When the run is ended in the very first one of a file,
a rollback has nothing to undo: the way back would stumble over what is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.migrations.directives import from_words
from switchback.runner import concurrently
from switchback.runner.bundle import CLEAN, reset
from switchback.runner.errors import RunnerError
from switchback.runner.plan import Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.runner.ledger.model import Row
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session


def among(session: Session, rows: Iterable[Row]) -> frozenset[str]:
    """Ids of those rows of which surely nothing has taken effect. Asks only about rows that count none."""
    return frozenset(
        row.id
        for row in rows
        if row.is_partial and not row.statements_done and _is_counted(row) and _untouched(session, row.id)
    )


def _is_counted(row: Row) -> bool:
    """Whether it is of a file without transaction. Others have no first statement that runs alone."""
    return from_words(row.directives.split("\n")).no_transaction


def _untouched(session: Session, migration_id: str) -> bool:
    started = concurrently.started(session, migration_id, 0, up=True)
    return started is not None and concurrently.leaves_nothing(session, started)


def clear(session: Session, steps: Sequence[PlannedStep]) -> None:
    """Clear away, under the lock, what the interrupted statements have left, as the next migrate would.

    Raises:
        RunnerError: `PlanMoved`: one of them has taken effect by now; `FailedPartly`: what one has left could
            not be cleared away.
        Stopped: a signal came.
    """
    for step in steps:
        if step.way is not Way.UNBEGUN:
            continue
        started = concurrently.started(session, step.id, 0, up=True)
        setup = reset(step.id, session.author.operation_id)
        nothing = started is not None and concurrently.leaves_nothing(session, started)
        if started is not None and nothing and not concurrently.clean(session, started, setup):
            concurrently.refuse_invalid(session, started)
            nothing = False  # it is valid by now
        if not nothing:
            raise RunnerError(
                Reason.PLAN_MOVED, f"Since the plan was made, a part of {step.id} has taken effect."
            )
        session.work.execute(CLEAN.encode())
