"""A person's yes: asked for with a token, given by annotation or by commit, bound to what was shown.

The token is a hash over operation, plan and risks, so a yes to another plan is none. That whoever gave it was
allowed to is the business of an admission policy; while that is not in force, no yes counts, and none that
was written then counts later: the token is bound to the policy as well.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from switchback.api.conditions import Situation
from switchback.api.names import (
    ANNOTATION_APPROVE,
    ANNOTATION_APPROVED_BY,
    ANNOTATION_REJECTED_BY,
    LABEL_REQUIRE_APPROVAL,
)
from switchback.api.policies import ApprovalPolicy
from switchback.api.reasons import OperatorReason, advised
from switchback.api.status import ApprovalState, CutoverPhase, Outcome, Want
from switchback.controller.cutovers import halted, live, moves, own, seen_slot
from switchback.controller.intent import approval_token
from switchback.controller.lifecycle import change
from switchback.controller.observed import PolicyState
from switchback.controller.requests import given, handled
from switchback.controller.stages.results import Done, Fail, Intend, Wait
from switchback.controller.times import parse, passed, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.api.spec import Spec
    from switchback.api.status import Status
    from switchback.controller.observed import Observed
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

_SEPARATORS = str.maketrans("._-", "   ")
_WORDS = {"migrate", "rollback", "cutover"}
_BEFORE = {CutoverPhase.PREPARING, CutoverPhase.SWITCHING, CutoverPhase.CANCELLED}
"""While the traffic is where it was, so that another plan is another question."""
_COUNTS = {PolicyState.PRESENT, PolicyState.NOT_REQUIRED}


def asks_a_person(view: View, want: Want) -> bool:
    """Whether the spec, or the namespace for everybody in it, wants a person to see such a plan."""
    return wants_a_person(view.spec, view.world.around.labels, want)


def wants_a_person(spec: Spec, labels: Mapping[str, str], want: Want) -> bool:
    """The same, from the spec and the labels of its namespace.

    A label that is there and says something else than it may, or nothing, asks for everything.
    """
    approval = spec.approval
    policy = {
        Want.MIGRATE: approval.migrate_policy,
        Want.ROLLBACK: approval.rollback_policy,
        Want.CUTOVER: approval.cutover_policy,
    }[want]
    if policy is ApprovalPolicy.MANUAL or LABEL_REQUIRE_APPROVAL not in labels:
        return policy is ApprovalPolicy.MANUAL
    words = set(labels[LABEL_REQUIRE_APPROVAL].lower().translate(_SEPARATORS).split())
    return want.lower() in words or not words or not words <= _WORDS


def consent(view: View, want: Want, what: str) -> StageResult:
    """Whether a person has said yes to the plan of this operation.

    Args:
        view: the world; the operation has a plan.
        want: what the yes would allow.
        what: the plan and its losses, as a sentence.
    """
    approval = view.status.approval
    if approval is not None and approval.approved_by and _under_way(view):
        return Done()  # the traffic moves by this very yes, so where it goes is no new question
    if approval is None or approval.token != _token(view, approval.policy_digest):
        return _halted(view) or _ask(view, want, what)
    if approval.approved_by:
        return Done()
    return _rejected(view) if given(view, "reject") == approval.token else _answer(view, approval, want, what)


def _answer(view: View, approval: ApprovalState, want: Want, what: str) -> StageResult:
    """What became of the question so far."""
    if approval.policy_digest != view.world.approval_seal:
        # Another policy is in force by now, or none. It is still asked, and since the same time.
        seal = view.world.approval_seal
        update = {"token": _token(view, seal), "policy_digest": seal}
        return _asked(view, approval.model_copy(update=update), what)
    by = approver(view, approval.token)
    if by and view.world.approval_policy in _COUNTS:
        return Done(_approved(view, approval, by))
    if passed(approval.deadline_time, view.now):
        message = f"nobody approved the {want.lower()} until {approval.deadline_time}."
        return Fail(OperatorReason.APPROVAL_EXPIRED, message, Outcome.EXPIRED)
    return _awaiting(view, approval, what)


def _token(view: View, seal: str) -> str:
    operation = view.operation
    return approval_token(operation.id, operation.plan_digest, operation.risks, seal, move(view))


def move(view: View) -> str:
    """What a yes says about traffic: which Service, from where to where, and the program that is to be live.

    Empty where no traffic moves.
    """
    cutover, service = view.spec.cutover, view.service
    if cutover is None or service is None or not moves(view):
        return ""
    slot = seen_slot(view, cutover.active_slot)
    template = slot.template if slot is not None else ""
    state = own(view)
    return "/".join((service.uid, state.from_ if state else live(view), cutover.active_slot, template))


def moved_text(view: View) -> str:
    """Where the traffic would go, as a sentence with a blank before it; empty where none moves."""
    cutover, traffic = view.spec.cutover, view.world.traffic
    if cutover is None or traffic is None or not moves(view):
        return ""
    slot = seen_slot(view, cutover.active_slot)
    what = f" (pod template {slot.template})" if slot is not None and slot.template else ""
    return f"Service {cutover.service_name} moves from {live(view)} to {cutover.active_slot}{what}."


def _under_way(view: View) -> bool:
    state = own(view)
    return state is not None and state.phase not in _BEFORE


def _halted(view: View) -> Intend | None:
    """The Service may not be changed any more by what nobody has agreed to, although it might have been."""
    state = own(view)
    if state is None or state.phase is not CutoverPhase.SWITCHING:
        return None
    return Intend(halted(view.status))


def _ask(view: View, want: Want, what: str) -> Wait:
    """The plan is shown, with the token that a yes to it has to carry."""
    seal, before = view.world.approval_seal, view.status.approval
    if before is not None and not before.approved_by:
        view = view.with_status(_given_back(view, view.status, before))  # it waited for a person until now
    approval = ApprovalState(
        token=_token(view, seal),
        wants=(want, Want.CUTOVER) if want is Want.ROLLBACK and move(view) else (want,),
        risks=view.operation.risks,
        request_time=rfc3339(view.now),
        deadline_time=rfc3339(view.now + timedelta(seconds=view.spec.approval.timeout_seconds)),
        policy_digest=seal,
    )
    return _asked(view, approval, what)


def _asked(view: View, approval: ApprovalState, what: str) -> Wait:
    return _awaiting(view.with_status(view.status.model_copy(update={"approval": approval})), approval, what)


def way(view: View) -> str:
    """From where to where the operation goes."""
    return f"{view.operation.from_} → {view.operation.to}"


def database(view: View) -> str:
    """Which database, as part of a sentence; empty while it is not known."""
    state = view.status.schema_state
    return f" database {state.database.name}" if state is not None and state.database is not None else ""


def _awaiting(view: View, approval: ApprovalState, what: str) -> Wait:
    situation, reason = Situation.AWAITING_APPROVAL, OperatorReason.AWAITING_APPROVAL
    hindrance = no_approval_counts(view.world)
    if hindrance:
        return Wait(situation, reason, f"{what} {hindrance}", approval.deadline_time, view.status)
    message, token = "", given(view, "approve") or view.spec.approval.approved_plan
    if token and token != approval.token:
        message = f"The token that was given, {token[:64]}, is of another plan. "
    elif token and view.world.approval_policy is PolicyState.PRESENT:
        message = f"The token was given, but not who gave it: {ANNOTATION_APPROVED_BY} is missing. "
    message += f"{what} Approve with: kubectl switchback approve {view.world.name} -n {view.world.namespace}"
    return Wait(situation, reason, message, approval.deadline_time, view.status)


def no_approval_counts(world: Observed) -> str:
    """Why no approval counts at present, with advice; empty when one would."""
    match world.approval_policy:
        case PolicyState.MISSING:
            return advised(OperatorReason.APPROVAL_POLICY_MISSING, "No approval counts")
        case PolicyState.UNKNOWN:
            text = (
                "No approval counts, because the operator may not look at the admission policy and its "
                "binding: it needs the verb get on both, which the chart gives it (rbac.create)"
            )
            return advised(OperatorReason.APPROVAL_POLICY_MISSING, text)
        case PolicyState.PRESENT | PolicyState.UNSEEN | PolicyState.NOT_REQUIRED:
            return ""
        case _:
            assert_never(world.approval_policy)


def approver(view: View, token: str) -> str:
    """Who gave the token: by annotation, or by a commit that carries it. Empty: nobody.

    Where a policy holds people to their names, a yes without one is none.
    """
    if given(view, "approve") == token:
        nameless = (
            "" if view.world.approval_policy is PolicyState.PRESENT else f"annotation {ANNOTATION_APPROVE}"
        )
        return view.world.annotations.get(ANNOTATION_APPROVED_BY, "") or nameless
    return "spec.approval.approvedPlan" if view.spec.approval.approved_plan == token else ""


def _approved(view: View, approval: ApprovalState, approver: str) -> Status:
    """Records the consent. The operation's deadline moves by the time that people took."""
    status = view.status.model_copy(
        update={"approval": approval.model_copy(update={"approved_by": approver[:253]})}
    )
    return _given_back(view, handled(status, approve=approval.token), approval)


def _given_back(view: View, status: Status, approval: ApprovalState) -> Status:
    asked, deadline = parse(approval.request_time), parse(view.operation.deadline_time)
    if asked is None or deadline is None:
        return status
    return change(status, deadline_time=rfc3339(deadline + (view.now - asked)))


def _rejected(view: View) -> Fail:
    who = view.world.annotations.get(ANNOTATION_REJECTED_BY, "")[:200]
    by = f" by {who}" if who else ""
    wants = view.status.approval.wants if view.status.approval is not None else ()
    what = moved_text(view) if wants == (Want.CUTOVER,) else f"the plan {way(view)}"
    text = f"{what.rstrip('.')} was rejected{by}."
    return Fail(OperatorReason.APPROVAL_REJECTED, text, Outcome.REJECTED)
