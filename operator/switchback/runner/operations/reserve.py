"""Reserve the database for a plan: every other run answers `Reserved` until it has run or expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import clock, slots
from switchback.runner.errors import RunnerError
from switchback.runner.operations import inspect
from switchback.runner.operations.base import Answer, Facts, Request, look

if TYPE_CHECKING:
    from switchback.runner.session import Session


def run(session: Session, request: Request, facts: Facts) -> Answer:
    """Plan again, compare the digest, write id and deadline.

    Raises:
        RunnerError: `PlanMoved`, and those of planning and of the lock.
    """
    comparison = look(session, request, facts)
    plan = inspect.plan_for(session, request, comparison, facts)
    if plan.direction is Direction.NONE:
        raise RunnerError(
            Reason.PLAN_MOVED, f"There is nothing to do any more: the database is at {facts.current}."
        )
    if request.expect_plan and plan.digest != request.expect_plan:
        raise RunnerError(
            Reason.PLAN_MOVED, f"The plan is now {plan.digest}; {request.expect_plan} was expected."
        )
    slots.refuse_unfit(facts.slots, request.require_slots)
    inspect.reserve(session, request, facts, comparison, plan)
    until = facts.reserved_until
    return Answer(
        Reason.SUCCEEDED,
        f"Reserved for {request.operation_id} until {clock.stamp(until) if until else ''}.",
    )
