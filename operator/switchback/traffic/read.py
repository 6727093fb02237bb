"""From the objects of the API server to `contract.traffic`: who stands behind a Service, and in what state.

Which pods belong to a slot: those that its workload owns or chooses, and those that the Service would choose
for it. A pod of a workload whose label somebody has changed belongs to both sides, since the program of one
of them still runs in it, and the traffic of the other reaches it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.contract.digest import canonical, short
from switchback.contract.traffic import Pod, Slot, Traffic
from switchback.traffic.claim import NOBODY, Holder
from switchback.traffic.labels import holds, matches
from switchback.traffic.service import service_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from switchback.api import cutover as api
    from switchback.contract.traffic import Service

Object = dict[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice: the Service whose traffic it directs."""

POD_TEMPLATE_HASH = "pod-template-hash"
TEMPLATE_DIGITS = 16
SIDECAR = "Always"
"""restartPolicy of an init container that keeps running beside the others."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is needed of a workload. `seen` is the slot that it makes, without name and pods."""

    chosen: Object
    seen: Slot


def traffic_from(
    cutover: api.Cutover,
    service: Object | None,
    *,
    slices: Iterable[Object],
    workloads: Mapping[str, Object | None],
    autoscalers: Iterable[Object],
    pods: Iterable[Object],
    at: datetime,
    held_by: Holder = NOBODY,
) -> Traffic:
    """What is seen of a cutover, from objects as the API server has them.

    Args:
        cutover: what the spec says.
        service: the Service; None when there is none of that name.
        slices: its EndpointSlices; those of other Services are left out.
        workloads: by name of the slot; None or absent when there is none.
        autoscalers: the HorizontalPodAutoscalers of the namespace.
        pods: pods of the namespace, at least those of both slots.
        at: when the Service was read.
        held_by: another living resource that has the Service.
    """
    of_it = (one for one in slices if service_of(one) == cutover.service_name)
    return assemble(
        cutover,
        service_from(service) if service is not None else None,
        endpoints=endpoints_in(of_it),
        workloads={
            slot.name: workload_from(str(slot.workload_ref.kind), one)
            for slot in cutover.slots
            if (one := workloads.get(slot.name)) is not None
        },
        minimums=minimums_in(autoscalers),
        pods=pods,
        at=at,
        held_by=held_by,
    )


def assemble(
    cutover: api.Cutover,
    service: Service | None,
    *,
    endpoints: Mapping[str, bool],
    workloads: Mapping[str, Workload],
    minimums: Mapping[tuple[str, str], int],
    pods: Iterable[Object],
    at: datetime,
    held_by: Holder,
) -> Traffic:
    """The same, from parts that have been read before."""
    base = base_selector(cutover, service.selector) if service is not None else None
    everyone = list({pod["metadata"]["uid"]: pod for pod in pods}.values())
    sides = [
        _side(cutover, slot, base=base, workload=workloads.get(slot.name), pods=everyone, minimums=minimums)
        for slot in cutover.slots
    ]
    counted, strangers = _counted(endpoints, sides)
    holder = held_by if service else NOBODY
    return Traffic(
        at=at,
        service=service,
        slots=counted,
        strangers=strangers,
        claimed_by=holder.text,
        claim_ends=holder.leaving,
    )


def base_selector(cutover: api.Cutover, selector: Mapping[str, str]) -> dict[str, str]:
    """The Service's selector without the key that tells the slots apart."""
    return {key: value for key, value in selector.items() if key != cutover.selector_key}


def template_hash(workload: Object) -> str:
    """Short hash of a workload's pod template: another one means another program, or other settings."""
    template = (workload.get("spec") or {}).get("template") or {}
    return short(canonical(template).decode(), TEMPLATE_DIGITS)


def _side(
    cutover: api.Cutover,
    slot: api.Slot,
    *,
    base: Mapping[str, str] | None,
    workload: Workload | None,
    pods: Sequence[Object],
    minimums: Mapping[tuple[str, str], int],
) -> Slot:
    kind, name = str(slot.workload_ref.kind), slot.workload_ref.name
    belongs = _Belongs(cutover, slot, base, workload.chosen if workload is not None else {})
    mine = tuple(_pod(pod, selected=belongs.selected(pod)) for pod in pods if belongs.here(pod))
    seen = workload.seen if workload is not None else Slot("", kind, name)
    return replace(seen, name=slot.name, pods=mine, autoscaler_minimum=minimums.get((kind, name)))


@dataclass(frozen=True, slots=True)
class _Belongs:
    """Which pods are of one slot."""

    cutover: api.Cutover
    slot: api.Slot
    base: Mapping[str, str] | None
    chosen: Object

    def here(self, pod: Object) -> bool:
        if self.selected(pod):
            return True
        owner = owner_of(pod)
        if owner is not None:
            reference = self.slot.workload_ref
            return owner == (str(reference.kind), reference.name)
        # Nobody says. Selectors of workloads may overlap; a label that names the other slot is clearer.
        side = _labels(pod).get(self.cutover.selector_key)
        if side != self.slot.name and side in {one.name for one in self.cutover.slots}:
            return False
        return matches(self.chosen, _labels(pod))

    def selected(self, pod: Object) -> bool:
        labels = _labels(pod)
        if self.base is None or labels.get(self.cutover.selector_key) != self.slot.name:
            return False
        return holds(self.base, labels)


