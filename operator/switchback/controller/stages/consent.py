"""A person's yes: asked for with a token, given by annotation or by commit, bound to what was shown.

The token is a hash over operation, plan and risks, so a yes to another plan is none. That whoever gave it was
allowed to is the business of an admission policy; while that is not in force, no yes counts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.names import (
    ANNOTATION_APPROVE,
    ANNOTATION_APPROVED_BY,
    ANNOTATION_REJECTED_BY,
    LABEL_REQUIRE_APPROVAL,
)
from switchback.api.policies import ApprovalPolicy
from switchback.api.reasons import OperatorReason, advised
from switchback.api.status import ApprovalState, Outcome, Want
from switchback.controller.intent import approval_token
from switchback.controller.lifecycle import change
from switchback.controller.observed import PolicyState
from switchback.controller.requests import given, handled
from switchback.controller.stages.results import Done, Fail, Wait
from switchback.controller.times import parse, passed, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.api.spec import Spec
    from switchback.api.status import Status
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

_SEPARATORS = str.maketrans("._", "  ")


def asks_a_person(view: View, want: Want) -> bool:
    """Whether the spec, or the namespace for everybody in it, wants a person to see such a plan."""
    return wants_a_person(view.spec, view.world.around.labels, want)


def wants_a_person(spec: Spec, labels: Mapping[str, str], want: Want) -> bool:
    """The same, from the spec and the labels of its namespace."""
    approval = spec.approval
    policy = {Want.MIGRATE: approval.migrate_policy, Want.ROLLBACK: approval.rollback_policy}[want]
    label = labels.get(LABEL_REQUIRE_APPROVAL, "")
    return policy is ApprovalPolicy.MANUAL or want.lower() in label.lower().translate(_SEPARATORS).split()


def consent(view: View, want: Want, what: str) -> StageResult:
    """Whether a person has said yes to the plan of this operation.

    Args:
        view: the world; the operation has a plan.
        want: what the yes would allow.
        what: the plan and its losses, as a sentence.
    """
    operation, approval = view.operation, view.status.approval
    token = approval_token(operation.id, operation.plan_digest, operation.risks)
    if approval is None or approval.token != token:
        approval = ApprovalState(
            token=token,
            wants=(want,),
            risks=operation.risks,
            request_time=rfc3339(view.now),
            deadline_time=rfc3339(view.now + timedelta(seconds=view.spec.approval.timeout_seconds)),
        )
        return _awaiting(
            view.with_status(view.status.model_copy(update={"approval": approval})), approval, what
        )
    if approval.approved_by:
        return Done()
    if given(view, "reject") == token:
        return _rejected(view)
    approver = _approver(view, token)
    if approver and view.world.approval_policy is not PolicyState.MISSING:
        return Done(_approved(view, approval, approver))
    if passed(approval.deadline_time, view.now):
        message = f"nobody approved the {want.lower()} until {approval.deadline_time}."
        return Fail(OperatorReason.APPROVAL_EXPIRED, message, Outcome.EXPIRED)
    return _awaiting(view, approval, what)


def way(view: View) -> str:
    """From where to where the operation goes."""
    return f"{view.operation.from_} → {view.operation.to}"


def database(view: View) -> str:
    """Which database, as part of a sentence; empty while it is not known."""
    state = view.status.schema_state
    return f" database {state.database.name}" if state is not None and state.database is not None else ""


def _awaiting(view: View, approval: ApprovalState, what: str) -> Wait:
    situation, reason = Situation.AWAITING_APPROVAL, OperatorReason.AWAITING_APPROVAL
    if view.world.approval_policy is PolicyState.MISSING:
        text = advised(OperatorReason.APPROVAL_POLICY_MISSING, f"{what} No approval counts")
        return Wait(situation, reason, text, approval.deadline_time, view.status)
    token = given(view, "approve") or view.spec.approval.approved_plan
    message = f"The token that was given, {token[:64]}, is of another plan. " if token else ""
    message += f"{what} Approve with: kubectl switchback approve {view.world.name} -n {view.world.namespace}"
    return Wait(situation, reason, message, approval.deadline_time, view.status)


def _approver(view: View, token: str) -> str:
    """Who gave the token: by annotation, or by a commit that carries it. Empty: nobody."""
    if given(view, "approve") == token:
        return view.world.annotations.get(ANNOTATION_APPROVED_BY, "") or f"annotation {ANNOTATION_APPROVE}"
    return "spec.approval.approvedPlan" if view.spec.approval.approved_plan == token else ""


def _approved(view: View, approval: ApprovalState, approver: str) -> Status:
    """Records the consent. The operation's deadline moves by the time that people took."""
    asked, deadline = parse(approval.request_time), parse(view.operation.deadline_time)
    status = view.status.model_copy(
        update={"approval": approval.model_copy(update={"approved_by": approver[:253]})}
    )
    status = handled(status, approve=approval.token)
    if asked is None or deadline is None:
        return status
    return change(status, deadline_time=rfc3339(deadline + (view.now - asked)))


def _rejected(view: View) -> Fail:
    who = view.world.annotations.get(ANNOTATION_REJECTED_BY, "")[:200]
    by = f" by {who}" if who else ""
    return Fail(OperatorReason.APPROVAL_REJECTED, f"the plan {way(view)} was rejected{by}.", Outcome.REJECTED)
