"""Roll back to a target: the plan as it was seen, the risks as they were accepted, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import clock, slots, undo
from switchback.runner.errors import RunnerError
from switchback.runner.goal import Goal, goal
from switchback.runner.ledger import changes, intents
from switchback.runner.operations.back import plan_backward, with_losses
from switchback.runner.operations.base import Answer, Facts, Request, again, count_since, look
from switchback.runner.operations.forward import refuse_first_contact
from switchback.runner.operations.migrate import count
from switchback.runner.order import standing
from switchback.runner.plan import ROLL_BACK, Plan, deeds, done, flags, listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.contract.words import Risk
    from switchback.runner.compare import Comparison
    from switchback.runner.session import Session


def run(
    session: Session,
    request: Request,
    facts: Facts,
    confirm: Callable[[Plan], frozenset[Risk]] | None = None,
    before: Callable[[], None] | None = None,
) -> Answer:
    """Roll back in reverse order of application.

    Args:
        session: of this run.
        request: what is asked.
        facts: filled on the way.
        confirm: asked with the plan before anything runs; gives the accepted risks, or raises to stop.
            Without it somebody has answered elsewhere, and no protection of the database stands in the way.
        before: done under the lock right before the first statement, and may take its time: a restore point.

    Raises:
        RunnerError, SourceProblem, Stopped: see the parts.
    """
    comparison = look(session, request, facts)
    plan = _plan(session, request, comparison, facts)
    if plan.direction is Direction.NONE and (request.withdraw_intent or not request.own_reservation):
        return _nothing(session, request, facts, comparison)
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would {deeds(plan.steps, ROLL_BACK)}; nothing was changed.")
    _refuse_unreserved(request, facts)
    _refuse_moved(request, plan)
    accepted = request.accept if confirm is None else confirm(plan)
    refuse_risks(request, plan, accepted)
    changed = again(session, request, facts, comparison.source)
    shown, plan = plan, _still(session, request, facts, plan, changed)
    if confirm is not None:
        _refuse_newly_protected(shown, plan)
    refuse_risks(request, plan, accepted)
    _refuse_unseen(shown, plan, request.accept)
    if before is not None:
        before()
        plan = facts.plan = with_losses(session, plan)  # rows may have come in meanwhile
        refuse_risks(request, plan, accepted)
        _refuse_unseen(shown, plan, request.accept)
    return _run(session, request, facts, plan)


def _nothing(session: Session, request: Request, facts: Facts, comparison: Comparison) -> Answer:
    """Nothing has to be rolled back. That a person does not wish the newer version any more is kept."""
    answer = Answer(Reason.UP_TO_DATE, f"Nothing to roll back: the database is at {facts.current}.")
    if not request.withdraw_intent or request.dry_run:
        return answer
    refuse_first_contact(session, request, comparison)
    changed = again(session, request, facts, comparison.source)
    if changed is not None and _plan(session, request, changed, facts).direction is not Direction.NONE:
        raise RunnerError(Reason.PLAN_MOVED, "Another run has changed the ledger since the plan was made.")
    assert facts.ledger is not None  # noqa: S101 - `look` has read it
    facts.ledger = session.ensure(facts.ledger)
    changes.note(session.work, session.names, session.author, intents.WITHDRAWN, details=facts.target)
    _clear(session, request, facts)
    return answer


def _still(session: Session, request: Request, facts: Facts, plan: Plan, changed: Comparison | None) -> Plan:
    """The same plan under the lock, with its losses as they are now: rows may have come in while it waited.

    Raises:
        RunnerError: `PlanMoved`, `ReservationLost`.
    """
    if changed is None:
        facts.plan = with_losses(session, plan)
        return facts.plan
    _refuse_unreserved(request, facts)
    now = _plan(session, request, changed, facts)
    if now.digest != plan.digest:
        raise RunnerError(Reason.PLAN_MOVED, "Another run has changed the ledger since the plan was made.")
    return now


def _run(session: Session, request: Request, facts: Facts, plan: Plan) -> Answer:
    from switchback.runner.execute import Executor  # noqa: PLC0415 - not needed when there is nothing to do

    assert facts.ledger is not None  # noqa: S101 - `look` has read it
    assert facts.source is not None  # noqa: S101 - same
    count_since(session, request, facts)
    facts.ledger = session.ensure(facts.ledger)
    withdraw = ""
    if request.withdraw_intent:
        withdraw = intents.withdraw(session.names, session.author, plan.target)
    executor = Executor(session, facts.ledger, facts.source, withdraw)
    facts.done = executor.done
    try:
        if request.own_reservation:
            _renew(session, request, facts, plan)
        executor.run(plan.steps)
    except RunnerError as error:
        if error.reason is not Reason.OUTCOME_UNKNOWN:
            _clear(session, request, facts)
        raise
    except BaseException:
        _clear(session, request, facts)
        raise
    _clear(session, request, facts)
    return Answer(Reason.SUCCEEDED, f"{done(plan.steps)}; the database is at {facts.current}.")


def _renew(session: Session, request: Request, facts: Facts, plan: Plan) -> None:
    """Give the reservation its full life again: nobody may come in between while this runs."""
    assert facts.ledger is not None  # noqa: S101 - `look` has read it
    facts.reserved_until, _ = changes.reserve(
        session.work,
        session.names,
        session.author,
        plan=plan.digest,
        seconds=request.reserve_seconds,
        revision=facts.ledger.revision,
    )


def _clear(session: Session, request: Request, facts: Facts) -> None:
    """End the reservation with the run. Best effort: when the connection is gone it expires."""
    if not request.own_reservation:
        return
    facts.reserved_until = None
    try:
        changes.release(session.work, session.names, session.author)
    except Exception:  # noqa: BLE001 - whatever keeps it from being cleared now, its deadline does not
        session.reporter.warn("The reservation could not be cleared; it ends by itself.")


def _plan(session: Session, request: Request, comparison: Comparison, facts: Facts) -> Plan:
    wish = _goal(request, comparison)
    if wish.ahead and request.withdraw_intent:  # older already than somebody wished to go back to
        wish = Goal(comparison.current)
    facts.target = wish.target
    if wish.ahead:
        raise RunnerError(
            Reason.USAGE if not request.own_reservation else Reason.PLAN_MOVED,
            f"{wish.target} lies ahead of {comparison.current}: nothing has to be rolled back.",
            "Use migrate to go forward.",
        )
    plan = facts.plan = plan_backward(session, request, comparison, wish)
    facts.slots = slots.judge(comparison, plan, request.slots)
    undo.refuse_other(session, request.undo, plan)
    slots.refuse_unfit(facts.slots, request.require_slots)
    return plan


def _goal(request: Request, comparison: Comparison) -> Goal:
    rows = comparison.ledger.rows
    if request.target is not None:
        return goal(comparison, request.target, request.policy)
    steps = 1 if request.steps is None else request.steps
    if steps < 1:
        raise RunnerError(Reason.USAGE, f"--steps is {steps}; it counts from 1.")
    if steps > len(rows) and request.steps is not None and not (request.force or request.every):
        raise RunnerError(
            Reason.TOO_FEW_APPLIED,
            f"{count(len(rows))} {'is' if len(rows) == 1 else 'are'} applied; {steps} should be rolled back.",
            file=None,
        )
    keep = rows[: max(0, len(rows) - steps)]
    return Goal(standing([row.id for row in keep], comparison.source), (), rows[len(keep) :])


def _refuse_unreserved(request: Request, facts: Facts) -> None:
    if not request.own_reservation:
        return
    meta = facts.ledger.meta if facts.ledger is not None else None
    held = meta.reservation if meta is not None else None
    if held is None or held.operation_id != request.operation_id or not held.live:
        who = "nobody holds one" if held is None else f"{held.operation_id} holds it"
        if held is not None and held.operation_id == request.operation_id:
            who = f"it ended at {clock.stamp(held.until)}"
        raise RunnerError(
            Reason.RESERVATION_LOST,
            f"Operation {request.operation_id} has no reservation of this database: {who}.",
        )


def _refuse_newly_protected(shown: Plan, plan: Plan) -> None:
    if plan.ledger.is_protected and not shown.ledger.is_protected:
        name = plan.ledger.identity.database.name
        raise RunnerError(
            Reason.DATABASE_PROTECTED,
            f"Database {name} was protected since the plan was made: nothing was rolled back.",
        )


def _refuse_moved(request: Request, plan: Plan) -> None:
    if request.expect_plan and plan.digest != request.expect_plan:
        raise RunnerError(
            Reason.PLAN_MOVED,
            f"The plan is now {plan.digest}; {request.expect_plan} was expected.",
        )


def refuse_risks(request: Request, plan: Plan, accepted: frozenset[Risk]) -> None:
    """Stop before a loss that nobody has accepted. Who has reserved is a resource, where approvals accept.

    Raises:
        RunnerError: `DataLossRefused`, naming risks and migrations.
    """
    open_risks = [risk for risk in plan.risks if risk not in accepted]
    if not open_risks:
        return
    concerned = [step.id for step in plan.steps if step.severity.needs_consent]
    raise RunnerError(
        Reason.DATA_LOSS_REFUSED,
        f"Rolling back {listed(concerned or [step.id for step in plan.steps])} risks "
        f"{', '.join(open_risks)}, which nobody has accepted.",
        None
        if request.own_reservation
        else f"Look at the losses, then accept them with {flags(open_risks)}, or leave it.",
    )


def _refuse_unseen(shown: Plan, plan: Plan, accepted: frozenset[Risk]) -> None:
    """Stop before a loss that came after the plan was shown: a yes to one table is none to another.

    Args:
        shown: what somebody said yes to.
        plan: what would run.
        accepted: risks that were accepted whatever they concern.

    Raises:
        RunnerError: `DataLossRefused`, naming the objects.
    """
    known = {(step.id, *consent) for step in shown.steps for consent in step.consents}
    unseen = {
        what
        for step in plan.steps
        for risk, what in step.consents
        if risk not in accepted and (step.id, risk, what) not in known
    }
    if unseen:
        raise RunnerError(
            Reason.DATA_LOSS_REFUSED,
            f"Since the plan was made, {listed(sorted(unseen))} would be lost as well.",
        )
