"""What a failed test left behind, as a person would look at it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from switchback.api import names
from tests.e2e.kube import RefusedError

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.support import World

OPERATOR_NAMESPACE = "switchback-system"
OPERATOR_LABELS = "app.kubernetes.io/name=switchback"


def diagnosis(world: World) -> str:
    """What a person would look at: conditions, Jobs, pods, events, logs, the operator's last words."""
    parts = []
    for resource in world.recorder.newest(names.KIND, world.namespace):
        status = resource.get("status", {})
        shown = {
            "spec": resource["spec"],
            "operation": status.get("operation"),
            "history": status.get("history"),
        }
        parts.append(f"== {resource['metadata']['name']}: {json.dumps(shown, indent=1)}")
        parts += [_condition_line(one) for one in status.get("conditions", [])]
    parts.append(f"== Jobs, by the audit log: {world.steps()}")
    for pod in world.recorder.newest("Pod", world.namespace):
        parts.append(_pod_text(world, pod))
    for event in world.kube.list("Event", world.namespace)[-25:]:
        parts.append(
            f"event {event['involvedObject'].get('name')}: {event['reason']}: {event['message'][:300]}"
        )
    for pod in world.kube.list("Pod", OPERATOR_NAMESPACE, labels=OPERATOR_LABELS):
        log = world.kube.log(OPERATOR_NAMESPACE, pod["metadata"]["name"], "operator", tail=400)
        about = [line for line in log.splitlines() if world.namespace in line or "rror" in line]
        parts.append("== operator: " + "\n".join(about[-30:]))
    return "\n".join(parts)


def _condition_line(one: Object) -> str:
    return f"   {one['type']}={one['status']} {one['reason']}: {one['message']}"


def _pod_text(world: World, pod: Object) -> str:
    status, name = pod.get("status", {}), pod["metadata"]["name"]
    lines = [f"== pod {name}: {status.get('phase')} {status.get('message', '')}"]
    for state in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        lines.append(f"   {state['name']}: {json.dumps(state['state'])[:900]}")
        try:
            lines.append(world.kube.log(world.namespace, name, state["name"], tail=15))
        except RefusedError as error:
            lines.append(str(error))
    return "\n".join(lines)
