"""Guards about the two workloads: whether the Service can choose their pods, and whether these are ready."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason
from switchback.traffic.guard import Guard, fails, holds, warns
from switchback.traffic.read import base_selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchback.api import cutover as api
    from switchback.contract.traffic import Service, Slot, Traffic

CALM = timedelta(seconds=30)
"""So long no container of the new slot may have been restarted."""


def about_workloads(cutover: api.Cutover, traffic: Traffic, slots: Iterable[Slot]) -> Iterator[Guard]:
    """Whether the pods of these slots carry the labels, and have the ports, that the Service asks for.

    A workload that is not there yet is waited for, and then looked at.
    """
    service = traffic.service
    for slot in slots:
        if slot.there:
            yield _labelled(cutover, slot)
            if service is not None and service.selector:
                yield _chosen(cutover, service, slot)
                yield _ports(service, slot)


def _labelled(cutover: api.Cutover, slot: Slot) -> Guard:
    key, found = cutover.selector_key, slot.labels.get(cutover.selector_key)
    name = f"slot-label-{slot.name}"
    if found == slot.name:
        return holds(name, f"the pods of {_what(slot)} carry {key}={slot.name}")
    is_now = "does not have it" if found is None else f"says {key}={found}"
    text = f"{_what(slot)}: its pod template needs the label {key}={slot.name} and {is_now}"
    return fails(name, OperatorReason.SLOT_LABEL_MISSING, text, fatal=True)


def _chosen(cutover: api.Cutover, service: Service, slot: Slot) -> Guard:
    name, base = f"slot-chosen-{slot.name}", base_selector(cutover, service.selector)
    missing = {key: value for key, value in base.items() if slot.labels.get(key) != value}
    if not missing:
        return holds(name, f"Service {service.name} can choose the pods of {_what(slot)}")
    labels = ",".join(f"{key}={value}" for key, value in sorted(missing.items()))
    text = f"{_what(slot)}: its pod template lacks {labels}, which Service {service.name} selects by"
    return fails(name, OperatorReason.SELECTOR_MISMATCH, text, fatal=True)


def _ports(service: Service, slot: Slot) -> Guard:
    """A number needs no port in the pod's spec. A name that no container has gives no endpoint at all."""
    name = f"slot-ports-{slot.name}"
    for port in service.ports:
        if not port.target.isdigit() and f"{port.target}/{port.protocol}" not in slot.ports:
            text = f"{_what(slot)}: none of its containers has a port {port.target} ({port.protocol})"
            return fails(
                name, OperatorReason.PORT_UNKNOWN, f"{text}, which Service {service.name} names", fatal=True
            )
    return holds(name, f"{_what(slot)} has the ports that Service {service.name} names")


def required(cutover: api.Cutover, traffic: Traffic, live: str, slot: Slot) -> int:
    """How many ready pods `slot` needs before the traffic of `live` may go there.

    A share of what is ready in the live slot now; and the same share of what the slot itself is to have, so
    that a rollout which is half done or half broken does not count as ready.
    """
    now = traffic.slot(live)
    return max(1, _share(cutover, now.endpoints if now is not None else 0), _share(cutover, slot.desired))


def proven(cutover: api.Cutover, before: int, slot: Slot) -> int:
    """How many ready endpoints of `slot` prove that the traffic has arrived, and can stay.

    The same share as before the switch of what the old slot had then, `before`, as far as the new one is to
    have so many: never more than what was `required`.
    """
    return max(1, _share(cutover, min(before, slot.desired)))


