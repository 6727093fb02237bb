"""Which resources name which objects: an index from an object that changes to those who want a look.

Objects are named by kind, namespace and name; a resource only ever names objects of its own namespace.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.api.cutover import Cutover
from switchback.controller.kube.kinds import CONFIG_MAPS, DEPLOYMENTS, PODS, SERVICES, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchback.controller.kube.kinds import Kind
    from switchback.controller.queue import Key

EVERYWHERE = ""

SELECTOR_KEY = str(Cutover.model_fields["selector_key"].default)


class Reference(NamedTuple):
    """An object in the namespace of whoever names it."""

    kind: Kind
    name: str


def references_in(spec: Mapping[str, Any]) -> frozenset[Reference]:
    """What a spec names, as the API server has it. It may be one that the models refuse."""
    source, cutover = spec.get("source") or {}, spec.get("cutover") or {}
    maps = [Reference(CONFIG_MAPS, one.get("name", "")) for one in source.get("configMapRefs") or ()]
    service = Reference(SERVICES, cutover.get("serviceName", ""))
    slots = [slot.get("workloadRef") or {} for slot in cutover.get("slots") or ()]
    workloads = [
        Reference(kind, one.get("name", ""))
        for one in slots
        if (kind := WORKLOADS.get(one.get("kind", DEPLOYMENTS.kind)))
    ]
    # Pods are named by the label that tells the slots apart.
    pods = Reference(PODS, cutover.get("selectorKey", SELECTOR_KEY) if cutover else "")
    return frozenset(one for one in (*maps, service, *workloads, pods) if one.name)


class References:
    """The index. It is as old as the last event of each resource."""

    def __init__(self) -> None:
        self._readers: dict[Kind, dict[tuple[str, str], set[Key]]] = {}
        self._by: dict[Key, frozenset[Reference]] = {}
        self._some: dict[tuple[Kind, str], asyncio.Event] = {}
        self._grown: dict[Kind, asyncio.Event] = {}

    def refer(self, key: Key, wanted: Iterable[Reference]) -> None:
        """The resource `key` names these objects, and no others."""
        new = frozenset(wanted)
        old = self._by.get(key, frozenset())
        for kind, name in old - new:
            self._drop(kind, (key.namespace, name), key)
        for kind, name in new - old:
            self._add(kind, (key.namespace, name), key)
            for namespace in (key.namespace, EVERYWHERE):
                self._event(kind, namespace).set()
        if new:
            self._by[key] = new
        else:
            self._by.pop(key, None)

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self.refer(key, ())

    def readers(self, kind: Kind, namespace: str, name: str) -> frozenset[Key]:
        """The resources that name this object."""
        return frozenset(self._readers.get(kind, {}).get((namespace, name), ()))

    def all_readers(self, kind: Kind, namespace: str = EVERYWHERE) -> frozenset[Key]:
        """Every resource of a namespace, or of all, that names an object of this kind."""
        places = self._readers.get(kind, {}).items()
        return frozenset(
            key for (where, _), keys in places if namespace in {EVERYWHERE, where} for key in keys
        )

    def named(self, kind: Kind) -> frozenset[tuple[str, str]]:
        """(namespace, name) of every object of this kind that somebody names."""
        return frozenset(self._readers.get(kind, {}))

    async def wanted(self, kind: Kind, namespace: str = EVERYWHERE) -> bool:
        """Returns once some resource names an object of this kind, and whether that had to be waited for."""
        event = self._event(kind, namespace)
        if event.is_set() and not self.all_readers(kind, namespace):
            event.clear()
        waited = not event.is_set()
        await event.wait()
        return waited

    async def grown(self, kind: Kind) -> None:
        """Returns once an object of this kind is named that nobody has named before."""
        await self._grown.setdefault(kind, asyncio.Event()).wait()

    def _add(self, kind: Kind, place: tuple[str, str], key: Key) -> None:
        places = self._readers.setdefault(kind, {})
        if place not in places and kind in self._grown:
            self._grown.pop(kind).set()
        places.setdefault(place, set()).add(key)

    def _event(self, kind: Kind, namespace: str) -> asyncio.Event:
        return self._some.setdefault((kind, namespace), asyncio.Event())

    def _drop(self, kind: Kind, place: tuple[str, str], key: Key) -> None:
        readers = self._readers[kind][place]
        readers.discard(key)
        if not readers:
            del self._readers[kind][place]
