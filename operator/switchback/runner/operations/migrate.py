"""Apply what is pending, up to a target."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.migrations.errors import SourceProblem
from switchback.runner import slots
from switchback.runner.errors import RunnerError
from switchback.runner.goal import Goal, goal
from switchback.runner.ledger import changes, intents
from switchback.runner.ledger.model import LAPTOP
from switchback.runner.operations.base import Answer, Facts, Request, again, count_since, look, wished
from switchback.runner.operations.forward import plan_forward, refuse_overtaken
from switchback.runner.operations.wishes import is_withdrawn

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
    withdrawn = _is_withdrawn(session, plan, request)
    if not _writes(plan, withdrawn=withdrawn):
        return _nothing(plan, request, facts)
    if request.dry_run:
        return _would(plan, request, facts)
    changed = again(session, request, facts, comparison.source)
    if changed is not None:
        plan = _plan(session, request, changed, facts)
        withdrawn = _is_withdrawn(session, plan, request)
        if not _writes(plan, withdrawn=withdrawn):
            return _nothing(plan, request, facts)
    if plan.direction is Direction.FORWARD:
        count_since(session, request, facts)
        _take_over(session, request, facts)
    facts.ledger = session.ensure(plan.ledger)
    reinstate = intents.reinstate(session.names, session.author) if withdrawn else ""
    if plan.direction is Direction.NONE:
        if withdrawn:
            changes.note(session.work, session.names, session.author, intents.REINSTATED)
        return _nothing(plan, request, facts)
    from switchback.runner.execute import Executor  # noqa: PLC0415 - not needed when there is nothing to do

    executor = Executor(session, facts.ledger, comparison.source, reinstate)
    facts.done = executor.done
    executor.run(plan.steps)
    applied = f"Applied {_count(len(executor.done))}; the database is at {facts.current}."
    return Answer(Reason.SUCCEEDED, f"{_adopted(plan)}{applied}{plan.waits}")


def _is_withdrawn(session: Session, plan: Plan, request: Request) -> bool:
    """Whether the intent was withdrawn. That holds nobody up who has nothing to apply."""
    if plan.direction is Direction.FORWARD or (plan.direction is Direction.NONE and request.allow_withdrawn):
        return is_withdrawn(session, plan.ledger, request)
    return False


def _refuse_moved(request: Request, plan: Plan) -> None:
    """What somebody has approved is what runs. Where nothing is left to do there is nothing to approve."""
    if request.expect_plan and plan.direction is not Direction.NONE and plan.digest != request.expect_plan:
        raise RunnerError(
            Reason.PLAN_MOVED, f"The plan is now {plan.digest}; {request.expect_plan} was expected."
        )


def _writes(plan: Plan, *, withdrawn: bool) -> bool:
    """Whether the run has to write: files, another tool's history, or that an intent counts again."""
    if plan.direction is Direction.BACKWARD:
        return False
    return plan.direction is Direction.FORWARD or plan.ledger.adoption is not None or withdrawn


def _adopted(plan: Plan) -> str:
    """A sentence about the history that was taken over, with a blank behind it; else nothing."""
    adoption = plan.ledger.adoption
    if adoption is None:
        return ""
    return f"Took over {_count(len(adoption.history.applied))} of {adoption.text}. "


def _would(plan: Plan, request: Request, facts: Facts) -> Answer:
    adopt = "" if plan.ledger.adoption is None else f"take over the history of {plan.ledger.adoption.text}"
    apply = f"apply {_count(len(plan.steps))}" if plan.steps else ""
    what = " and ".join(filter(None, (adopt, apply)))
    if not what:
        return _nothing(plan, request, facts)
    return Answer(Reason.SUCCEEDED, f"Would {what}; nothing was changed.{plan.waits}")


def _nothing(plan: Plan, request: Request, facts: Facts) -> Answer:
    """The answer where no file is to be applied: the target is reached, or lies behind.

    Raises:
        RunnerError: `Backward`: it lies behind, and a person has asked, who has to ask for something else.
    """
    if plan.direction is Direction.NONE:
        reason = Reason.UP_TO_DATE if plan.ledger.adoption is None else Reason.SUCCEEDED
        return Answer(
            reason, f"{_adopted(plan)}Nothing to apply: the database is at {facts.current}.{plan.waits}"
        )
    if _is_by_a_person(request):
        raise _behind(facts.current, plan.target, len(plan.steps))
    return Answer(Reason.BACKWARD, _behind(facts.current, plan.target, len(plan.steps)).message)


def _is_by_a_person(request: Request) -> bool:
    """At a command line. A Job asks to be told what rolling back would mean, and its operator goes on."""
    return request.operation_id.startswith(f"{LAPTOP}-")


def _behind(
    current: str, target: str, number: int, why: RunnerError | SourceProblem | None = None
) -> RunnerError:
    """That reaching the target means rolling back; `why`: what stands in the way of that."""
    name = shlex.quote(target)
    message = f"The database is at {current}; reaching {target} means rolling back {_count(number)}."
    look, go = f"switchback plan --target {name}", f"switchback rollback --target {name}"
    advice = f"Nothing was changed. What it would mean: {look}. To do it: {go}"
    if why is None:
        return RunnerError(Reason.BACKWARD, message, advice)
    said = why.message.removeprefix("Nothing was rolled back: ")
    return RunnerError(
        Reason.BACKWARD, f"{message} That cannot be done as it is: {said}", f"{why.advice} {advice}"
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
        from switchback.runner.operations.back import plan_backward  # noqa: PLC0415 - rarely needed

        try:
            plan = plan_backward(session, request, comparison, wish)
        except (RunnerError, SourceProblem) as error:
            if not _is_by_a_person(request):
                raise
            raise _behind(comparison.current, wish.target, len(wish.beyond), error) from None
    else:
        plan = plan_forward(session, request, comparison, wish)
        refuse_overtaken(session, comparison, plan)
    facts.plan = plan
    facts.slots = slots.judge(comparison, plan, request.slots)
    _refuse_moved(request, plan)
    if plan.direction is not Direction.BACKWARD:  # nothing is changed then
        slots.refuse_unfit(facts.slots, request.require_slots)
    return plan


def _goal(request: Request, comparison: Comparison) -> Goal:
    if request.steps is None:
        return goal(comparison, wished(request), request.policy)
    if request.steps < 1:
        raise RunnerError(Reason.USAGE, f"--steps is {request.steps}; it counts from 1.")
    waiting = (*comparison.resumable, *comparison.pending)[: request.steps]
    if not waiting:
        return Goal(comparison.current)
    return goal(comparison, waiting[-1].id, request.policy)


def _count(number: int) -> str:
    return "1 migration" if number == 1 else f"{number} migrations"


count = _count
