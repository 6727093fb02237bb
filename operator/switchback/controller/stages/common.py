"""Stages that both directions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.names import ANNOTATION_OLD_PROGRAM, ANNOTATION_ROLLED_BACK
from switchback.api.policies import AutomaticRollback
from switchback.api.reasons import OperatorReason
from switchback.api.status import OperationKind, Outcome, Want
from switchback.contract.words import Direction, Operation
from switchback.controller.cutovers import live
from switchback.controller.decision import MarkService
from switchback.controller.lifecycle import change, forget_plan, intend
from switchback.controller.old_programs import mark_of
from switchback.controller.restore_points import spoil
from switchback.controller.stages.consent import asks_a_person
from switchback.controller.stages.results import Do, Done, Fail, Intend, Wait
from switchback.controller.stages.snapshot import wanted_before_migrate
from switchback.controller.times import passed

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View


def admit(view: View) -> StageResult:
    """The source can be read. What appears later changes the intent, so waiting here costs nothing."""
    problem = view.world.source.problem
    if problem is None or view.spec.source is None:
        return Done()
    return Wait(Situation.RETRYING, problem.reason, problem.message, until=view.operation.deadline_time)


def inspect(view: View) -> StageResult:
    """There is a plan, where one is needed before anything runs.

    It is not when the first thing to happen is a migration that needs nobody's consent and no restore point:
    that run plans for itself and answers `Backward`, with the plan, when it would have to go back. It is
    needed after a run whose outcome nobody knows, before a person can be asked, before a restore point, and
    when somebody asked for a rollback: that must not end in going forward.
    """
    operation = view.operation
    if operation.reached or operation.plan_digest or operation.direction is Direction.NONE:
        return Done()
    needed = (
        operation.step is Operation.INSPECT
        or operation.kind is OperationKind.ROLLBACK
        or asks_a_person(view, Want.MIGRATE)
        or wanted_before_migrate(view) is not None
        or _may_have_to_undo(view)
    )
    if not needed:
        return Done()
    return Intend(intend(view, Operation.INSPECT))


def _may_have_to_undo(view: View) -> bool:
    """Whether a failed check would go back to where this operation starts, and nobody knows where that is."""
    automatic = view.spec.rollback.automatic is AutomaticRollback.TRAFFIC_AND_SCHEMA
    return automatic and view.status.schema_state is None


def reserved(view: View) -> StageResult:
    """The database is reserved for the present plan, for long enough to take a restore point."""
    operation = view.operation
    kept = operation.reserved_plan == operation.plan_digest and not passed(operation.reserved_until, view.now)
    if kept and operation.reserved_until:
        return Done()
    # Whatever was done to the database since the last reservation ran out is in no restore point of before.
    anew = change(spoil(view.status), snapshot_name="", snapshot_time="")
    return Intend(intend(view.with_status(anew), Operation.RESERVE))


def finish(view: View) -> StageResult:
    """The version that was seen is the version that was wished for: a run's word alone is not enough."""
    elsewhere = _elsewhere(view) or _remembered(view) or _marked(view)
    if elsewhere is not None:
        return elsewhere
    seen, operation = view.status.schema_state, view.operation
    if view.spec.source is None or (seen is not None and seen.current == operation.to):
        return Done()
    if operation.retries >= view.spec.execution.backoff_limit:
        found = seen.current if seen is not None else "nothing"
        message = f"a run reported success for {operation.to}, and the version it saw is {found}."
        return Fail(OperatorReason.RESULT_CONTRADICTORY, message)
    doubtful = change(forget_plan(view.status), reached=False, retries=operation.retries + 1)
    return Intend(intend(view.with_status(doubtful), Operation.INSPECT))


def _elsewhere(view: View) -> StageResult | None:
    """Why the traffic is not where this operation has left it; None when it is."""
    cutover = view.spec.cutover
    if cutover is None or view.operation.kind is not OperationKind.REACH:
        return None
    current = live(view)
    if current == cutover.active_slot:
        return None
    text = f"the Service points at {current or 'no known slot'}, not at {cutover.active_slot}."
    if current:
        return Fail(OperatorReason.SELECTOR_CHANGED, text, Outcome.ABORTED)
    again = view.glance
    return Wait(Situation.RETRYING, OperatorReason.SELECTOR_AMBIGUOUS, text, again)


def _remembered(view: View) -> Do | None:
    """Another wish was reached since a switch was undone: wished for once more, that one is a new wish."""
    service, reaches = view.service, view.operation.kind is OperationKind.REACH
    mark = service.annotations.get(ANNOTATION_ROLLED_BACK, "") if service is not None else ""
    if not mark or mark == view.intent or not reaches:
        return None
    return Do(MarkService({ANNOTATION_ROLLED_BACK: None}, "another wish was reached"))


def _marked(view: View) -> Do | None:
    """The Service knows as well whose end files of phase=contract wait for: a status can be lost."""
    state, service = view.status.traffic, view.service
    old = state.old_program if state is not None else None
    reaches = view.operation.kind is OperationKind.REACH
    if old is None or service is None or not reaches or not view.operation.contract:
        return None
    if service.annotations.get(ANNOTATION_OLD_PROGRAM) == mark_of(old):
        return None
    return Do(MarkService({ANNOTATION_OLD_PROGRAM: mark_of(old)}, "files of phase=contract wait"))
