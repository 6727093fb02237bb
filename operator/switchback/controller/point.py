"""The writes of the second rail: whose a Service is, where it points, and that the checking pod knows.

A Service is changed by one merge patch, over the version that was looked at, so that nobody's change is
lost and nothing else of it is touched. Its selector is one atomic field: what is not wished for is taken off
by name.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.controller.kube.errors import ConflictError, NotFoundError
from switchback.controller.kube.kinds import PODS, SERVICES
from switchback.traffic.service import service_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.contract.traffic import Service
    from switchback.controller.decision import MarkService, PointService, TellProbe
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed

Object = dict[str, Any]

FRESH_SECONDS = 5.0
"""So old may be what was seen when traffic is moved by it."""


TRIES = 20
"""So often a write is begun again that somebody's note on the Service has outpaced."""


class OutdatedError(Exception):
    """The world is no longer as it was observed: nothing was done; look again."""


class OutpacedError(OutdatedError):
    """The Service has another version. Whether anything that counts has changed is not said."""


async def mark(client: Client, world: Observed, action: MarkService) -> Object:
    """Write on the Service what is to be known of it.

    Raises:
        OutdatedError: the Service is not as it was seen.
    """
    return await _patch(client, world, action.annotations, None)


async def point(client: Client, world: Observed, action: PointService) -> Object:
    """Point the Service at a slot.

    Raises:
        OutdatedError: the Service is not as it was seen, or that was too long ago.
    """
    seen = world.traffic
    old = seen is None or (datetime.now(UTC) - seen.at).total_seconds() > FRESH_SECONDS
    if old and not action.back:  # however slow the API server is, the way back is not given up for it
        raise OutdatedError("what was seen of the Service is too old to move traffic by")
    return await _patch(client, world, action.annotations, action.selector)


async def again(client: Client, world: Observed) -> Observed:
    """The world with the Service's newest version, if nothing that counts has changed.

    Many tools note something on a Service from time to time. That is no reason for another look: a slot whose
    pods are dead would stay live for as long as somebody goes on with that.

    Raises:
        OutdatedError: something has changed.
    """
    traffic = world.traffic
    if traffic is None or traffic.service is None:
        raise OutdatedError("there was no Service")
    seen = traffic.service
    try:
        found = service_from(await client.get(SERVICES, world.namespace, seen.name))
    except NotFoundError:
        raise OutdatedError(seen.name) from None
    if _what_counts(found) != _what_counts(seen):
        raise OutdatedError(seen.name)
    return replace(world, traffic=replace(traffic, service=found))


def _what_counts(service: Service) -> Service:
    """The Service without its version, notes of others, and when somebody has taken the selector."""
    ours = {key: value for key, value in service.annotations.items() if key.startswith(f"{names.GROUP}/")}
    owners = tuple(replace(owner, time="") for owner in service.owners)
    return replace(service, resource_version="", annotations=ours, owners=owners)


async def tell(client: Client, world: Observed, action: TellProbe) -> Object | None:
    """Tell the pod that checks that the traffic has moved. A pod that is gone is noticed by the next look."""
    body = {"metadata": {"annotations": {names.ANNOTATION_SWITCHED: action.cutover}}}
    try:
        return await client.merge(PODS, world.namespace, action.pod, body)
    except NotFoundError:
        return None


async def _patch(
    client: Client,
    world: Observed,
    annotations: Mapping[str, str | None],
    selector: Mapping[str, str] | None,
) -> Object:
    service = world.traffic.service if world.traffic is not None else None
    if service is None:
        raise OutdatedError("there was no Service")
    body: Object = {
        "metadata": {
            "uid": service.uid,
            "resourceVersion": service.resource_version,
            "annotations": dict(annotations),
        }
    }
    if selector is not None:
        body["spec"] = {"selector": _whole(service, selector)}
    try:
        return await client.merge(SERVICES, world.namespace, service.name, body)
    except ConflictError:
        raise OutpacedError(service.name) from None
    except NotFoundError:
        raise OutdatedError(service.name) from None


def _whole(service: Service, selector: Mapping[str, str]) -> dict[str, str | None]:
    """The selector as a merge patch that leaves nothing else."""
    return {**dict.fromkeys(service.selector.keys() - selector.keys()), **selector}
