"""The Service is ours to change, and it is known which slot is live: before anything else happens to traffic.

Where no switch was ever written, and every ready endpoint is a pod of one slot, that slot's key is written: a
change that changes nothing. An unknown selector is never a licence to move traffic.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import OperationKind
from switchback.contract.reasons import Reason
from switchback.controller.cutovers import live, own, selector_for, traffic_of
from switchback.controller.decision import MarkService, PointService
from switchback.controller.stages.results import Do, Done, Fail, Wait
from switchback.controller.times import parse, passed, rfc3339
from switchback.traffic.guards import lasting

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.contract.traffic import Service, Traffic
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

PREFLIGHT_SECONDS = 120
"""So long what stands in the way may pass by itself, such as a Service that is not there yet."""

AGAIN_SECONDS = 10


def claim(view: View) -> StageResult:
    """The Service is there, may be changed, is claimed, and points at a known slot."""
    cutover, traffic = view.spec.cutover, view.world.traffic
    reaches = view.operation.kind is OperationKind.REACH
    if cutover is None or not reaches or own(view) is not None:
        return Done()  # nothing else moves traffic
    if traffic is None:
        return _waited_for(view, OperatorReason.SERVICE_MISSING, "the Service was not looked at yet.")
    refused = _previously_rolled_back(view) or _hindered(view, cutover, traffic)
    if refused is not None:
        return refused
    service = traffic.service
    if service is None:
        raise LookupError("a guard lets a Service pass that is not there")
    if service.annotations.get(names.ANNOTATION_CLAIMED_BY) != view.world.claim:
        return Do(MarkService({names.ANNOTATION_CLAIMED_BY: view.world.claim}, "it is claimed"))
    return Done() if live(view) else _first(view, cutover, traffic, service)


def _previously_rolled_back(view: View) -> Fail | None:
    """What the Service remembers outlives the status, and the resource."""
    service = view.service
    gone_back = service is not None and service.annotations.get(names.ANNOTATION_ROLLED_BACK) == view.intent
    if not gone_back or view.operation.retry or live(view) == _wished(view):
        return None
    text = (
        f"the traffic has gone back from {_wished(view)} after a switch for this very wish. Change the spec, "
        "or ask once more with `kubectl switchback retry`."
    )
    return Fail(Reason.PREVIOUSLY_ROLLED_BACK, text)


def _wished(view: View) -> str:
    return view.spec.cutover.active_slot if view.spec.cutover is not None else ""


def _hindered(view: View, cutover: Cutover, traffic: Traffic) -> Fail | Wait | None:
    """What would hold the traffic up for good, and is better known before the schema changes."""
    guards = lasting(cutover, traffic, live(view) or traffic_of(view.status).live_slot, cutover.active_slot)
    failed = [guard for guard in guards if not guard.passed and not guard.warning]
    if not failed:
        return None
    worst = next((guard for guard in failed if guard.fatal), failed[0])
    if worst.fatal:
        return Fail(worst.reason, worst.message)
    leaving = traffic.claim_ends and worst.reason == OperatorReason.SERVICE_CLAIMED
    return _waited_for(view, worst.reason, worst.message, to_the_end=leaving)


def _waited_for(view: View, reason: str, message: str, *, to_the_end: bool = False) -> Fail | Wait:
    """For a while, or until the operation's deadline: what goes away by itself is nobody's mistake."""
    begun = parse(view.operation.start_time) or view.now
    late = passed(rfc3339(begun + timedelta(seconds=PREFLIGHT_SECONDS)), view.now)
    if late and not to_the_end:
        return Fail(reason, message)
    again = rfc3339(view.now + timedelta(seconds=AGAIN_SECONDS))
    return Wait(Situation.RETRYING, reason, message, again)


def _first(view: View, cutover: Cutover, traffic: Traffic, service: Service) -> StageResult:
    """The Service does not say which slot is live. Its endpoints may, if nobody has ever written a switch."""
    remembered = traffic_of(view.status)
    same = remembered.service_uid in {"", service.uid}  # of another Service nobody has said anything
    known = (remembered.live_slot if same else "") or service.annotations.get(names.ANNOTATION_CUTOVER, "")
    serving = [slot for slot in traffic.slots if slot.endpoints]
    if known or len(serving) != 1 or traffic.strangers:
        shown = ", ".join(f"{slot.name} {slot.endpoints}" for slot in traffic.slots)
        if traffic.strangers:
            shown += f", others {traffic.strangers}"
        text = (
            f"the selector of Service {service.name} does not say which slot is live, and its ready "
            f"endpoints are {shown}. Add {cutover.selector_key} with the live slot's name to the selector by "
            "hand, once."
        )
        return _waited_for(view, OperatorReason.SELECTOR_AMBIGUOUS, text)
    slot = serving[0]
    marks = {
        names.ANNOTATION_CUTOVER: f"{view.operation.id}-first",
        names.ANNOTATION_VERIFIED: f"{view.operation.id}-first",
        names.ANNOTATION_FROM_SLOT: slot.name,
        names.ANNOTATION_CLAIMED_BY: view.world.claim,
    }
    selector = selector_for(view, service, slot.name)
    why = f"all {slot.endpoints} ready endpoints are pods of {cutover.selector_key}={slot.name} already"
    return Do(PointService(slot.name, selector, marks, why))
