"""The tree of `kubectl switchback status`: everything about one resource, at a glance. Pure.

From the resource at the root to what matters below it, in the order in which a person asks: what is it doing
and why, where is the schema, does it wait for me, what runs, what is kept, what was before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.kubectl import kept, rails, states
from switchback.kubectl.plan import plan_node, summary
from switchback.kubectl.text import Node, span
from switchback.kubectl.times import between, since, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchback.kubectl.jobs import JobLine, PodLine
    from switchback.kubectl.resource import Object, Resource

WORD = 16
"""Columns of the state of a Job or pod: `ImagePullBackOff` is the longest that comes often."""


def tree(
    resource: Resource, jobs: Sequence[JobLine], now: datetime, *, wide: bool = False, note: str = ""
) -> Node:
    """The whole tree.

    Args:
        resource: the resource.
        jobs: its Jobs, oldest first.
        now: the time from which ages are counted.
        wide: show everything, also what was long ago.
        note: why something is not shown.
    """
    root = _root(resource, now)
    _schema(root, resource, now)
    rails.traffic(root, resource, now, wide=wide)
    _spec(root, resource, wide=wide)
    _approval(root, resource, now)
    _operation(root, resource, jobs, now, wide=wide)
    rails.checks(root, resource, now, wide=wide)
    _preview(root, resource, jobs, now, wide=wide)
    _requests(root, resource)
    kept.fence(root, resource, now)
    kept.snapshots(root, resource, now, wide=wide)
    if wide:
        kept.conditions(root, resource, now)
        _earlier(root, resource, jobs, now)
    kept.history(root, resource, now, wide=wide)
    if note:
        root.add(*kept.label("Note"), span(note, "wait"), wrap=True)
    return root


def _root(resource: Resource, now: datetime) -> Node:
    symbol = states.symbol(resource)
    ready = resource.condition("Ready")
    age = since(ready.get("lastTransitionTime"), now)
    where = f"{resource.namespace} · age {since(resource.metadata.get('creationTimestamp'), now)}"
    root = Node(
        [
            symbol,
            span(f" {resource.name}", "bold"),
            span("  "),
            span(states.word(resource), symbol[1]),
            span(f" for {age}" if age else "", "dim"),
            span(f"   {where}", "dim"),
        ]
    )
    text = resource.message or "No operator has looked at it yet."
    root.add(span(text), wrap=True, bare=True)
    if resource.deleting:
        root.add(span("It is being deleted.", "wait"), bare=True)
    if ready and not resource.is_seen:
        text = f"The operator has not seen the newest edit yet (generation {resource.generation})."
        root.add(span(text, "wait"), bare=True)
    return root


def _schema(root: Node, resource: Resource, now: datetime) -> None:
    schema = resource.part("schema")
    if not schema and not resource.spec.get("source"):
        return
    if not schema:
        root.add(*kept.label("Schema"), span("not read yet", "dim"))
        return
    current, target = str(schema.get("current", "")), str(schema.get("target", ""))
    line = [*kept.label("Schema"), span(current or "not known", "bold")]
    if target and target != current:
        line += [span(" → "), span(target, "bold")]
    notes = [_count(resource, schema), *_database(resource), kept.ago("read", schema.get("inspectTime"), now)]
    root.add(*line, span("   " + " · ".join(note for note in notes if note), "dim"))


def _count(resource: Resource, schema: Object) -> str:
    number = schema.get("pendingCount") or 0
    if not number:
        return ""
    back = resource.under_way and resource.operation.get("direction") == "Backward"
    return f"{number} to {'undo' if back else 'apply'}"


def _database(resource: Resource) -> list[str]:
    known = resource.part("schema").get("database") or {}
    version = int(known.get("serverVersion") or 0) // 10000
    server = f", PostgreSQL {version}" if version else ""
    return [f"database {resource.database}{server}"]


def _spec(root: Node, resource: Resource, *, wide: bool) -> None:
    source = resource.spec.get("source") or {}
    line = [*kept.label("Target"), span(str(resource.spec.get("target", "")) if source else "traffic only")]
    if resource.suspended:
        line.append(span("   suspended", "wait"))
    if resource.spec.get("reason"):
        line.append(span(f"   because: {resource.spec['reason']}", "dim"))
    root.add(*line)
    if wide and source:
        maps = [str(one.get("name", "")) for one in source.get("configMapRefs") or []]
        text = (source.get("image") or {}).get("reference") or f"ConfigMaps {', '.join(maps)}"
        digest = resource.part("source").get("imageID") or resource.part("source").get("digest") or ""
        root.add(*kept.label("Source"), span(str(text)), span(f"   {digest}", "dim"))


def _approval(root: Node, resource: Resource, now: datetime) -> None:
    approval = resource.approval
    if not approval:
        return
    risks = ", ".join(approval.get("risks") or ()) or "no risk"
    wants = " and ".join(str(want).lower() for want in approval.get("wants") or ())
    late = until(approval.get("deadlineTime"), now)
    node = root.add(
        *kept.label("Approval"),
        span(f"waits for a person to approve the {wants or 'plan'}", "wait"),
        span(f" · {risks}", "bad" if approval.get("risks") else "dim"),
        span(f" · asked {since(approval.get('requestTime'), now)} ago, expires {late}", "dim"),
    )
    place = f"{resource.name} -n {resource.namespace}"
    node.add(span("approve  ", "dim"), span(f"kubectl switchback approve {place}", "bold"))
    node.add(span("reject   ", "dim"), span(f"kubectl switchback reject {place}"))
    node.add(span("token    ", "dim"), span(str(approval.get("token", ""))))


def _operation(root: Node, resource: Resource, jobs: Sequence[JobLine], now: datetime, *, wide: bool) -> None:
    operation = resource.operation
    if not operation:
        return
    outcome = resource.outcome
    symbol = states.of_outcome(outcome) if outcome else states.symbol(resource)
    head = [*kept.label("Operation"), symbol, span(f" {resource.operation_id}  "), *kept.way(operation)]
    if outcome:
        took = between(operation.get("startTime"), outcome.get("completionTime"))
        ended = since(outcome.get("completionTime"), now)
        head.append(
            span(f" · {outcome.get('outcome')} {ended} ago" + (f", took {took}" if took else ""), "dim")
        )
    node = root.add(*head)
    if not outcome:
        node.add(span(_step(operation, now), "dim"), wrap=True, bare=True)
        _next_attempt(node, operation, now)
    if operation.get("steps") and (wide or not outcome):
        node.children.append(plan_node(operation))
    for job in jobs:
        if job.operation == resource.operation_id:
            node.children.append(_job(job, now, wide=wide))


def _step(operation: Object, now: datetime) -> str:
    parts = [
        f"step {operation['step']}" if operation.get("step") else "",
        f"attempt {operation['attempt']}" if operation.get("attempt") else "",
        f"began {since(operation.get('startTime'), now)} ago",
        f"deadline {until(operation.get('deadlineTime'), now)}" if operation.get("deadlineTime") else "",
        "ends on request" if operation.get("abort") else "",
    ]
    return " · ".join(part for part in parts if part)


def _next_attempt(node: Node, operation: Object, now: datetime) -> None:
    if not operation.get("nextAttemptTime"):
        return
    why = ": ".join(str(operation[key]) for key in ("lastReason", "lastMessage") if operation.get(key))
    when = until(operation["nextAttemptTime"], now)
    tries = f" after {operation['retries']} retries" if operation.get("retries") else ""
    node.add(states.LATER, span(f" next attempt {when}{tries}", "wait"), bare=True)
    node.add(span(why), wrap=True, bare=True)


def _job(job: JobLine, now: datetime, *, wide: bool) -> Node:
    what = " ".join(part for part in (job.step, job.attempt) if part)
    node = Node(
        [
            job.symbol,
            span(f" Job {what:<11}"),
            span(f" {job.word:<{WORD}}", job.symbol[1]),
            span(f" {since(job.created, now):<6} {job.name}", "dim"),
        ]
    )
    for pod in job.pods:
        node.children.append(_pod(pod, now, wide=wide))
    return node


def _pod(pod: PodLine, now: datetime, *, wide: bool) -> Node:
    notes = [f"exit {pod.exit_code}" if pod.exit_code is not None else ""]
    notes.append(f"{pod.restarts} restarts" if pod.restarts != 1 else "1 restart")
    notes.append(f"node {pod.node}" if wide and pod.node else "")
    more = " · ".join(note for note in notes if note)
    node = Node(
        [
            pod.symbol,
            span(f" Pod {'':<8}"),
            span(f" {pod.word:<{WORD}}", pod.symbol[1]),
            span(f" {since(pod.created, now):<6} {more}   {pod.name}", "dim"),
        ]
    )
    if pod.trouble:
        node.add(span(pod.trouble, pod.symbol[1]), wrap=True, bare=True)
    return node


def _preview(root: Node, resource: Resource, jobs: Sequence[JobLine], now: datetime, *, wide: bool) -> None:
    preview = resource.part("preview")
    busy = preview.get("phase") == "InProgress"
    if not preview or not (busy or wide or preview.get("kind") != "Inspect"):
        return
    symbol = states.BUSY if busy else states.GOOD if preview.get("phase") == "Ready" else states.BAD
    node = root.add(
        *kept.label("Preview"), symbol, span(f" {summary(preview)}"), span(_risks(preview), "bad"),
        span(f"   {since(preview.get('time'), now)} ago", "dim"),
    )  # fmt: skip
    if preview.get("phase") == "Failed":
        text = f"{preview.get('reason', '')}: {preview.get('message', '')}"
        node.add(span(text, "bad"), wrap=True, bare=True)
    if wide and preview.get("steps"):
        node.children.append(plan_node(preview))
    for job in jobs:
        if job.operation == preview.get("id") and (busy or wide):
            node.children.append(_job(job, now, wide=wide))


def _risks(plan: Object) -> str:
    risks = ", ".join(plan.get("risks") or ())
    return f" · {risks}" if risks else ""


def _requests(root: Node, resource: Resource) -> None:
    for kind, value in resource.open_requests.items():
        root.add(
            *kept.label("Request"), states.LATER, span(f" {kind} {value}"), span(" · not answered yet", "dim")
        )


def _earlier(root: Node, resource: Resource, jobs: Sequence[JobLine], now: datetime) -> None:
    known = {resource.operation_id, resource.part("preview").get("id")}
    others = [job for job in jobs if job.operation not in known]
    if others:
        node = root.add(*kept.label("Earlier"))
        node.children += [_job(job, now, wide=True) for job in others]
