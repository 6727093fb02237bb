"""What a resync knows of traffic: from paged lists, instead of ten requests for each resource.

Pods are listed as metadata only, since a cluster's pods are what costs most. So whether one is ready is not
seen but inferred: it is if it is a ready endpoint, or if its workload says that all of its pods are. The
worst that follows from a wrong guess is a look too many, and what changes in a workload is watched anyway.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.errors import RefusedError
from switchback.controller.kube.kinds import ENDPOINT_SLICES, PODS, SERVICES, WORKLOADS
from switchback.controller.observe_traffic import refused
from switchback.traffic.claim import NOBODY, Holder, rival
from switchback.traffic.read import (
    assemble,
    base_selector,
    endpoints_in,
    owner_of,
    service_of,
    workload_from,
)
from switchback.traffic.service import service_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import datetime

    from switchback.api import cutover as api
    from switchback.contract.traffic import Service, Traffic
    from switchback.controller.kube.client import Client
    from switchback.controller.kube.kinds import Kind
    from switchback.controller.references import References
    from switchback.traffic.read import Workload

Object = dict[str, Any]
Place = tuple[str, str]

PAGE = 500
FEW_NAMESPACES = 5
"""In so many namespaces it is cheaper to list each of them than the whole cluster."""
NOT_OVER = "status.phase!=Succeeded,status.phase!=Failed"
"""Metadata does not say whether a pod still runs, so those that do not are left out by the API server."""
FEW_LABELS = 8
"""So many labels that tell slots apart are listed one by one; of more, all pods are listed once."""


class _Pods:
    """Pods by what they may be looked for: who has made them, and each of their labels."""

    def __init__(self) -> None:
        self._by_owner: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
        self._by_label: dict[tuple[str, str, str], list[Object]] = defaultdict(list)

    def add(self, pod: Object) -> None:
        """One more, of which only the parts are kept that are read."""
        slim = _slim(pod)
        namespace = pod["metadata"]["namespace"]
        owner = owner_of(slim)
        if owner is not None:
            self._by_owner[namespace, *owner].append(slim)
        for label in (slim["metadata"].get("labels") or {}).items():
            self._by_label[namespace, *label].append(slim)

    def behind(self, namespace: str, cutover: api.Cutover, service: Service | None) -> Iterator[Object]:
        """Those that may be pods of a slot: all of these are, and some others."""
        for slot in cutover.slots:
            yield from self._by_owner.get(
                (namespace, str(slot.workload_ref.kind), slot.workload_ref.name), ()
            )
            wanted = {cutover.selector_key: slot.name}
            if service is not None:
                wanted |= base_selector(cutover, service.selector)
            lists = [self._by_label.get((namespace, *label), []) for label in wanted.items()]
            yield from min(lists, key=len)


@dataclass
class TrafficLists:
    """Everything that resources with a cutover name, of one sweep."""

    services: dict[Place, Service] = field(default_factory=dict)
    endpoints: dict[Place, dict[str, bool]] = field(default_factory=dict)
    workloads: dict[tuple[str, str, str], Workload] = field(default_factory=dict)
    pods: _Pods = field(default_factory=_Pods)
    refused: str = ""

    def of(self, namespace: str, cutover: api.Cutover, uid: str, now: datetime) -> Traffic:
        """What is seen of one cutover. `uid` is that of the resource, `now` a time before the lists."""
        if self.refused:
            return refused(cutover, self.refused, now)
        place = namespace, cutover.service_name
        service, endpoints = self.services.get(place), self.endpoints.get(place, {})
        workloads = {
            slot.name: found
            for slot in cutover.slots
            if (found := self.workloads.get((str(slot.workload_ref.kind), namespace, slot.workload_ref.name)))
        }
        return assemble(
            cutover,
            service,
            endpoints=endpoints,
            workloads=workloads,
            minimums={},
            pods=_with_readiness(
                self.pods.behind(namespace, cutover, service),
                endpoints,
                {
                    (str(slot.workload_ref.kind), slot.workload_ref.name)
                    for slot in cutover.slots
                    if slot.name in workloads and _all_ready(workloads[slot.name])
                },
            ),
            at=now,
            held_by=_held_by(namespace, service, uid),
        )


def _slim(pod: Object) -> Object:
    metadata = pod["metadata"]
    kept = ("name", "uid", "labels", "deletionTimestamp")
    owners = [
        {"kind": one["kind"], "name": one["name"], "controller": True}
        for one in metadata.get("ownerReferences") or ()
        if one.get("controller")
    ]
    return {
        "metadata": {**{name: metadata[name] for name in kept if name in metadata}, "ownerReferences": owners}
    }


def _all_ready(workload: Workload) -> bool:
    return 0 < workload.seen.total <= workload.seen.ready


def _with_readiness(
    pods: Iterator[Object], endpoints: Mapping[str, bool], ready: set[tuple[str, str]]
) -> Iterator[Object]:
    for pod in pods:
        good = endpoints.get(pod["metadata"]["uid"], False) or owner_of(pod) in ready
        conditions = [{"type": "Ready", "status": "True"}] if good else []
        yield {**pod, "status": {"conditions": conditions}}


def _held_by(namespace: str, service: Service | None, uid: str) -> Holder:
    """Whether that other resource still lives is looked up by a look."""
    claim = rival(service.annotations, namespace, uid) if service is not None else None
    return Holder(claim.text) if claim is not None else NOBODY


async def read_lists(client: Client, namespace: str, references: References) -> TrafficLists:
    """Lists what is named by resources of a namespace ("" is all). Nothing is listed where nothing is named.

    Raises:
        KubeError: the API server could not be asked. Where it refuses, the lists say so instead.
    """
    reading = _Reading(client, references, TrafficLists())
    try:
        for place in _places(namespace, references):
            await reading.services(place)
            await reading.slices(place)
            await reading.workloads(place)
            await reading.pods(place)
    except RefusedError as error:
        reading.into.refused = error.message
    return reading.into


def _places(namespace: str, references: References) -> list[str]:
    """The namespaces to list, or the whole cluster."""
    if namespace:
        return [namespace] if references.all_readers(SERVICES, namespace) else []
    found = sorted({where for where, _name in references.named(SERVICES)})
    return found if len(found) <= FEW_NAMESPACES else [""]


@dataclass
class _Reading:
    client: Client
    references: References
    into: TrafficLists

    async def services(self, namespace: str) -> None:
        async for place, one in self._named(SERVICES, namespace):
            self.into.services[place] = service_from(one)

    async def slices(self, namespace: str) -> None:
        services = self.references.named(SERVICES)
        async for page in self.client.pages(ENDPOINT_SLICES, namespace, limit=PAGE):
            for one in page:
                place = one["metadata"]["namespace"], service_of(one)
                if place in services:
                    seen = self.into.endpoints.setdefault(place, {})
                    seen.update(
                        {who: ready or seen.get(who, False) for who, ready in endpoints_in([one]).items()}
                    )

    async def workloads(self, namespace: str) -> None:
        for kind in WORKLOADS.values():
            if self.references.all_readers(kind, namespace):
                async for place, one in self._named(kind, namespace):
                    self.into.workloads[kind.kind, *place] = workload_from(kind.kind, one)

    async def pods(self, namespace: str) -> None:
        keys = {key for where, key in self.references.named(PODS) if namespace in {"", where}}
        for label in sorted(keys) if len(keys) <= FEW_LABELS else [""]:
            async for page in self.client.pages(
                PODS, namespace, labels=label, fields=NOT_OVER, metadata=True, limit=PAGE
            ):
                for one in page:
                    if not keys.isdisjoint(one["metadata"].get("labels") or {}):
                        self.into.pods.add(one)

    async def _named(self, kind: Kind, namespace: str) -> AsyncIterator[tuple[Place, Object]]:
        """The objects of a kind that somebody names."""
        named = self.references.named(kind)
        async for page in self.client.pages(kind, namespace, limit=PAGE):
            for one in page:
                place = one["metadata"]["namespace"], one["metadata"]["name"]
                if place in named:
                    yield place, one