def _share(cutover: api.Cutover, number: int) -> int:
    return -(-number * cutover.minimum_ready_percent // 100)


def about_new_slot(cutover: api.Cutover, traffic: Traffic, live: str, wished: str) -> Iterator[Guard]:
    """Whether the slot that is to be live could take the traffic right now."""
    slot = traffic.slot(wished)
    if slot is None or not slot.there:
        kind, name = (slot.kind, slot.workload) if slot is not None else ("Workload of slot", wished)
        yield fails("slot-there", OperatorReason.SLOT_MISSING, f"{kind} {name} does not exist")
        return
    yield holds("slot-there", f"{_what(slot)} exists")
    need = required(cutover, traffic, live, slot)
    yield _rolled_out(slot)
    yield _enough(slot, need)
    yield _calm(slot, traffic)
    minimum = slot.autoscaler_minimum
    if minimum is not None and minimum < need:
        text = f"the autoscaler of {_what(slot)} has minReplicas {minimum}, and {need} ready pods are needed"
        yield warns("autoscaler", OperatorReason.AUTOSCALER_TOO_LOW, text)
    if slot.paused:
        yield warns(
            "rollout-paused", OperatorReason.ROLLOUT_PAUSED, f"the rollout of {_what(slot)} is paused"
        )


def _rolled_out(slot: Slot) -> Guard:
    """Whether every pod is of the newest template."""
    what, found = _what(slot), ""
    if not slot.settled:
        found = f"the controller of {what} has not seen its newest spec yet"
    elif slot.desired == 0:
        found = f"{what} is scaled to 0"
    elif slot.total > slot.updated:
        older = slot.total - slot.updated
        found = f"{what}: {older} of {slot.total} pods are of an older template"
    if found:
        return fails("slot-rolled-out", OperatorReason.SLOT_NOT_READY, found)
    return holds("slot-rolled-out", f"every pod of {what} is of its newest template")


def _enough(slot: Slot, need: int) -> Guard:
    """Whether so many pods are ready, have been so for minReadySeconds, and would be chosen."""
    what, name = _what(slot), "slot-ready"
    if slot.settled and slot.desired < need:
        text = f"{what} is scaled to {slot.desired}, and {need} ready pods are needed"
        return fails(name, OperatorReason.SLOT_NOT_READY, text)
    for number, state in (
        (slot.updated, "of the newest template"),
        (slot.ready, "ready"),
        (slot.available, f"ready for {slot.minimum_ready_seconds} s, as minReadySeconds wants"),
        (slot.ready_pods, "ready with the labels that the Service selects by"),
    ):
        if number < need:
            return fails(name, OperatorReason.SLOT_NOT_READY, f"{what}: {number} of {need} pods are {state}")
    return holds(name, f"{what}: {slot.ready_pods} pods are ready, {need} are needed")


def _calm(slot: Slot, traffic: Traffic) -> Guard:
    """Whether none of its pods has crashed a moment ago."""
    for pod in slot.pods:
        if pod.restarted is None or pod.over or pod.terminating or not pod.selected:
            continue
        seconds = int((traffic.at - pod.restarted).total_seconds())
        if traffic.at - pod.restarted < CALM:
            text = f"a container of pod {pod.name} was restarted {max(0, seconds)} s ago"
            return fails("slot-calm", OperatorReason.SLOT_NOT_READY, text)
    return holds("slot-calm", f"no container of {_what(slot)} was restarted in the last {CALM.seconds} s")


def about_way_back(cutover: api.Cutover, traffic: Traffic, live: str) -> Iterator[Guard]:
    """Whether the traffic could come back. While it is not clear which slot is live, nobody can tell."""
    slot = traffic.slot(live)
    if slot is None:
        return
    if slot.ready_pods:
        yield holds("way-back", f"{_what(slot)} has {slot.ready_pods} ready pods to go back to")
        return
    text = f"{_what(slot)}, where the traffic goes now, has no ready pod"
    if cutover.allow_no_return:
        yield warns("way-back", OperatorReason.NO_WAY_BACK, f"{text}; spec.cutover.allowNoReturn is set")
    else:
        yield fails("way-back", OperatorReason.NO_WAY_BACK, text)


def _what(slot: Slot) -> str:
    return f"{slot.kind} {slot.workload}"
