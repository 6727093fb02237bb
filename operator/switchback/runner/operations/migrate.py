"""Apply what is pending, up to a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes
from switchback.runner.operations.back import plan_backward
from switchback.runner.operations.base import Answer, Facts, Request, again, look, wished
from switchback.runner.operations.forward import plan_forward
from switchback.runner.plan import Goal, goal

if TYPE_CHECKING:
    from switchback.runner.compare import Comparison
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session


def run(session: Session, request: Request, facts: Facts) -> Answer:
    """Apply forward. When the target lies behind, change nothing and answer with the plan of the rollback.

    Raises:
        RunnerError, SourceProblem, Stopped: see the parts.
    """
    comparison = look(session, request, facts)
    plan = _plan(session, request, comparison, facts)
    if plan.direction is not Direction.FORWARD:
        return _nothing(plan, facts)
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would apply {_count(len(plan.steps))}; nothing was changed.")
    changed = again(session, request, facts, comparison.source)
    if changed is not None:
        plan = _plan(session, request, changed, facts)
        if plan.direction is not Direction.FORWARD:
            return _nothing(plan, facts)
    _take_over(session, request, facts)
    from switchback.runner.execute import Executor  # noqa: PLC0415 - not needed when there is nothing to do

    facts.ledger = session.ensure(plan.ledger)
    executor = Executor(session, facts.ledger)
    facts.done = executor.done
    executor.run(plan.steps)
    return Answer(
        Reason.SUCCEEDED, f"Applied {_count(len(executor.done))}; the database is at {facts.current}."
    )


def _nothing(plan: Plan, facts: Facts) -> Answer:
    """The answer where no file is to be applied: the target is reached, or lies behind."""
    if plan.direction is Direction.NONE:
        return Answer(Reason.UP_TO_DATE, f"Nothing to apply: the database is at {facts.current}.")
    return Answer(
        Reason.BACKWARD,
        f"The database is at {facts.current}; reaching {plan.target} means rolling back "
        f"{_count(len(plan.steps))}.",
    )


def _take_over(session: Session, request: Request, facts: Facts) -> None:
    """End the reservation of an older operation of the same resource: its rollback must not come any more."""
    meta = facts.ledger.meta if facts.ledger is not None else None
    held = meta.reservation if meta is not None else None
    if held is not None and held.shares_holder(request.operation_id):
        changes.release(session.work, session.names, session.author)


def _plan(session: Session, request: Request, comparison: Comparison, facts: Facts) -> Plan:
    wish = _goal(request, comparison)
    facts.target = wish.target
    if wish.direction is Direction.BACKWARD:
        plan = plan_backward(session, request, comparison, wish)
    else:
        plan = plan_forward(session, request, comparison, wish)
    facts.plan = plan
    return plan


def _goal(request: Request, comparison: Comparison) -> Goal:
    if request.steps is None:
        return goal(comparison, wished(request))
    if request.steps < 1:
        raise RunnerError(Reason.USAGE, f"--steps is {request.steps}; it counts from 1.")
    waiting = (*comparison.resumable, *comparison.pending)[: request.steps]
    if not waiting:
        return Goal(comparison.ledger.current)
    return goal(comparison, waiting[-1].id)


def _count(number: int) -> str:
    return "1 migration" if number == 1 else f"{number} migrations"


count = _count
