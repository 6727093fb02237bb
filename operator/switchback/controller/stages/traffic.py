"""Stages of the second rail: the traffic goes to the other slot, is watched there, and the old slot drains.

Whatever ends a switch early is not decided here but in `steer`, which looks first. So a stage may take for
granted that nothing has happened that would undo the switch.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase, Want
from switchback.contract.words import Direction, Operation
from switchback.controller.cutovers import (
    COUNTS,
    OVER,
    begin_cutover,
    change_cutover,
    change_traffic,
    live,
    marks_of,
    moves,
    nobody_left,
    own,
    resume_cutover,
    seen_slot,
    selector_for,
    unverified,
)
from switchback.controller.decision import MarkService, PointService
from switchback.controller.lifecycle import change, intend
from switchback.controller.old_programs import is_retired
from switchback.controller.stages.consent import asks_a_person, consent, moved_text
from switchback.controller.stages.probe import (
    BEFORE,
    GRACE_SECONDS,
    awaits_probe,
    tell,
)
from switchback.controller.stages.results import Do, Done, Fail, Intend, Wait
from switchback.controller.times import GLANCE_SECONDS, parse, passed, rfc3339, upcoming
from switchback.traffic.guards import guards, proven

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.cutover import Cutover
    from switchback.api.status import CutoverState, Status
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View
    from switchback.traffic.guard import Guard

_O = OperatorReason

NEW_SECONDS = 300
SELDOM_SECONDS = 30
"""How often a new slot is looked at that has been live for NEW_SECONDS; before, each GLANCE_SECONDS."""


def slot_ready(view: View) -> StageResult:  # noqa: PLR0911 - one answer per finding
    """The other slot is ready to take all the traffic."""
    cutover, state, traffic = view.spec.cutover, own(view), view.world.traffic
    if cutover is None or traffic is None or not moves(view):
        return Done()
    if state is None:
        return _begun(view)
    if state.phase not in BEFORE:
        return Done()
    if is_retired(view, state.to):
        text = (
            f"files of phase=contract have run since slot {state.to} was live, and its program is the same."
        )
        return Fail(_O.POINT_OF_NO_RETURN, text)
    failed = [guard for guard in guards(cutover, traffic, state.from_, state.to) if guard.blocks]
    # What was asked of manifests before the schema changed may be otherwise by now: a workload that was not
    # there, another resource or tool that was faster. A selector that says nothing is put right elsewhere.
    fatal = next((guard for guard in failed if guard.fatal), None) if live(view) else None
    if fatal is not None:
        return Fail(fatal.reason, fatal.message)
    if failed:
        return _not_ready(view, cutover, state, failed[0])
    return Done(change_cutover(view.status, waiting_since="")) if state.waiting_since else Done()


def _begun(view: View) -> StageResult:
    before = unverified(view)
    if before:
        return Intend(resume_cutover(view, before))
    return Intend(begin_cutover(view)) if live(view) else _unclear(view)


def _unclear(view: View) -> Wait:
    text = "The selector of the Service does not say which slot is live."
    again = view.glance
    return Wait(Situation.RETRYING, _O.SELECTOR_AMBIGUOUS, text, again)


def _not_ready(view: View, cutover: Cutover, state: CutoverState, guard: Guard) -> StageResult:
    since = parse(state.waiting_since) or view.now
    limit = rfc3339(since + timedelta(seconds=cutover.slot_ready_deadline_seconds))
    if passed(limit, view.now):
        text = f"{guard.message} So it was for {cutover.slot_ready_deadline_seconds} s."
        return Fail(guard.reason, text)
    again = view.glance
    status = change_cutover(view.status, waiting_since=rfc3339(since))
    return Wait(Situation.WORKING, guard.reason, guard.message, upcoming_text(view, again, limit), status)


def upcoming_text(view: View, *moments: str) -> str:
    """The first of these moments that is still to come, as RFC 3339; empty when all are over."""
    moment = upcoming(view.now, *moments)
    return rfc3339(moment) if moment is not None else ""


def approve_cutover(view: View) -> StageResult:
    """Whoever has to has agreed that the traffic moves, where the spec or the namespace asks for that."""
    state = own(view)
    if state is None or state.phase not in BEFORE or not moves(view):
        return Done()
    if not asks_a_person(view, Want.CUTOVER):
        return Done()
    return consent(view, Want.CUTOVER, moved_text(view))


def switch(view: View) -> StageResult:
    """The Service points at the other slot. Every guard before this was looked at in this very look."""
    state, service, cutover = own(view), view.service, view.spec.cutover
    if state is None or state.phase not in BEFORE or service is None or cutover is None:
        return Done()
    if live(view) != state.from_:
        return _unclear(view)
    to, from_ = seen_slot(view, state.to), seen_slot(view, state.from_)
    if state.phase is CutoverPhase.PREPARING:
        deadline = view.now + timedelta(seconds=cutover.switch_deadline_seconds)
        return Intend(
            change_cutover(
                view.status,
                phase=CutoverPhase.SWITCHING,
                deadline_time=rfc3339(deadline),
                service_uid=service.uid,
                from_selector=dict(service.selector),
                to_selector=selector_for(view, service, state.to),
                ready_before=from_.endpoints if from_ is not None else 0,
            )
        )
    marks = marks_of(view.world.claim, state, rolled_back=None)
    why = f"{to.ready_pods if to is not None else 0} pods of {state.to} are ready"
    return Do(PointService(state.to, selector_for(view, service, state.to), marks, why))


def verify_endpoints(view: View) -> StageResult:
    """The slices hold pods of the new slot only, as many as it takes."""
    state, cutover = own(view), view.spec.cutover
    if state is None or state.phase in OVER or state.phase in COUNTS or cutover is None:
        return Done()
    if view.service is None:
        return _unseen(view)  # it is there, or `steer` would have said so
    if nobody_left(view, state):
        return _nobody(view, state)
    if state.phase is CutoverPhase.SOAKING:
        return Done()  # asked again at its end; whether anybody is left meanwhile is looked at by `steer`
    missing = _missing(view, state, cutover)
    if missing:
        again = rfc3339(view.now + timedelta(seconds=1))
        return Wait(view.situation, _O.VERIFYING, missing, again)
    return Intend(_verified(view, cutover)) if state.phase is CutoverPhase.SWITCHED else Done()


def _missing(view: View, state: CutoverState, cutover: Cutover) -> str:
    """What the slices lack, or have too many of, for the traffic to be at the new slot; empty: nothing."""
    to, from_ = seen_slot(view, state.to), seen_slot(view, state.from_)
    found, wanted = (to.endpoints, proven(cutover, state.ready_before, to)) if to is not None else (0, 1)
    others = from_.endpoints if from_ is not None else 0
    others += view.world.traffic.strangers if view.world.traffic is not None else 0
    if found >= wanted and not others:
        return ""
    text = f"Slices of the Service hold {found} of {wanted} ready pods of {state.to}"
    return text + (f" and {others} others." if others else ".")


def _unseen(view: View) -> Wait:
    why = view.world.traffic.refused if view.world.traffic is not None else ""
    again = view.glance
    return Wait(Situation.RETRYING, _O.TRAFFIC_NOT_ALLOWED, why or "It was not looked at yet.", again)


def _nobody(view: View, state: CutoverState) -> Wait:
    """Neither slot has a ready pod: whichever comes back first is used."""
    text = (
        f"Neither {state.to}, which is live, nor {state.from_} has a ready pod. Bring one of them up: the "
        "operator goes on by itself."
    )
    again = view.glance
    return Wait(Situation.NO_HEALTHY_SLOT, _O.NO_HEALTHY_SLOT, text, again)


def _verified(view: View, cutover: Cutover) -> Status:
    status = change_cutover(
        view.status, phase=CutoverPhase.SOAKING, verify_time=rfc3339(view.now), deadline_time=""
    )
    return change_traffic(status, soak_end_time=rfc3339(view.now + _soak(view, cutover)))


def _soak(view: View, cutover: Cutover) -> timedelta:
    """How long the new slot is watched: not at all on the way back."""
    backward = view.operation.direction is Direction.BACKWARD
    return timedelta(seconds=0 if backward else cutover.soak_period_seconds)


def soak(view: View) -> StageResult:
    """The new slot has been live for the whole soak, and the pod that checks it says that it was good.

    Where no pod can check it, the kubelets say so: time alone proves nothing, since nobody may have looked.
    """
    state, cutover = own(view), view.spec.cutover
    if state is None or cutover is None or state.phase is not CutoverPhase.SOAKING:
        return Done()
    end = view.status.traffic.soak_end_time if view.status.traffic is not None else ""
    if awaits_probe(view, state):
        telling = tell(view, state)
        if telling is not None:
            return telling
    elif passed(end, view.now):
        return _doubts(view, state, cutover) or _good(view, state, cutover)
    text = f"Slot {state.to} is live, and watched until {end}."
    late = parse(end)
    limit = rfc3339(late + timedelta(seconds=GRACE_SECONDS)) if late is not None else ""
    again = rfc3339(view.now + timedelta(seconds=_glance(view, state)))
    return Wait(view.situation, _O.SOAKING, text, upcoming_text(view, end, limit, again))


def _doubts(view: View, state: CutoverState, cutover: Cutover) -> StageResult | None:
    """What keeps a soak from being good although its time is over."""
    lacks = _missing(view, state, cutover)
    if not lacks and not state.probed and _soak(view, cutover):
        since = _steady_since(view, state, cutover)
        if since is not None and since + _soak(view, cutover) > view.now:
            end = since + _soak(view, cutover)
            return Intend(change_traffic(view.status, soak_end_time=rfc3339(end)))
        lacks = "" if since is not None else f"It is not known since when the pods of {state.to} are ready."
    if not lacks:
        return None
    again = rfc3339(view.now + timedelta(seconds=_glance(view, state)))
    text = f"{lacks} The soak does not end well before that is right."
    return Wait(view.situation, _O.SOAKING, text, again)


def _steady_since(view: View, state: CutoverState, cutover: Cutover) -> datetime | None:
    """Since when enough pods of the new slot are ready without a break, as their kubelets say."""
    slot = seen_slot(view, state.to)
    if slot is None:
        return None
    since = sorted(
        max(pod.ready_since, pod.restarted or pod.ready_since)
        for pod in slot.pods
        if pod.ready and pod.selected and not pod.terminating and pod.ready_since is not None
    )
    wanted = proven(cutover, state.ready_before, slot)
    return since[wanted - 1] if len(since) >= wanted else None


def _glance(view: View, state: CutoverState) -> int:
    """A look costs ten requests, and a soak may take a day."""
    begun = parse(state.verify_time)
    long = begun is not None and view.now - begun > timedelta(seconds=NEW_SECONDS)
    return SELDOM_SECONDS if long else GLANCE_SECONDS


def _good(view: View, state: CutoverState, cutover: Cutover) -> StageResult:
    """The soak was good. The Service knows it first: a status can be lost."""
    service = view.service
    if service is not None and service.annotations.get(names.ANNOTATION_VERIFIED) != state.id:
        marks = {names.ANNOTATION_CUTOVER: state.id, names.ANNOTATION_VERIFIED: state.id}
        return Do(MarkService(marks, "the soak was good"))
    drain = rfc3339(view.now + timedelta(seconds=cutover.drain_period_seconds))
    status = change_cutover(view.status, phase=CutoverPhase.DRAINING, deadline_time="")
    return Intend(change_traffic(status, soak_end_time="", drain_end_time=drain))


def drain(view: View) -> StageResult:
    """The old slot had its time, and none of its sessions is left where the spec names them."""
    state, cutover = own(view), view.spec.cutover
    if state is None or cutover is None or state.phase is not CutoverPhase.DRAINING:
        return Done()
    end = view.status.traffic.drain_end_time if view.status.traffic is not None else ""
    if not passed(end, view.now):
        text = f"Slot {state.from_} finishes what it has begun, until {end}."
        return Wait(view.situation, _O.DRAINING, text, end)
    old = cutover.slot(state.from_)
    if old is not None and old.application_name and view.operation.drained is None:
        return Intend(intend(view, Operation.DRAIN))
    if view.operation.drained is False and view.operation.direction is Direction.BACKWARD:
        again = change(view.status, drained=None)
        return Intend(intend(view.with_status(again), Operation.DRAIN))
    status = change_cutover(view.status, phase=CutoverPhase.COMPLETED, completion_time=rfc3339(view.now))
    return Intend(change_traffic(status, drain_end_time=""))