def _labels(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("labels") or {}


def owner_of(pod: Object) -> tuple[str, str] | None:
    """(kind, name) of the workload that has made this pod, as far as the pod itself tells."""
    owner = next((one for one in pod["metadata"].get("ownerReferences") or () if one.get("controller")), None)
    if owner is None:
        return None
    kind, name = str(owner["kind"]), str(owner["name"])
    # A Deployment's ReplicaSet is called after it and the hash that its pods carry as a label.
    if kind == "ReplicaSet":
        workload, _dash, made_of = name.rpartition("-")
        return ("Deployment", workload) if made_of == _labels(pod).get(POD_TEMPLATE_HASH) else None
    return kind, name


def workload_from(kind: str, body: Object) -> Workload:
    """The parts of a Deployment or StatefulSet that count. In a list, objects do not say their kind."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    template = spec.get("template") or {}
    replicas = spec.get("replicas")
    seen = Slot(
        name="",
        kind=kind,
        workload=metadata["name"],
        # What is being deleted takes no traffic any more.
        there="deletionTimestamp" not in metadata,
        settled=int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0),
        desired=1 if replicas is None else int(replicas),
        total=int(status.get("replicas") or 0),
        updated=int(status.get("updatedReplicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        available=int(status.get("availableReplicas") or 0),
        minimum_ready_seconds=int(spec.get("minReadySeconds") or 0),
        labels=(template.get("metadata") or {}).get("labels") or {},
        template=template_hash(body),
        paused=bool(spec.get("paused")),
        ports=_named_ports(template.get("spec") or {}),
    )
    return Workload(spec.get("selector") or {}, seen)


def _named_ports(spec: Object) -> frozenset[str]:
    """The ports that a Service may name: of containers, and of init containers that keep running."""
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == SIDECAR]
    return frozenset(
        f"{port['name']}/{port.get('protocol') or 'TCP'}"
        for container in (*(spec.get("containers") or ()), *sidecars)
        for port in container.get("ports") or ()
        if port.get("name")
    )


def minimums_in(autoscalers: Iterable[Object]) -> dict[tuple[str, str], int]:
    """Fewest replicas that an autoscaler leaves, by (kind, name) of what it scales."""
    found = {}
    for one in autoscalers:
        spec = one.get("spec") or {}
        scaled = spec.get("scaleTargetRef") or {}
        minimum = spec.get("minReplicas")
        found[str(scaled.get("kind")), str(scaled.get("name"))] = 1 if minimum is None else int(minimum)
    return found


def _pod(body: Object, *, selected: bool) -> Pod:
    metadata, status = body["metadata"], body.get("status") or {}
    conditions = status.get("conditions") or ()
    ready: Object = next((one for one in conditions if one.get("type") == "Ready"), {})
    is_ready = ready.get("status") == "True"
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        ready=is_ready,
        selected=selected,
        terminating="deletionTimestamp" in metadata,
        over=status.get("phase") in {"Succeeded", "Failed"},
        address=status.get("podIP") or "",
        restarted=_restarted(status),
        ready_since=_time(ready.get("lastTransitionTime")) if is_ready else None,
    )


def _restarted(status: Object) -> datetime | None:
    """When a container of the pod last began again, or ended where it has not yet begun again."""
    containers = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
    times = []
    for one in containers:
        if not one.get("restartCount"):
            continue
        running = (one.get("state") or {}).get("running") or {}
        last = (one.get("lastState") or {}).get("terminated") or {}
        time = _time(running.get("startedAt") or last.get("finishedAt"))
        if time is not None:
            times.append(time)
    return max(times, default=None)


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def service_of(one: Object) -> str:
    """Name of the Service whose traffic a slice directs."""
    return str((one["metadata"].get("labels") or {}).get(SERVICE_NAME, ""))


def endpoints_in(slices: Iterable[Object]) -> dict[str, bool]:
    """Whether it is ready, by UID of the pod or by address.

    Every slice that carries the Service's name counts, whoever has made it: the data plane asks no more. A
    pod counts once, in however many slices it is: there are some for each family of addresses, and two for a
    moment while it moves from one to another.
    """
    ready = dict[str, bool]()
    for one in slices:
        for endpoint in one.get("endpoints") or ():
            who = _who(endpoint)
            ready[who] = ready.get(who, False) or _ready(endpoint)
    return ready


def _counted(ready: Mapping[str, bool], sides: Sequence[Slot]) -> tuple[tuple[Slot, ...], int]:
    """The slots with their endpoints, and how many ready ones are of neither."""
    owner = _owner_of_pods(sides)
    yes, no, strangers = Counter[str](), Counter[str](), 0
    for who, is_ready in ready.items():
        if who in owner:
            (yes if is_ready else no)[owner[who]] += 1
        elif is_ready:
            strangers += 1
    counted = tuple(replace(side, endpoints=yes[side.name], unready=no[side.name]) for side in sides)
    return counted, strangers


def _who(endpoint: Object) -> str:
    """What the endpoint is: the UID of its pod, or its address."""
    target = endpoint.get("targetRef") or {}
    if target.get("kind") == "Pod" and target.get("uid"):
        return str(target["uid"])
    return "address " + ",".join(endpoint.get("addresses") or ())


def _ready(endpoint: Object) -> bool:
    """Whether new connections go there. A condition that is not said means yes."""
    conditions = endpoint.get("conditions") or {}
    return conditions.get("ready") is not False and not conditions.get("terminating")


def _owner_of_pods(sides: Sequence[Slot]) -> dict[str, str]:
    """Name of the slot by UID of the pod. Where two could have it, the one that the Service would choose."""
    owner = {pod.uid: side.name for side in sides for pod in side.pods}
    owner.update({pod.uid: side.name for side in sides for pod in side.pods if pod.selected})
    return owner
