"""Somebody else has changed the selector, and it is unclear who is live: it is put right, but not for ever.

Somebody who points the Service at the other known slot is believed, unless spec.cutover.driftPolicy says not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.cutover import DriftPolicy
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase
from switchback.controller import decision
from switchback.controller.cutovers import (
    COUNTS,
    MOVED,
    change_traffic,
    live,
    seen_slot,
    selector_for,
    state_of,
    traffic_of,
)
from switchback.controller.decision import Act, Decision, PointService, WriteIntent
from switchback.controller.report import report
from switchback.controller.stages.back import intent_undone
from switchback.controller.times import parse, rfc3339

if TYPE_CHECKING:
    from switchback.contract.traffic import Service
    from switchback.controller.view import View

PATIENCE = 3
"""So often within WINDOW_SECONDS a selector is put right. Whoever goes on is named, and waited for."""

WINDOW_SECONDS = 300

_NOT_DONE = frozenset(
    {CutoverPhase.PREPARING, CutoverPhase.SWITCHING, CutoverPhase.CANCELLED, CutoverPhase.TAKEN_OVER}
)


def drift(view: View) -> Decision | None:
    """What to do about a selector that is not as it should be; None when it is, or others have to decide."""
    service, wanted = view.service, wanted_slot(view)
    if not _ours(view):
        return None
    if service is None or not wanted or service.uid != traffic_of(view.status).service_uid:
        return None
    slot = seen_slot(view, wanted)
    if slot is None or not slot.ready_pods:
        return None  # nobody would be behind it
    known = traffic_of(view.status)
    if known.drift_seen == service.resource_version:
        return Act(_put_right(view, service, wanted))
    recent = _recent(view)
    if len(recent) >= PATIENCE:
        return _contested(view, service, recent)
    times = (*recent, rfc3339(view.now))
    noted = change_traffic(view.status, drift_times=times[-4:], drift_seen=service.resource_version)
    return WriteIntent(noted)


def _ours(view: View) -> bool:
    """Whether this resource has begun to look after the Service, and nobody else does."""
    traffic = view.world.traffic
    return view.status.operation is not None and traffic is not None and not traffic.claimed_by


def wanted_slot(view: View) -> str:
    """The slot that the Service should point at and does not; empty when all is well, or nobody can say."""
    cutover, state = view.spec.cutover, state_of(view.status)
    if cutover is None or (state is not None and state.phase is CutoverPhase.RESTORING):
        return ""
    moved = state is not None and state.phase in MOVED
    wanted = state.to if state is not None and moved else traffic_of(view.status).live_slot
    current = live(view)
    if current and (current == wanted or cutover.drift_policy is DriftPolicy.REPORT):
        return ""
    return wanted if cutover.slot(wanted) is not None else ""


def _recent(view: View) -> tuple[str, ...]:
    window = view.now - timedelta(seconds=WINDOW_SECONDS)
    times = traffic_of(view.status).drift_times
    return tuple(time for time in times if (parse(time) or window) > window)


def _put_right(view: View, service: Service, wanted: str) -> PointService:
    marks = {**_marks(view, service), names.ANNOTATION_CLAIMED_BY: view.world.claim}
    return PointService(
        wanted, selector_for(view, service, wanted), marks, f"it was changed by {_who(service)}"
    )


def _marks(view: View, service: Service) -> dict[str, str]:
    """What the Service has to know of the switch that has led here: whoever took the key may have taken that.

    A switch that has not changed the Service yet, or has lost it to others, is another one.
    """
    state = state_of(view.status)
    if state is None or state.phase in _NOT_DONE:
        kept = service.annotations.get(names.ANNOTATION_CUTOVER, "")
        return {names.ANNOTATION_CUTOVER: kept or f"{names.uid_hash(view.world.uid)}-first"}
    marks = {names.ANNOTATION_CUTOVER: state.id, names.ANNOTATION_FROM_SLOT: state.from_}
    if state.phase in COUNTS and not state.reason:
        marks[names.ANNOTATION_VERIFIED] = state.id
    undone = intent_undone(view, state) if state.phase is CutoverPhase.RESTORED else None
    return marks if undone is None else {**marks, names.ANNOTATION_ROLLED_BACK: undone}


def _who(service: Service) -> str:
    writers = sorted(service.owners, key=lambda owner: owner.time, reverse=True)
    others = [owner.manager for owner in writers if owner.manager != names.FIELD_MANAGER]
    return others[0] if others else "somebody"


def _contested(view: View, service: Service, recent: tuple[str, ...]) -> Decision:
    until = (parse(recent[0]) or view.now) + timedelta(seconds=WINDOW_SECONDS)
    text = (
        f"{_who(service)} has changed the selector of Service {service.name} {len(recent) + 1} times within "
        f"{WINDOW_SECONDS} s; it is left as it is until {rfc3339(until)}; connections may reach both slots."
    )
    shown = report(view.world, view.status, Situation.CONTESTED, OperatorReason.SELECTOR_CONTESTED, text)
    return decision.Wait(shown, until)
