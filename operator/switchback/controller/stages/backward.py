"""Stages of the way back: consent, reservation, restore point, and only then the rollback."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.names import ANNOTATION_APPROVE, ANNOTATION_APPROVED_BY, snapshot_name
from switchback.api.reasons import OperatorReason
from switchback.api.spec import DataLossPolicy, RollbackPolicy
from switchback.api.status import ApprovalState, SnapshotPhase, SnapshotState, Want
from switchback.contract.words import Operation
from switchback.controller.absorb import put_snapshot, spoil_snapshot
from switchback.controller.intent import approval_token
from switchback.controller.lifecycle import change, intend
from switchback.controller.stages.results import Done, Fail, Intend, Wait
from switchback.controller.times import parse, passed, rfc3339

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View


def approve_rollback(view: View) -> StageResult:
    """The rollback is allowed, can be made safe, and whoever has to has accepted what it destroys."""
    if view.operation.reached:
        return Done()
    return _refused(view) or _consent(view)


def _refused(view: View) -> Fail | None:
    """What no approval could mend: nobody is asked to approve what could not run."""
    way = f"{view.operation.from_} → {view.operation.to}"
    if view.spec.rollback.policy is RollbackPolicy.DENY:
        return Fail(OperatorReason.ROLLBACK_DENIED, f"{way} is a rollback, and spec.rollback.policy is Deny.")
    if view.spec.snapshot is None:
        return Fail(
            OperatorReason.SNAPSHOT_REQUIRED,
            f"{way} is a rollback, and spec.snapshot is not set.",
        )
    if view.spec.snapshot.pg_dump is not None and not _client_image(view):
        major = _server_major(view)
        return Fail(
            OperatorReason.CLIENT_IMAGE_MISSING,
            f"no client image is known for PostgreSQL {major}.",
        )
    if view.operation.risks and view.spec.rollback.data_loss_policy is DataLossPolicy.DENY:
        return Fail(
            OperatorReason.DATA_LOSS_DENIED,
            f"{way} would lose data ({losses(view)}), and spec.rollback.dataLossPolicy is Deny.",
        )
    return None


def _consent(view: View) -> StageResult:
    operation, approval = view.operation, view.status.approval
    if not operation.risks or view.spec.rollback.data_loss_policy is DataLossPolicy.ALLOW:
        return Done()
    token = approval_token(operation.id, operation.plan_digest, operation.risks)
    if approval is None or approval.token != token:
        return _ask(view, token)
    if approval.approved_by:
        return Done()
    approver = _approver(view, token)
    if approver:
        return Done(_approved(view, approval, approver))
    if passed(approval.deadline_time, view.now):
        return Fail(
            OperatorReason.APPROVAL_EXPIRED,
            f"nobody approved the rollback until {approval.deadline_time}.",
            expired=True,
        )
    return _awaiting(view, approval, view.status)


def _ask(view: View, token: str) -> StageResult:
    approval = ApprovalState(
        token=token,
        wants=(Want.ROLLBACK,),
        risks=view.operation.risks,
        request_time=rfc3339(view.now),
        deadline_time=rfc3339(view.now + timedelta(seconds=view.spec.approval.timeout_seconds)),
    )
    return _awaiting(view, approval, view.status.model_copy(update={"approval": approval}))


def _awaiting(view: View, approval: ApprovalState, status: Status) -> Wait:
    operation = view.operation
    given = _given(view)
    state = view.status.schema_state
    where = f" database {state.database.name}" if state is not None and state.database is not None else ""
    message = f"The token that was given, {given[:64]}, is of another plan. " if given else ""
    message += (
        f"Rolling back{where} {operation.from_} → {operation.to} would lose: {losses(view)}. Approve with: "
        f"kubectl annotate dbm {view.world.name} {ANNOTATION_APPROVE}={approval.token}"
        f"{' --overwrite' if given else ''}"
    )
    return Wait(
        Situation.AWAITING_APPROVAL, OperatorReason.AWAITING_APPROVAL, message, approval.deadline_time, status
    )


def _given(view: View) -> str:
    """What was given as a token, by annotation or commit."""
    return view.world.annotations.get(ANNOTATION_APPROVE, "") or view.spec.approval.approved_plan


def _approver(view: View, token: str) -> str:
    """Who gave the token: by annotation, or by a commit that carries it. Empty: nobody."""
    if view.world.annotations.get(ANNOTATION_APPROVE) == token:
        return view.world.annotations.get(ANNOTATION_APPROVED_BY, "") or f"annotation {ANNOTATION_APPROVE}"
    return "spec.approval.approvedPlan" if view.spec.approval.approved_plan == token else ""


def _approved(view: View, approval: ApprovalState, approver: str) -> Status:
    """Records the consent. The operation's deadline moves by the time that people took."""
    asked, deadline = parse(approval.request_time), parse(view.operation.deadline_time)
    status = view.status.model_copy(
        update={"approval": approval.model_copy(update={"approved_by": approver[:253]})}
    )
    if asked is None or deadline is None:
        return status
    return change(status, deadline_time=rfc3339(deadline + (view.now - asked)))


