"""Plans for people: steps with what they destroy. An operation and a preview hold theirs in the same form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.kubectl.states import severity
from switchback.kubectl.text import Node, span

if TYPE_CHECKING:
    from switchback.kubectl.resource import Object

ACTIONS = {"Forward": "apply", "Backward": "undo"}


def plan_node(plan: Object) -> Node:
    """The steps below one line that says how many there are and what is at risk."""
    steps, omitted = plan.get("steps") or [], int(plan.get("stepsOmitted") or 0)
    risks = ", ".join(plan.get("risks") or ())
    node = Node(
        [
            span(f"Plan  {counted(len(steps) + omitted, 'step')}"),
            span(f" · risks: {risks}" if risks else " · no risk", "bad" if risks else "dim"),
        ]
    )
    for step in steps:
        node.children.append(_step(step))
    if omitted:
        node.add(span(f"… {counted(omitted, 'more step')} that status does not hold", "dim"))
    return node


def _step(step: Object) -> Node:
    word, style = severity(str(step.get("severity") or "Nothing"))
    action = ACTIONS.get(str(step.get("direction", "")), "")
    losses = list(step.get("losses") or [])
    node = Node([span(f"{action:<6}"), span(str(step.get("id", "")), "bold")])
    if word == "Nothing":
        return node
    node.head = [*node.head, span("  "), span(word, style)]
    for loss in losses:
        node.add(span("at stake: ", style), span(loss), wrap=True, bare=True)
    return node


def summary(preview: Object) -> str:
    """A preview in one sentence."""
    target, current = str(preview.get("target", "")), str(preview.get("current", ""))
    if preview.get("phase") != "Ready":
        what = "reading the schema" if preview.get("kind") == "Inspect" else f"reaching {target}"
        return what if preview.get("phase") == "InProgress" else f"{what} cannot be worked out"
    number = int(preview.get("pendingCount") or 0)
    match preview.get("direction"):
        case "Forward":
            return f"{current} → {target} applies {counted(number, 'migration')}"
        case "Backward":
            return f"{current} → {target} undoes {counted(number, 'migration')}"
        case _:
            return f"the schema is at {current}: nothing to do to reach {target}"


def counted(number: int, what: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
