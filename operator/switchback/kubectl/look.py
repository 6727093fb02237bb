"""Looks at the database, made by the operator when asked: what would be, and what is. They change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason, meaning
from switchback.kubectl import rails, states, steps
from switchback.kubectl.guarded import guarded, guards_node
from switchback.kubectl.plan import counted, plan_node, summary
from switchback.kubectl.requests import nonce, send
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import Node, span
from switchback.kubectl.waits import Verdict, Wish, asked, conclude, wait

if TYPE_CHECKING:
    from switchback.kubectl.guarded import Guarded
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session

DONE = {"Ready", "Failed"}


async def plan(
    session: Session,
    *,
    name: str,
    target: str,
    steps_back: int,
    slot: str = "",
    exit_code: bool,
    seconds: float | None,
) -> int:
    """What reaching a version would take, and what stands in the way of the traffic."""
    resource = await session.pick(name)
    traffic = await _traffic(session, resource, slot)
    found: Object = {}
    if resource.spec.get("source") or target or steps_back:
        wish = steps.step_back(resource, steps_back) if steps_back else target
        wish = steps.named(wish or str(resource.spec.get("target")))
        resource, verdict = await preview(session, resource, wish, seconds=seconds)
        found = resource.part("preview")
        if verdict.reason != "Ready":
            return _not_worked_out(session, resource, verdict, traffic)
    due = found.get("pendingCount") or (traffic is not None and traffic.moves)
    code = ExitCode.PENDING if exit_code and due else ExitCode.OK
    if session.screen.output in {JSON, YAML}:
        data: Object = {"name": resource.name, "namespace": resource.namespace, "exitCode": int(code)}
        data |= {"preview": found} if found else {}
        session.screen.document(data | ({"traffic": traffic.as_data()} if traffic is not None else {}))
    else:
        session.screen.show(session.screen.tree(_picture(resource, found, traffic)))
    return int(code)


def _not_worked_out(session: Session, resource: Resource, verdict: Verdict, traffic: Guarded | None) -> int:
    """What is known of the traffic is told all the same."""
    if traffic is None:
        return conclude(session, resource, verdict)
    if session.screen.output not in {JSON, YAML}:
        session.screen.show(session.screen.tree(guards_node(traffic)))
    return conclude(session, resource, verdict, traffic=traffic.as_data())


async def _traffic(session: Session, resource: Resource, slot: str) -> Guarded | None:
    """The guards of the switch that the spec asks for, or of the one to this slot."""
    if slot:
        rails.has_slot(resource, slot)
    return await guarded(session, resource, slot) if rails.wish(resource) else None


async def preview(
    session: Session, resource: Resource, target: str, *, seconds: float | None
) -> tuple[Resource, Verdict]:
    """Ask for a preview and wait for it. The verdict's reason is Ready when status.preview answers."""
    value = f"{target}/{nonce()}"
    return await _look(session, resource, "preview", names.ANNOTATION_PREVIEW, value, seconds)


async def inspect(session: Session, *, name: str, seconds: float | None) -> int:
    """Where the schema is, by the ledger in the database."""
    resource = await session.pick(name)
    resource, verdict = await _look(session, resource, "inspect", names.ANNOTATION_INSPECT, nonce(), seconds)
    found = resource.part("preview")
    if verdict.reason != "Ready":
        return conclude(session, resource, verdict)
    left, target = int(found.get("pendingCount") or 0), found.get("target")
    way = {"Forward": "apply", "Backward": "undo"}.get(str(found.get("direction")), "")
    text = f"database {resource.database} is at {found.get('current')}"
    text += (
        f"; {counted(left, 'migration')} to {way} to reach {target}."
        if left and way
        else f", as {target} wants."
    )
    verdict = Verdict(ExitCode.OK, "Inspected", text)
    return conclude(session, resource, verdict, preview=found, schema=resource.part("schema"))


async def _look(  # noqa: PLR0917 - the parts of one request
    session: Session, resource: Resource, kind: str, annotation: str, value: str, seconds: float | None
) -> tuple[Resource, Verdict]:
    sent = await send(session, resource, annotations={annotation: value}, same=lambda _: True)
    if seconds is None:
        return sent, asked(f"asked for a look: {kind} {value}. status shows the answer.")
    wish = Wish(
        answered=lambda now: now.part("preview").get("request") == value or now.handled(kind) == value,
        judge=lambda now: _answer(now, kind, value),
        left=(annotation, value),
    )
    seen, verdict = await wait(session, sent, wish, seconds=seconds, tell=False)
    if verdict.code is ExitCode.PENDING:  # of a plan, that code would say that there is something to do
        verdict = replace(verdict, code=ExitCode.UNKNOWN)
    return seen, verdict


def _answer(now: Resource, kind: str, value: str) -> Verdict | None:
    found = now.part("preview")
    if found.get("request") != value:
        if now.handled(kind) != value:
            return None
        return Verdict(
            ExitCode.MOVED, "Overtaken", "somebody else has asked for a look meanwhile; ask again."
        )
    if found.get("phase") not in DONE:
        return None
    if found["phase"] == "Ready":
        return Verdict(ExitCode.OK, "Ready", summary(found))
    reason = str(found.get("reason", ""))
    text = f"{summary(found)}: {reason}: {found.get('message', '')}"
    return Verdict(code_of(reason), reason, text)


def code_of(reason: str) -> ExitCode:
    """The exit code of a run's reason, as the command line has it; 8 for what only the operator sees."""
    return meaning(Reason(reason)).exit_code if reason in set(Reason) else ExitCode.FAILED


def _picture(resource: Resource, found: Object, traffic: Guarded | None) -> Node:
    moves = traffic is not None and traffic.moves
    due = found.get("pendingCount") or moves
    root = Node(
        [
            states.GOOD if not due else ("▼" if _back(found) else "▲", "busy"),
            span(f" {resource.name}", "bold"),
            span(f" in {resource.namespace}: "),
            span(summary(found) if found else "it has no source, and changes no schema"),
            span(f"   database {resource.database}" if found else "", "dim"),
        ]
    )
    if traffic is not None and moves and _back(found):
        root.add(span("Backward: the traffic moves first, then the schema.", "dim"), bare=True)
    if found.get("steps") or found.get("stepsOmitted"):
        root.children.append(plan_node(found))
    if _back(found) and found.get("risks"):
        policy = (resource.spec.get("rollback") or {}).get("dataLossPolicy", "RequireApproval")
        what = {
            "Allow": "it would go ahead without asking (spec.rollback.dataLossPolicy is Allow)",
            "Deny": "it would be refused (spec.rollback.dataLossPolicy is Deny)",
        }.get(policy, "it would wait for a person's approval")
        root.add(span(f"Asked for, {what}.", "wait"))
    if traffic is not None:
        root.children.append(guards_node(traffic))
    return root


def _back(found: Object) -> bool:
    return found.get("direction") == "Backward"
