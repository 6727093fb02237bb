"""A person's yes or no to the plan that waits: shown in full first, bound to what was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.kubectl import rails, states
from switchback.kubectl.ask import confirm, may_ask
from switchback.kubectl.plan import plan_node
from switchback.kubectl.problems import Problem
from switchback.kubectl.requests import send
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import Node, span
from switchback.kubectl.times import until
from switchback.kubectl.waits import Verdict, Wish, asked, conclude, of_operation, wait

if TYPE_CHECKING:
    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session
    from switchback.kubectl.text import Span

GOOD = {"Succeeded", "RolledBack"}

SEEN_SECONDS = 15.0
"""How long an edit may be unseen. The operator looks at one within a second or two."""


async def approve(session: Session, *, name: str, token: str, yes: bool, seconds: float | None) -> int:
    """Give the token of the plan, once a person has seen it."""
    resource = await session.pick(name)
    if not token:
        resource = await _as_seen(session, resource)
    given, generation = _waiting_token(resource, token), resource.generation
    if not yes and not token and not may_ask():
        raise Problem(
            ExitCode.REFUSED,
            "NotSeen",
            "nobody is here to see the plan, and neither --token nor --yes was given; nothing was sent.",
            "Pass the token of the plan that was looked at (status shows it), or --yes for whatever waits.",
        )
    who = await session.client.username()
    _show(session, resource)
    if not yes and may_ask():
        risks = ", ".join(resource.approval.get("risks") or ())
        accepting = f", accepting {risks}" if risks else ""
        await confirm(session.screen, f"\nApprove this as {who}{accepting}?")
    sent = await send(
        session,
        resource,
        annotations={names.ANNOTATION_APPROVE: given, names.ANNOTATION_APPROVED_BY: who},
        same=lambda newer: (
            newer.approval.get("token") == given and (bool(token) or newer.generation == generation)
        ),
    )
    request = {"approve": given, "approvedBy": who}
    if seconds is None:
        return conclude(session, sent, asked(f"approved by {who}."), request=request)
    operation = sent.operation_id
    wish = Wish(
        answered=lambda now: _is_taken(now, operation, given),
        judge=lambda now: _taken_or_not(now, operation, given),
        left=(names.ANNOTATION_APPROVE, given),
    )
    last, verdict = await wait(session, sent, wish, seconds=seconds)
    return conclude(session, last, verdict, request=request)


async def reject(session: Session, *, name: str, token: str, yes: bool, seconds: float | None) -> int:
    """Say no to the plan."""
    resource = await session.pick(name)
    given = _waiting_token(resource, token)
    who = await session.client.username()
    if not yes and may_ask():
        _show(session, resource)
        await confirm(
            session.screen, f"\nReject this as {who}? Nothing has changed so far, and nothing will."
        )
    sent = await send(
        session,
        resource,
        annotations={names.ANNOTATION_REJECT: given, names.ANNOTATION_REJECTED_BY: who},
        same=lambda newer: newer.approval.get("token") == given,
    )
    request = {"reject": given, "rejectedBy": who}
    if seconds is None:
        return conclude(session, sent, asked(f"rejected by {who}."), request=request)
    operation = sent.operation_id
    wish = Wish(
        answered=lambda now: bool(now.outcome_of(operation)) or now.operation_id != operation,
        judge=lambda now: of_operation(now, operation, {"Rejected"}),
        left=(names.ANNOTATION_REJECT, given),
    )
    last, verdict = await wait(session, sent, wish, seconds=seconds)
    return conclude(session, last, verdict, request=request)


async def _as_seen(session: Session, resource: Resource) -> Resource:
    """The resource once its newest edit was seen: what waits until then may be a plan of before it.

    Raises:
        Problem: nobody sees it.
    """
    if resource.is_seen:
        return resource
    wish = Wish(lambda now: now.is_seen, lambda _: asked("seen."), sent=False)
    seen, verdict = await wait(session, resource, wish, seconds=SEEN_SECONDS, tell=False)
    if verdict.code is ExitCode.OK:
        return seen
    text = f"nothing was sent to {resource.name}: what waits there may be a plan of before the newest edit; "
    raise Problem(verdict.code, "NotSeen", text + verdict.message, verdict.advice)


def _waiting_token(resource: Resource, wanted: str) -> str:
    """The token of what waits.

    Raises:
        Problem: nothing waits, or something else than what was looked at.
    """
    token = str(resource.approval.get("token", ""))
    if not token:
        who = resource.part("approval").get("approvedBy")
        why = (
            f"its plan was approved by {who}."
            if resource.under_way and who
            else f"it is {states.word(resource)}."
        )
        raise Problem(
            ExitCode.REFUSED,
            "NothingWaits",
            f"nothing of {resource.name} in namespace {resource.namespace} waits for approval: {why}",
        )
    if wanted and wanted != token:
        raise Problem(
            ExitCode.MOVED,
            "TokenMismatch",
            f"another plan of {resource.name} waits by now: its token is {token}, not {wanted[:64]}.",
            f"Look at it: kubectl switchback status {resource.name} -n {resource.namespace}",
        )
    return token


def _show(session: Session, resource: Resource) -> None:
    """The plan with its losses and risks."""
    if session.screen.output in {JSON, YAML}:
        return
    operation, approval = resource.operation, resource.approval
    head: list[Span] = [states.PAUSED, span(f" {resource.name}", "bold")]
    if resource.spec.get("source"):
        head += [
            span(f" in {resource.namespace}: database {resource.database}, "),
            span(f"{operation.get('from', '')} → {operation.get('to', '')}", "bold"),
        ]
    else:
        head.append(span(f" in {resource.namespace}: moves traffic only"))
    root = Node(head)
    if resource.spec.get("reason"):
        root.add(span(f"because: {resource.spec['reason']}", "dim"), bare=True)
    if operation.get("steps") or "Cutover" not in (approval.get("wants") or ()):
        root.children.append(plan_node(operation))
    if "Cutover" in (approval.get("wants") or ()):
        service = rails.wish(resource).get("serviceName", "")
        root.add(span("Traffic  "), span(rails.way(resource), "bold"), span(f"   Service {service}", "dim"))
    if resource.spec.get("source"):
        root.add(span(f"Snapshot before it: {_snapshot(resource)}"))
    late = until(approval.get("deadlineTime"), session.now())
    root.add(span(f"Token {approval.get('token')}, expires {late}", "dim"))
    session.screen.show(session.screen.tree(root))


def _snapshot(resource: Resource) -> str:
    if resource.operation.get("direction") != "Backward":
        return "none; nothing is undone."
    snapshot = resource.spec.get("snapshot") or {}
    claim = ((snapshot.get("pgDump") or {}).get("persistentVolumeClaim") or {}).get("claimName")
    if claim:
        return f"pg_dump to claim {claim}; read back in full before anything is undone."
    return "none, as spec.snapshot.none acknowledges: what is destroyed cannot be brought back."


def _is_taken(now: Resource, operation: str, token: str) -> bool:
    approval = now.part("approval")
    counted = now.handled("approve") == token or (
        approval.get("token") == token and approval.get("approvedBy")
    )
    gone = now.operation_id != operation or bool(now.outcome_of(operation))
    return bool(counted) or gone or _unwanted(now, token) is not None


def _taken_or_not(now: Resource, operation: str, token: str) -> Verdict | None:
    """What has ended has ended, whatever plan waits after it."""
    unwanted = None if now.outcome_of(operation) else _unwanted(now, token)
    return unwanted or of_operation(now, operation, GOOD)


def _unwanted(now: Resource, token: str) -> Verdict | None:
    """The operator will not take this yes."""
    waits = now.approval
    if waits and waits.get("token") != token:
        return Verdict(
            ExitCode.MOVED,
            "TokenMismatch",
            "the plan has moved, and the yes to the old one is void: a new one waits.",
            f"See it and approve it: kubectl switchback approve {now.name} -n {now.namespace}",
        )
    approved = now.condition("Approved")
    if waits and approved.get("reason") == "ApprovalPolicyMissing":
        return Verdict(ExitCode.REFUSED, "ApprovalPolicyMissing", str(approved.get("message", "")))
    return None