def losses(view: View) -> str:
    """What the plan destroys, for people: as many names as fit a sentence."""
    names = [f"{loss} in {step.id}" for step in view.operation.steps for loss in step.losses]
    if not names:
        return ", ".join(view.operation.risks) or "nothing"
    more = len(names) - 4
    return "; ".join(names[:4]) + (f"; and {more} more" if more > 0 else "")


def reserve(view: View) -> StageResult:
    """The database is kept for this plan: no other run changes it until the rollback has ended."""
    operation = view.operation
    if operation.reached:
        return Done()
    kept = operation.reserved_plan == operation.plan_digest and not passed(operation.reserved_until, view.now)
    if kept and operation.reserved_until:
        return Done()
    # Whatever was done to the database since the last reservation ran out is in no restore point of before.
    anew = change(spoil_snapshot(view.status), snapshot_name="", snapshot_time="")
    return Intend(intend(view.with_status(anew), Operation.RESERVE))


def snapshot_before_rollback(view: View) -> StageResult:
    """There is a restore point of this very state, read back in full, or its absence was acknowledged."""
    if view.operation.reached or view.spec.snapshot is None or view.spec.snapshot.none is not None:
        return Done()
    if restore_point(view) is not None:
        return Done()
    if view.operation.snapshot_name:
        return Intend(intend(view, Operation.SNAPSHOT))
    return Intend(intend(view.with_status(_name_snapshot(view)), Operation.SNAPSHOT))


def restore_point(view: View) -> SnapshotState | None:
    """The restore point of the present plan. One that was taken for another plan does not count."""
    name = view.operation.snapshot_name
    return next(
        (
            known
            for known in view.status.snapshots
            if name and known.name == name and known.phase is SnapshotPhase.READY
        ),
        None,
    )


def _name_snapshot(view: View) -> Status:
    """The name holds the time, so the time is fixed once: every attempt works on the same restore point."""
    taken_at = rfc3339(view.now)
    name = snapshot_name(view.world.name, view.operation.id, taken_at)
    begun = SnapshotState(name=name, operation_id=view.operation.id, phase=SnapshotPhase.IN_PROGRESS)
    return put_snapshot(change(view.status, snapshot_name=name, snapshot_time=taken_at), begun)


def rollback(view: View) -> StageResult:
    """Every migration above the target is undone."""
    return Done() if view.operation.reached else Intend(intend(view, Operation.ROLLBACK))


def _server_major(view: View) -> int:
    state = view.status.schema_state
    return state.database.major if state and state.database else 0


def _client_image(view: View) -> str:
    if view.spec.snapshot is None or view.spec.snapshot.pg_dump is None:
        return ""
    images = {**view.world.client_images, **view.spec.snapshot.pg_dump.client_images}
    return images.get(str(_server_major(view)), "")
