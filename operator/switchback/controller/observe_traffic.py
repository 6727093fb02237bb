"""Reading a Service and what stands behind it, live, in one go.

The order of the reads matters. The Service comes first: a patch of it carries the version that was read, so
whatever allowed the patch was read after that version. The pods come last: a pod that is in a slice was ready
before that, so the list of pods knows it.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Any

from switchback.contract.traffic import Slot, Traffic
from switchback.controller.kube.errors import NotFoundError, RefusedError
from switchback.controller.kube.kinds import (
    AUTOSCALERS,
    ENDPOINT_SLICES,
    MIGRATIONS,
    PODS,
    SERVICES,
    WORKLOADS,
)
from switchback.traffic.claim import NOBODY, Holder, holder, rival
from switchback.traffic.labels import query
from switchback.traffic.read import SERVICE_NAME, traffic_from

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchback.api import cutover as api
    from switchback.controller.kube.client import Client
    from switchback.controller.kube.kinds import Kind

Object = dict[str, Any]


async def read_traffic(
    client: Client, namespace: str, cutover: api.Cutover, uid: str, now: datetime
) -> Traffic:
    """The Service and both slots as they are.

    Args:
        client: to the API server.
        namespace: of the resource, the Service and the workloads.
        cutover: what the spec says.
        uid: of the resource that looks.
        now: a time before this call.

    Raises:
        KubeError: the API server could not be asked. Where it refuses, the answer says so instead.
    """
    try:
        return await _read(client, namespace, cutover, uid, now)
    except RefusedError as error:
        return refused(cutover, error.message, now)


def refused(cutover: api.Cutover, words: str, now: datetime) -> Traffic:
    """What is known when the operator may not look."""
    slots = tuple(
        Slot(slot.name, str(slot.workload_ref.kind), slot.workload_ref.name) for slot in cutover.slots
    )
    return Traffic(at=now, service=None, slots=slots, refused=words)


async def _read(client: Client, namespace: str, cutover: api.Cutover, uid: str, now: datetime) -> Traffic:
    service = await _get(client, SERVICES, namespace, cutover.service_name)
    slices, scalers, held_by, workloads = await asyncio.gather(
        client.find(ENDPOINT_SLICES, namespace, labels=f"{SERVICE_NAME}={cutover.service_name}"),
        _autoscalers(client, namespace),
        _claimant(client, namespace, cutover.service_name, service, uid),
        asyncio.gather(*(_workload(client, namespace, slot) for slot in cutover.slots)),
    )
    by_slot = {slot.name: one for slot, one in zip(cutover.slots, workloads, strict=True)}
    wanted = pod_queries(cutover, workloads)
    lists = await asyncio.gather(*(client.find(PODS, namespace, labels=one) for one in wanted))
    return traffic_from(
        cutover,
        service,
        slices=slices,
        workloads=by_slot,
        autoscalers=scalers,
        pods=chain.from_iterable(lists),
        at=now,
        held_by=held_by,
    )


def pod_queries(cutover: api.Cutover, workloads: Iterable[Object | None]) -> list[str]:
    """Label selectors that together choose every pod of both slots; most often one is enough."""
    key, values = cutover.selector_key, sorted(slot.name for slot in cutover.slots)
    found = [f"{key} in ({','.join(values)})"]
    for workload in workloads:
        chosen: Object = ((workload or {}).get("spec") or {}).get("selector") or {}
        if (chosen.get("matchLabels") or {}).get(key) not in values and (text := query(chosen)):
            found.append(text)
    return sorted(set(found))


async def _workload(client: Client, namespace: str, slot: api.Slot) -> Object | None:
    return await _get(client, WORKLOADS[str(slot.workload_ref.kind)], namespace, slot.workload_ref.name)


async def _get(client: Client, kind: Kind, namespace: str, name: str) -> Object | None:
    try:
        return await client.get(kind, namespace, name)
    except NotFoundError:
        return None


async def _autoscalers(client: Client, namespace: str) -> list[Object]:
    """Only for a warning, so a cluster that has none, or does not show them, is fine."""
    try:
        return await client.find(AUTOSCALERS, namespace)
    except (NotFoundError, RefusedError):
        return []


async def _claimant(client: Client, namespace: str, wanted: str, service: Object | None, uid: str) -> Holder:
    """Another resource that lives and has this Service."""
    annotations = service["metadata"].get("annotations") or {} if service is not None else {}
    claim = rival(annotations, namespace, uid)
    if claim is None:
        return NOBODY
    return holder(claim, await _get(client, MIGRATIONS, namespace, claim.name), wanted)
