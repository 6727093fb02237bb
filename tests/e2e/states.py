"""Reading one state of a resource, or one request about a Job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api import names

if TYPE_CHECKING:
    from tests.cluster.audit import Event as Request
    from tests.e2e.kube import Object


def condition(resource: Object, kind: str) -> Object:
    """A condition of a resource; an empty one when it is not there."""
    found = resource.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), {})


def is_true(resource: Object, kind: str) -> bool:
    return condition(resource, kind).get("status") == "True"


def reason(resource: Object, kind: str) -> str:
    found: str = condition(resource, kind).get("reason", "")
    return found


def operation(resource: Object) -> Object:
    found: Object = resource.get("status", {}).get("operation", {})
    return found


def version(state: Object) -> int:
    """Revision of the store at which this state was written: one order for all objects of the cluster."""
    return int(state["metadata"]["resourceVersion"])


def step_of(request: Request) -> str:
    labels: dict[str, str] = request.response.get("metadata", {}).get("labels") or {}
    return labels.get(names.LABEL_STEP, "")
