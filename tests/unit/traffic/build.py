"""A shop with two slots, as the API server shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from switchback.api.cutover import Cutover
from switchback.traffic.read import traffic_from

Object = dict[str, Any]

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HASH = "5d8f"
PORTS = [{"name": "web", "containerPort": 8080, "protocol": "TCP"}]


def cutover(**more: Any) -> Cutover:
    return Cutover.model_validate(
        {
            "serviceName": "web",
            "slots": [
                {"name": "blue", "workloadRef": {"kind": "Deployment", "name": "web-blue"}},
                {"name": "green", "workloadRef": {"kind": "Deployment", "name": "web-green"}},
            ],
            "activeSlot": "green",
            **more,
        }
    )


def service(*, annotations: Any = None, labels: Any = None, owners: Any = (), **spec: Any) -> Object:
    """`owners` are (manager, operation) of the selector."""
    return {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "uid-of-web",
            "resourceVersion": "7",
            "annotations": annotations or {},
            "labels": labels or {},
            "managedFields": [
                {"manager": who, "operation": how, "fieldsV1": {"f:spec": {"f:selector": {}}}}
                for who, how in owners
            ],
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.96.0.1",
            "selector": {"app": "shop", "slot": "blue"},
            "ports": [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}],
            **spec,
        },
    }


def workload(slot: str = "blue", replicas: int = 2, *, labels: Any = None, **more: Any) -> Object:
    """A Deployment that is as it should be. `more` overrides parts of its spec and status."""
    template_labels = {"app": "shop", "slot": slot} if labels is None else labels
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = {"observedGeneration": 3, **dict.fromkeys(counts, replicas), **more.pop("status", {})}
    return {
        "metadata": {"name": f"web-{slot}", "namespace": "shop", "generation": 3, **more.pop("metadata", {})},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop", "slot": slot}},
            "template": {
                "metadata": {"labels": template_labels},
                "spec": {"containers": [{"name": "web", "image": "web:1", "ports": PORTS}]},
            },
            **more,
        },
        "status": status,
    }


def pod(slot: str = "blue", number: int = 1, *, ready: bool = True, **more: Any) -> Object:
    """A pod of the slot's Deployment. `labels`, `owners`, `status` and `metadata` override parts."""
    name = f"web-{slot}-{HASH}-{number}"
    labels = more.get("labels", {"app": "shop", "slot": slot, "pod-template-hash": HASH})
    owners = [{"kind": "ReplicaSet", "name": f"web-{slot}-{HASH}", "uid": "1", "controller": True}]
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": "2026-01-01T11:50:00Z",
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-of-{name}",
            "labels": labels,
            "ownerReferences": more.get("owners", owners),
            **more.get("metadata", {}),
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.0.0.{number}",
            "conditions": [condition],
            **more.get("status", {}),
        },
    }


def endpoint(one: Object, **conditions: Any) -> Object:
    """The endpoint of a pod; without conditions it is ready."""
    metadata = one["metadata"]
    return {
        "addresses": [one["status"]["podIP"]],
        "conditions": conditions,
        "targetRef": {"kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
    }


def a_slice(*endpoints: Object, name: str = "web-1", service: str = "web", family: str = "IPv4") -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": family,
        "endpoints": list(endpoints),
    }


def seen(**more: Any) -> Any:
    """The traffic of a shop whose blue slot is live and whose green one is ready. `more` overrides parts."""
    blue = [pod("blue", 1), pod("blue", 2)]
    green = [pod("green", 3), pod("green", 4)]
    parts: Object = {
        "slices": [a_slice(*(endpoint(one, ready=True) for one in blue))],
        "workloads": {"blue": workload("blue"), "green": workload("green")},
        "autoscalers": [],
        "pods": [*blue, *green],
        "at": NOW,
    }
    wanted = more.pop("cutover", None) or cutover()
    the_service = more.pop("service", service())
    return traffic_from(wanted, the_service, **{**parts, **more})
