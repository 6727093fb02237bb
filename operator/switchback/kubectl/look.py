"""Looks at the database, made by the operator when asked: what would be, and what is. They change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason, meaning
from switchback.kubectl import states, steps
from switchback.kubectl.plan import counted, plan_node, summary
from switchback.kubectl.requests import nonce, send
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import Node, span
from switchback.kubectl.waits import Verdict, Wish, asked, conclude, wait

if TYPE_CHECKING:
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session

DONE = {"Ready", "Failed"}


async def plan(
    session: Session, *, name: str, target: str, steps_back: int, exit_code: bool, seconds: float | None
) -> int:
    """What reaching a version would take."""
    resource = await session.pick(name)
    wish = steps.step_back(resource, steps_back) if steps_back else target or str(resource.spec.get("target"))
    resource, verdict = await preview(session, resource, steps.named(wish), seconds=seconds)
    found = resource.part("preview")
    if verdict.reason != "Ready":
        return conclude(session, resource, verdict)
    code = ExitCode.PENDING if exit_code and found.get("pendingCount") else ExitCode.OK
    if session.screen.output in {JSON, YAML}:
        data = {
            "name": resource.name,
            "namespace": resource.namespace,
            "exitCode": int(code),
            "preview": found,
        }
        session.screen.document(data)
    else:
        session.screen.show(session.screen.tree(_picture(resource, found)))
    return int(code)


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


def _picture(resource: Resource, found: Object) -> Node:
    root = Node(
        [
            states.GOOD if not found.get("pendingCount") else ("▼" if _back(found) else "▲", "busy"),
            span(f" {resource.name}", "bold"),
            span(f" in {resource.namespace}: "),
            span(summary(found)),
            span(f"   database {resource.database}", "dim"),
        ]
    )
    if found.get("steps") or found.get("stepsOmitted"):
        root.children.append(plan_node(found))
    if _back(found) and found.get("risks"):
        policy = (resource.spec.get("rollback") or {}).get("dataLossPolicy", "RequireApproval")
        what = {
            "Allow": "it would go ahead without asking (spec.rollback.dataLossPolicy is Allow)",
            "Deny": "it would be refused (spec.rollback.dataLossPolicy is Deny)",
        }.get(policy, "it would wait for a person's approval")
        root.add(span(f"Asked for, {what}.", "wait"))
    return root


def _back(found: Object) -> bool:
    return found.get("direction") == "Backward"
