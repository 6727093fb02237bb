"""The Service of a cutover and what stands behind it, as far as it can be seen, and pretended for the rest.

What the cluster shows counts first, then what comes with the files. What neither has is taken to be healthy:
the other slot is live, and both have ready pods. All of it goes through the operator's own reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from switchback.contract import traffic as contract
from switchback.controller.times import rfc3339
from switchback.traffic.labels import holds
from switchback.traffic.read import SERVICE_NAME, base_selector, traffic_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchback.api.cutover import Cutover, Slot
    from switchback.contract.traffic import Traffic
    from switchback.controller.decision import PointService, TellProbe
    from switchback.controller.observed import Job, Observed

Object = dict[str, Any]

REPLICAS = 2
"""How many pods a workload has of which nothing is known."""

ADDRESS = "192.0.2.1"
"""Of a Service that is not there yet: an address that belongs to nobody."""


@dataclass(frozen=True)
class Beside:
    """The manifests of a Service and of workloads, by slot, that come with the files."""

    service: Object | None = None
    workloads: Mapping[str, Object] = field(default_factory=dict)


def pretended(cutover: Cutover, beside: Beside, now: datetime, live: str = "") -> Traffic:
    """What the operator would read if the manifests were applied and all went well.

    Args:
        cutover: what the spec says.
        beside: what comes with the files.
        now: the time of the look.
        live: the slot that is live; empty: the one that is not wished for.
    """
    service = _service(cutover, beside.service, live or cutover.other(cutover.active_slot).name)
    workloads = {slot.name: _workload(slot, cutover, beside, service) for slot in cutover.slots}
    pods = [one for slot in cutover.slots for one in _pods(slot, workloads[slot.name], now)]
    return traffic_from(
        cutover,
        service,
        slices=[_slice(cutover, service, pods)],
        workloads=workloads,
        autoscalers=(),
        pods=pods,
        at=now,
    )


def completed(found: Traffic, pretence: Traffic, beside: Beside) -> Traffic:
    """What the cluster has told, and what the files bring in addition."""
    slots = tuple(
        other if not slot.there and slot.name in beside.workloads and other is not None else slot
        for slot, other in ((slot, pretence.slot(slot.name)) for slot in found.slots)
    )
    if found.service is not None or beside.service is None:
        return replace(found, slots=slots)
    serving = {slot.name for slot in pretence.slots if slot.endpoints}
    counted = (replace(slot, endpoints=slot.ready_pods * (slot.name in serving)) for slot in slots)
    return replace(found, service=pretence.service, slots=tuple(counted))


def mended(cutover: Cutover, world: Observed, live: str, *, whole: bool) -> Observed:
    """The world with slots that are ready; with `whole`, with another Service as well, which is healthy."""
    found = world.traffic
    if whole or found is None:
        return replace(world, traffic=pretended(cutover, Beside(), world.now, live))
    enough = max([1, *(max(slot.endpoints, slot.desired) for slot in found.slots)])
    slots = tuple(_ready(slot, enough, world.now, serving=slot.name == live) for slot in found.slots)
    return replace(world, traffic=replace(found, slots=slots))


def _ready(slot: contract.Slot, count: int, now: datetime, *, serving: bool) -> contract.Slot:
    """The slot with so many pods of its newest template, ready since now."""
    pods = tuple(
        contract.Pod(
            f"{slot.workload}-{number}",
            f"mended-{slot.name}-{number}",
            ready=True,
            selected=True,
            ready_since=now,
        )
        for number in range(count)
    )
    return replace(
        slot,
        settled=True,
        paused=False,
        desired=count,
        total=count,
        updated=count,
        ready=count,
        available=count,
        pods=pods,
        endpoints=count if serving else 0,
        unready=0,
    )


def _service(cutover: Cutover, given: Object | None, live: str) -> Object:
    """A Service of the files is taken to be there, and to name the live slot, as Git leaves that out."""
    spec, metadata = _part(given, "spec"), _part(given, "metadata")
    selector = _part(spec, "selector") or {"app": cutover.service_name}
    kept = {key: metadata[key] for key in ("labels", "annotations") if isinstance(metadata.get(key), dict)}
    return {
        "metadata": {**kept, "name": cutover.service_name, "uid": "pretended", "resourceVersion": "1"},
        "spec": {
            "clusterIP": ADDRESS,
            "ports": [{"port": 80}],
            **spec,
            "selector": {cutover.selector_key: live, **selector},
        },
    }


def _part(whole: Object | None, name: str) -> Object:
    part = (whole or {}).get(name)
    return part if isinstance(part, dict) else {}


def _workload(slot: Slot, cutover: Cutover, beside: Beside, service: Object) -> Object:
    """The workload of the files, or one that fits, with all of its replicas ready."""
    spec = _part(beside.workloads.get(slot.name), "spec")
    replicas = spec.get("replicas")
    count = replicas if isinstance(replicas, int) else REPLICAS
    labels = {**base_selector(cutover, service["spec"]["selector"]), cutover.selector_key: slot.name}
    named = [one for one in service["spec"]["ports"] or () if isinstance(one.get("targetPort"), str)]
    ports = [{"name": one["targetPort"], "protocol": one.get("protocol", "TCP")} for one in named]
    template: Object = {"metadata": {"labels": labels}, "spec": {"containers": [{"ports": ports}]}}
    return {
        "metadata": {"name": slot.workload_ref.name, "generation": 1},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec, "replicas": count},
        "status": {
            "observedGeneration": 1,
            **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count),
        },
    }


def _pods(slot: Slot, workload: Object, now: datetime) -> list[Object]:
    """Pods with the labels of the template, ready since now."""
    labels = _part(_part(workload["spec"]["template"], "metadata"), "labels")
    name = slot.workload_ref.name
    owner = {"controller": True, "kind": str(slot.workload_ref.kind), "name": name}
    return [
        {
            "metadata": {
                "name": f"{name}-{number}",
                "uid": f"pretended-{name}-{number}",
                "labels": labels,
                "ownerReferences": [owner],
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(now)}],
            },
        }
        for number in range(workload["spec"]["replicas"])
    ]


def _slice(cutover: Cutover, service: Object, pods: list[Object]) -> Object:
    chosen = [one for one in pods if holds(service["spec"]["selector"], one["metadata"]["labels"])]
    return {
        "metadata": {"labels": {SERVICE_NAME: cutover.service_name}},
        "endpoints": [{"targetRef": {"kind": "Pod", "uid": one["metadata"]["uid"]}} for one in chosen],
    }


# what the operator's actions make of it


def marked(world: Observed, annotations: Mapping[str, str | None]) -> Observed:
    """The Service with these annotations; None takes one off."""
    traffic = world.traffic
    if traffic is None or traffic.service is None:
        return world
    service = traffic.service
    merged = {**service.annotations, **annotations}
    kept = {key: value for key, value in merged.items() if value is not None}
    version = f"{service.resource_version}+"
    return replace(
        world,
        traffic=replace(
            traffic, service=replace(service, annotations=kept, resource_version=version), at=world.now
        ),
    )


def pointed(world: Observed, action: PointService) -> Observed:
    """The Service points at the slot, and its slices hold the ready pods of that slot alone."""
    world = marked(world, action.annotations)
    traffic = world.traffic
    if traffic is None or traffic.service is None:
        return world
    slots = tuple(
        replace(slot, endpoints=slot.ready_pods if slot.name == action.slot else 0, unready=0)
        for slot in traffic.slots
    )
    service = replace(traffic.service, selector=dict(action.selector))
    return replace(world, traffic=replace(traffic, service=service, slots=slots, strangers=0))


def without_old_pods(world: Observed, live: str) -> Observed:
    """Somebody has scaled the slot down that is not live."""
    traffic = world.traffic
    if traffic is None:
        return world
    slots = tuple(
        slot if slot.name == live else replace(slot, pods=(), desired=0, settled=True)
        for slot in traffic.slots
    )
    return replace(world, traffic=replace(traffic, slots=slots))


def told(job: Job, action: TellProbe) -> Job:
    """The pod that checks knows of the switch."""
    pods = tuple(replace(pod, told=action.cutover) if pod.name == action.pod else pod for pod in job.pods)
    return replace(job, pods=pods)
