"""Where the traffic is before anything begins: by the cluster, by the files, else taken to be well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchback.controller.observe_traffic import read_traffic
from switchback.explain import rail
from switchback.explain.findings import Finding, Level
from switchback.traffic.guards import guards

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.api.status import Status
    from switchback.contract.traffic import Traffic
    from switchback.explain.looking import Looking
    from switchback.explain.references import Companions
    from switchback.explain.stories import Stage

CUTOVER = ("spec", "cutover")


async def seen(
    client: Looking, namespace: str, cutover: Cutover, uid: str
) -> tuple[Traffic | None, list[Finding]]:
    """Service and slots, read as the operator reads them, with the user's rights; None: one may not look."""
    found = await read_traffic(client, namespace, cutover, uid, datetime.now(UTC))
    if not found.refused:
        return found, []
    message = f"you may not see Service and slots, which are taken to be well: {found.refused}."
    return None, [Finding(Level.UNKNOWN, "Forbidden", message, CUTOVER)]


def traffic_of(
    cutover: Cutover | None, found: Traffic | None, beside: Companions, namespace: str, status: Status
) -> Traffic | None:
    """What the operator would see.

    Args:
        cutover: what the spec says; None: nothing.
        found: what the cluster shows; None: nothing.
        beside: what comes with the files.
        namespace: of the resource.
        status: what was known of it before.
    """
    if cutover is None:
        return None
    now, given = datetime.now(UTC), _beside(cutover, beside, namespace)
    live = status.traffic.live_slot if status.traffic is not None else ""
    try:
        pretence = rail.pretended(cutover, given, now, live)
    except (AttributeError, KeyError, TypeError, ValueError):  # no Service or workload that would be taken
        given = rail.Beside()
        pretence = rail.pretended(cutover, given, now, live)
    return pretence if found is None else rail.completed(found, pretence, given)


def _beside(cutover: Cutover, beside: Companions, namespace: str) -> rail.Beside:
    service = beside.objects.get(("Service", namespace, cutover.service_name))
    workloads = {
        slot.name: one.data
        for slot in cutover.slots
        if (one := beside.objects.get((str(slot.workload_ref.kind), namespace, slot.workload_ref.name)))
    }
    return rail.Beside(service.data if service is not None else None, workloads)


def cautions(stage: Stage) -> list[Finding]:
    """What people should know of Service and slots before a switch, and what does not stand in its way."""
    cutover, traffic = stage.spec.cutover, stage.world.traffic
    if cutover is None or traffic is None:
        return []
    return [
        Finding(Level.WARNING, guard.reason, guard.message, CUTOVER, guard.advice)
        for guard in guards(cutover, traffic, stage.live, cutover.active_slot)
        if guard.warning and not guard.passed
    ]
