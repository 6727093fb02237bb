"""Migrations in Python: which steps are such, and what runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.migrations.halves import Code
from switchback.runner.coded_within import Bound
from switchback.runner.coded_without import Unbound

if TYPE_CHECKING:
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session
    from switchback.runner.transact import Transactor


def of(
    session: Session,
    transactor: Transactor,
    step: PlannedStep,
    position: int,
    *,
    major: int,
    prelude: str = "",
) -> Bound | Unbound:
    """What runs a step, in the way that it asks for.

    Args:
        session: of this run.
        transactor: is told what is done.
        step: with a half that is `Code`.
        position: its place in the order of application.
        major: the server's version.
        prelude: a statement into the ledger that is committed with the step.
    """
    assert isinstance(step.half, Code)  # noqa: S101 - the executor has said so
    kind = Unbound if step.half.directives.no_transaction else Bound
    return kind(session, transactor, step, step.half, position, major=major, prelude=prelude)
