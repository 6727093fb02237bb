"""What stands behind the Service of a cutover: read now, with the rights of whoever asks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchback.api.cutover import WorkloadKind
from switchback.controller.kube.errors import NotFoundError, RefusedError
from switchback.controller.kube.kinds import (
    AUTOSCALERS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    MIGRATIONS,
    PODS,
    SERVICES,
    STATEFUL_SETS,
)
from switchback.kubectl.troubles import refused
from switchback.traffic.claim import NOBODY, Holder, holder, rival
from switchback.traffic.read import SERVICE_NAME, traffic_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.api.cutover import Cutover, Slot
    from switchback.contract.traffic import Traffic
    from switchback.controller.kube.kinds import Kind
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session

WORKLOADS = {WorkloadKind.DEPLOYMENT: DEPLOYMENTS, WorkloadKind.STATEFUL_SET: STATEFUL_SETS}


@dataclass(frozen=True, slots=True)
class Behind:
    """What was seen. `traffic` is None where something that matters may not be read; `note` says what."""

    traffic: Traffic | None
    note: str = ""


async def behind(session: Session, resource: Resource, cutover: Cutover) -> Behind:
    """Look at the Service, its endpoints, and the workloads of both slots."""
    space = resource.namespace
    at = datetime.now(UTC)
    chosen = {"labelSelector": f"{SERVICE_NAME}={cutover.service_name}"}
    first, second = cutover.slots
    try:
        service, (slices, _), (pods, _), one, other = await asyncio.gather(
            _get(session, SERVICES, space, cutover.service_name),
            session.client.all(ENDPOINT_SLICES, space, chosen),
            session.client.all(PODS, space, {}),
            _workload(session, space, first),
            _workload(session, space, second),
        )
        held_by = await _held_by(session, resource, service, cutover)
    except RefusedError as error:
        return Behind(None, f"the guards of the cutover are not shown: {refused(error).message}")
    autoscalers, note = await _autoscalers(session, space)
    traffic = traffic_from(
        cutover,
        service,
        slices=slices,
        workloads={first.name: one, second.name: other},
        autoscalers=autoscalers,
        pods=pods,
        at=at,
        held_by=held_by,
    )
    return Behind(traffic, note)


async def _workload(session: Session, space: str, slot: Slot) -> Object | None:
    return await _get(session, WORKLOADS[slot.workload_ref.kind], space, slot.workload_ref.name)


async def _get(session: Session, kind: Kind, space: str, name: str) -> Object | None:
    try:
        return await session.client.get(kind, space, name)
    except NotFoundError:
        return None


async def _autoscalers(session: Session, space: str) -> tuple[list[Object], str]:
    try:
        found, _ = await session.client.all(AUTOSCALERS, space, {})
    except RefusedError as error:
        return [], f"autoscalers are not looked at: {refused(error).message}"
    return found, ""


async def _held_by(session: Session, resource: Resource, service: Object | None, cutover: Cutover) -> Holder:
    """The other living resource that has the Service."""
    annotations: Mapping[str, str] = ((service or {}).get("metadata") or {}).get("annotations") or {}
    claim = rival(annotations, resource.namespace, resource.uid)
    if claim is None:
        return NOBODY
    return holder(claim, await _get(session, MIGRATIONS, claim.namespace, claim.name), cutover.service_name)
