"""Say what reaching the target would take. Read only, unless it is to reserve and nothing speaks against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import slots, undo
from switchback.runner.errors import RunnerError
from switchback.runner.goal import goal
from switchback.runner.ledger import changes, read
from switchback.runner.ledger.model import LAPTOP
from switchback.runner.operations.back import plan_backward
from switchback.runner.operations.base import Answer, Facts, Request, again, look, wished
from switchback.runner.operations.forward import plan_forward, refuse_overtaken
from switchback.runner.operations.migrate import count
from switchback.runner.operations.wishes import is_withdrawn
from switchback.runner.order import standing

if TYPE_CHECKING:
    from switchback.runner.compare import Comparison
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session


def run(session: Session, request: Request, facts: Facts) -> Answer:
    """Plan, and reserve in the same run when asked to and no risk is left unaccepted.

    Raises:
        RunnerError, SourceProblem: of planning; `PreviouslyRolledBack`, with the plan in `facts`; of the
            lock, when it reserves.
    """
    comparison = look(session, request, facts)
    plan = plan_for(session, request, comparison, facts)
    if plan.direction is Direction.FORWARD:
        is_withdrawn(session, plan.ledger, request)
    if (
        plan.direction is Direction.BACKWARD
        and request.reserve_unless_risky
        and not open_risks(request, plan)
        and not slots.unfit(facts.slots, request.require_slots)
    ):
        reserve(session, request, facts, comparison, plan)
    _count_own(session, request, facts)
    word = {
        Direction.NONE: f"The database is at {facts.current}, as wished.",
        Direction.FORWARD: f"Reaching {plan.target} means applying {count(len(plan.steps))}.",
        Direction.BACKWARD: f"Reaching {plan.target} means rolling back {count(len(plan.steps))}.",
    }[plan.direction]
    return Answer(Reason.SUCCEEDED, f"{word}{plan.waits}")


def plan_for(session: Session, request: Request, comparison: Comparison, facts: Facts) -> Plan:
    """The plan in either direction, checked from end to end.

    Raises:
        SourceProblem: a file that would run is wrong inside.
        RunnerError: of planning in either direction.
    """
    wish = goal(comparison, wished(request), request.policy)
    facts.target = wish.target
    if wish.direction is Direction.BACKWARD:
        plan = plan_backward(session, request, comparison, wish)
    else:
        plan = plan_forward(session, request, comparison, wish)
        refuse_overtaken(session, comparison, plan)
    facts.plan = plan
    facts.slots = slots.judge(comparison, plan, request.slots)
    undo.refuse_other(session, request.undo, plan)
    return plan


def _count_own(session: Session, request: Request, facts: Facts) -> None:
    """Look up what the operation has applied already: nobody else knows it of a run that could not answer."""
    ledger = facts.ledger
    if ledger is None or ledger.meta is None or request.operation_id.startswith(f"{LAPTOP}-"):
        return
    own = read.applied_by(session.work, session.names, request.operation_id)
    if own:
        facts.by_operation = sum(not ledger.by_id[one].is_partial for one in own if one in ledger.by_id)
        facts.begun_at = standing([one for one in facts.applied if one not in own], facts.source)


def open_risks(request: Request, plan: Plan) -> list[str]:
    """Risks of the plan that nobody has accepted."""
    return [risk for risk in plan.risks if risk not in request.accept]


def reserve(session: Session, request: Request, facts: Facts, comparison: Comparison, plan: Plan) -> None:
    """Take the lock shortly, make sure that the plan still holds, write the reservation.

    Raises:
        RunnerError: `LockTimeout`, `OrphanRunning`, `Reserved`, `PlanMoved`.
    """
    changed = again(session, request, facts, comparison.source)
    if changed is not None:
        digest = plan.digest
        plan = plan_for(session, request, changed, facts)
        if plan.digest != digest:
            raise RunnerError(
                Reason.PLAN_MOVED, "Another run has changed the ledger since the plan was made."
            )
    assert facts.ledger is not None  # noqa: S101 - `look` has read it
    facts.ledger = session.ensure(facts.ledger)
    facts.reserved_until, facts.marker = changes.reserve(
        session.work,
        session.names,
        session.author,
        plan=plan.digest,
        seconds=request.reserve_seconds,
        revision=facts.ledger.revision,
    )
    session.unlock()
