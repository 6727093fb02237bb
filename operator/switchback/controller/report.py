"""From what is known to what is shown: the conditions of a status, worked out anew on every look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.conditions import ConditionType, Detail, Situation, conditions_for
from switchback.api.names import ANNOTATION_APPROVE
from switchback.api.reasons import OperatorReason, advised
from switchback.api.status import ConditionStatus, OperationKind, Outcome, SnapshotPhase
from switchback.contract.words import Direction, Operation
from switchback.controller.report_traffic import moved_by_others, moving_words, traffic_details
from switchback.controller.restore_points import ready, under_way
from switchback.controller.stages.consent import no_approval_counts

if TYPE_CHECKING:
    from switchback.api.status import ApprovalState, HistoryEntry, OperationState, SnapshotState, Status
    from switchback.controller.observed import Observed
    from switchback.controller.view import View

_STEPS: dict[Operation, tuple[OperatorReason, str]] = {
    Operation.INSPECT: (OperatorReason.INSPECTING, "Reading the ledger and working out the plan."),
    Operation.MIGRATE: (OperatorReason.MIGRATING, "Reading the ledger; applying what is pending."),
    Operation.RESERVE: (OperatorReason.RESERVING, "Reserving the database for the plan."),
    Operation.SNAPSHOT: (OperatorReason.TAKING_SNAPSHOT, "Taking and verifying the restore point."),
    Operation.ROLLBACK: (OperatorReason.ROLLING_BACK, "Undoing migrations."),
    Operation.RELEASE: (OperatorReason.RELEASING, "Giving the reservation back."),
    Operation.FENCE: (OperatorReason.FENCING, "Keeping writers out."),
    Operation.UNFENCE: (OperatorReason.UNFENCING, "Letting writers in again."),
    Operation.CHECK: (OperatorReason.CHECKING, "Running checks of spec.checks."),
    Operation.DRAIN: (OperatorReason.DRAINING, "Waiting until no session of the old slot is left."),
    Operation.PRUNE: (OperatorReason.PRUNING, "Looking whether older restore points may go."),
}

_FAILED = {Situation.FAILED, Situation.ROLLED_BACK, Situation.RETRYING, Situation.WAITING_FOR_DATABASE}


def report(world: Observed, status: Status, situation: Situation, reason: str, message: str) -> Status:
    """`status` with the conditions of a situation, for the generation that was looked at."""
    if situation in _FAILED:
        message = advised(reason, message)
    conditions = conditions_for(
        situation,
        reason,
        message,
        generation=world.generation,
        now=world.now,
        previous=status.conditions,
        details=_details(world, status, situation, reason, message),
    )
    return status.model_copy(update={"conditions": conditions, "observed_generation": world.generation})


def working(view: View) -> Status:
    """The status while the operation goes on: which step, from where to where."""
    operation = view.operation
    reason, message = _STEPS[operation.step or Operation.MIGRATE]
    moving = moving_words(view) if not operation.job_name else None
    if moving is not None:
        reason, message = moving
    elif operation.step is None and view.spec.source is None:
        reason, message = OperatorReason.PROGRESSING, "Looking where the traffic goes."
    if operation.abort:
        reason, message = OperatorReason.ABORTING, f"Ending on request {operation.abort}: {message}"
    elif view.wants_new:
        message += " The spec asks for something else by now: that begins when this Job has ended."
    elif operation.direction is Direction.BACKWARD:
        message += f" {operation.from_} → {operation.to}"
    backward = operation.direction is Direction.BACKWARD and operation.step is not Operation.INSPECT
    situation = Situation.ROLLING_BACK if backward else Situation.WORKING
    return report(view.world, view.status, situation, reason, message)


def suspended(view: View) -> Status:
    """The status while spec.suspend keeps anything new from starting."""
    outcome = view.outcome
    reached = outcome is not None and outcome.outcome is Outcome.SUCCEEDED and not view.superseded
    situation = Situation.SUSPENDED_REACHED if reached else Situation.SUSPENDED
    message = "spec.suspend is true: nothing new starts until it is false."
    return report(view.world, view.status, situation, OperatorReason.SUSPENDED, message)


def after_the_end(view: View) -> Status:
    """The status while a Job of an operation that is over still runs. It says nothing of a newer wish."""
    if not view.wants_new:
        return at_rest(view)
    return suspended(view) if view.spec.suspend else working(view)


def at_rest(view: View) -> Status:
    """The status once the operation is over, well or not."""
    outcome = view.outcome
    if outcome is None:
        raise LookupError("the operation is not over")
    succeeded = outcome.outcome is Outcome.SUCCEEDED
    if succeeded and view.spec.suspend:
        message = "spec.suspend is true; the schema is where it was wished to be."
        return report(view.world, view.status, Situation.SUSPENDED_REACHED, OperatorReason.SUSPENDED, message)
    moved = moved_by_others(view) if succeeded else ""
    if moved:
        return report(view.world, view.status, Situation.FAILED, OperatorReason.SELECTOR_CHANGED, moved)
    situation = Situation.DONE if succeeded else Situation.FAILED
    if outcome.outcome is Outcome.ROLLED_BACK:
        situation = Situation.ROLLED_BACK
    return report(view.world, view.status, situation, outcome.reason, outcome.message)


def _details(
    world: Observed, status: Status, situation: Situation, reason: str, message: str
) -> list[Detail]:
    """SchemaReady always; Approved and SnapshotReady while the operation at hand is a way back."""
    operation = status.operation
    details = []
    if world.spec is None or world.spec.source is not None:
        details.append(_schema_ready(status, situation, reason, message))
    details += traffic_details(world, status, situation)
    if operation is None:
        return details
    outcome = _outcome(status)
    gone_back = outcome is not None and outcome.outcome is Outcome.ROLLED_BACK
    if operation.kind is OperationKind.ROLLBACK or gone_back:
        details.append(_rolled_back(status, operation))
    if status.approval is not None:
        details.append(_approved(world, status, status.approval))
    if operation.direction is not Direction.BACKWARD and not operation.snapshot_name:
        return details
    if status.approval is None and operation.reserved_plan:
        text = "The plan has no risk that the policies want a person to see."
        details.append(_detail(ConditionType.APPROVED, OperatorReason.APPROVAL_NOT_REQUIRED, text, yes=True))
    point = next((known for known in status.snapshots if known.name == operation.snapshot_name), None)
    if point is not None:
        details.append(_snapshot_ready(point, operation, situation, reason, message))
    elif operation.direction is Direction.BACKWARD and _waives(world):
        text = "spec.snapshot.none was acknowledged: there is no restore point."
        details.append(_detail(ConditionType.SNAPSHOT_READY, OperatorReason.SNAPSHOT_WAIVED, text, yes=False))
    return details


def _waives(world: Observed) -> bool:
    spec = world.spec
    return spec is not None and spec.snapshot is not None and spec.snapshot.none is not None


def _detail(kind: ConditionType, reason: str, text: str, *, yes: bool) -> Detail:
    return Detail(kind, ConditionStatus.TRUE if yes else ConditionStatus.FALSE, reason, text)


def _schema_ready(status: Status, situation: Situation, reason: str, message: str) -> Detail:
    outcome = _outcome(status)
    state = status.schema_state
    if state is not None and (_reached(status) or (outcome and outcome.outcome is Outcome.SUCCEEDED)):
        text = f"The schema is at {state.current}."
        return Detail(ConditionType.SCHEMA_READY, ConditionStatus.TRUE, OperatorReason.TARGET_REACHED, text)
    if situation in _FAILED:
        return Detail(ConditionType.SCHEMA_READY, ConditionStatus.FALSE, reason, message)
    known = state is not None and bool(state.current)
    text = f"The schema is at {state.current}." if state is not None and known else "Not known yet."
    answer = ConditionStatus.FALSE if known else ConditionStatus.UNKNOWN
    return Detail(ConditionType.SCHEMA_READY, answer, OperatorReason.TARGET_NOT_REACHED, text)


def _reached(status: Status) -> bool:
    """Whether a run has seen the schema where it is wished to be, whatever the traffic does."""
    operation, state = status.operation, status.schema_state
    if operation is None or state is None or operation.kind is not OperationKind.REACH:
        return False
    return operation.reached and bool(state.current) and state.current == operation.to


def _rolled_back(status: Status, operation: OperationState) -> Detail:
    kind, outcome = ConditionType.ROLLED_BACK, _outcome(status)
    if outcome is not None and outcome.outcome is Outcome.ROLLED_BACK:
        return _detail(kind, OperatorReason.ROLLED_BACK, outcome.message, yes=True)
    who = "Failed checks ask" if operation.automatic else "Somebody asked"
    text = f"{who} to roll back to {operation.target}."
    return _detail(kind, OperatorReason.ROLLING_BACK, text, yes=False)


def _approved(world: Observed, status: Status, approval: ApprovalState) -> Detail:
    kind, token = ConditionType.APPROVED, approval.token
    if approval.approved_by:
        text = f"Token {token} was given by {approval.approved_by}."
        return _detail(kind, OperatorReason.APPROVED, text, yes=True)
    outcome = _outcome(status)
    if outcome is not None and outcome.outcome in {Outcome.EXPIRED, Outcome.REJECTED}:
        return _detail(kind, outcome.reason, outcome.message, yes=False)
    if hindrance := no_approval_counts(world):
        return _detail(kind, OperatorReason.APPROVAL_POLICY_MISSING, hindrance, yes=False)
    in_spec = world.spec.approval.approved_plan if world.spec is not None else ""
    given = world.annotations.get(ANNOTATION_APPROVE, "") or in_spec
    if given and given != token:
        text = f"The token that was given, {given[:64]}, is of another plan; this one's is {token}."
        return _detail(kind, OperatorReason.TOKEN_MISMATCH, text, yes=False)
    return _detail(kind, OperatorReason.AWAITING_APPROVAL, f"Waiting for token {token}.", yes=False)


def _snapshot_ready(
    point: SnapshotState, operation: OperationState, situation: Situation, reason: str, message: str
) -> Detail:
    kind = ConditionType.SNAPSHOT_READY
    match point.phase:
        case SnapshotPhase.READY:
            return Detail(kind, ConditionStatus.TRUE, OperatorReason.SNAPSHOT_VERIFIED, ready(point))
        case SnapshotPhase.FAILED if operation.snapshot_waived:
            text = f"The operation goes on without a restore point: {operation.snapshot_waived}."
            return Detail(kind, ConditionStatus.FALSE, OperatorReason.SNAPSHOT_CONTINUED_WITHOUT, text)
        case SnapshotPhase.FAILED:
            return Detail(kind, ConditionStatus.FALSE, reason, message)
        case SnapshotPhase.IN_PROGRESS:
            if situation in _FAILED and operation.step is Operation.SNAPSHOT:
                return Detail(kind, ConditionStatus.FALSE, reason, message)
            return Detail(kind, ConditionStatus.FALSE, OperatorReason.TAKING_SNAPSHOT, under_way(point))


def _outcome(status: Status) -> HistoryEntry | None:
    if status.operation is None or not status.history:
        return None
    newest = status.history[-1]
    return newest if newest.operation_id == status.operation.id else None
