"""The way back of a switch that does not count yet. It needs the old slot, and nothing else.

No database, no approval, no pod of the new slot, no Job: whatever is broken elsewhere, this works.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase
from switchback.controller.cutovers import (
    change_cutover,
    live,
    marks_of,
    restored,
    seen_slot,
    selector_for,
    state_of,
)
from switchback.controller.decision import DeleteJob, MarkService, PointService
from switchback.controller.stages.results import Do, Done, Intend, Wait
from switchback.controller.times import parse, passed, rfc3339

if TYPE_CHECKING:
    from switchback.api.status import CutoverState
    from switchback.contract.traffic import Service
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

_O = OperatorReason

SETTLE_SECONDS = 60
"""So long the pod that checked may take to end. It only reads, and one whose node is gone never says so."""

FORGOTTEN = frozenset({_O.SUPERSEDED, _O.ABORTED, _O.DELETING})
"""Ends that say nothing about the new slot: the Service need not remember them."""


def switch_back(view: View) -> StageResult:
    """The Service points at the old slot again."""
    state, service, cutover = state_of(view.status), view.service, view.spec.cutover
    if state is None or cutover is None or state.phase is not CutoverPhase.RESTORING:
        return Done()
    if service is None:
        return _unseen(view)
    if live(view) == state.from_:
        return _remembered(view, state, service)
    old = seen_slot(view, state.from_)
    if old is None or not old.ready_pods:
        new = seen_slot(view, state.to)
        ready = new.endpoints if new is not None else 0
        text = (
            f"The traffic should go back to {state.from_}, which has no ready pod; it stays at {state.to} "
            f"with {ready} ready. {state.message}"
        )
        again = view.glance
        return Wait(Situation.NO_HEALTHY_SLOT, _O.NO_HEALTHY_SLOT, text, again)
    marks = marks_of(view.world.claim, state, rolled_back=intent_undone(view, state))
    selector = selector_for(view, service, state.from_)
    return Do(PointService(state.from_, selector, marks, state.message, back=True))


def _unseen(view: View) -> Wait:
    """A Service that is gone ends a switch. This one only cannot be looked at, and may point anywhere."""
    why = view.world.traffic.refused if view.world.traffic is not None else ""
    again = view.glance
    return Wait(Situation.ROLLING_BACK, _O.TRAFFIC_NOT_ALLOWED, why or "It was not looked at yet.", again)


def intent_undone(view: View, state: CutoverState) -> str | None:
    """The intent that the Service has to remember as one that was undone; None: there is none."""
    operation = view.status.operation
    if state.reason in FORGOTTEN or operation is None or operation.id != state.operation_id:
        return None
    return operation.intent_digest


def _remembered(view: View, state: CutoverState, service: Service) -> StageResult:
    """It points at the old slot. Where somebody else was faster, it does not know yet what was undone."""
    undone = intent_undone(view, state)
    if undone is None or service.annotations.get(names.ANNOTATION_ROLLED_BACK) == undone:
        return Done()
    return Do(MarkService({names.ANNOTATION_ROLLED_BACK: undone}, "its switch was undone"))


def verify_back(view: View) -> StageResult:
    """The slices hold pods of the old slot again, and none of the new one."""
    state = state_of(view.status)
    if state is None or view.service is None:
        return Done()
    old, new = seen_slot(view, state.from_), seen_slot(view, state.to)
    if old is not None and old.endpoints and not (new is not None and new.endpoints):
        return Done()
    if old is None or not old.ready_pods:
        text = f"The traffic is at {state.from_} again, which has no ready pod any more. {state.message}"
        later = view.glance
        return Wait(Situation.NO_HEALTHY_SLOT, _O.NO_HEALTHY_SLOT, text, later)
    text = f"Slices of the Service do not hold pods of {state.from_} only yet."
    again = rfc3339(view.now + timedelta(seconds=1))
    return Wait(Situation.ROLLING_BACK, _O.SWITCHING_BACK, text, again)


def settle(view: View) -> StageResult:
    """Nothing of the switch is left that runs, or it was told to end and does not say that it has."""
    job, state = view.probe, state_of(view.status)
    if job is None or job.ended or state is None:
        return Intend(restored(view))
    if not job.deleting:
        return Do(DeleteJob(job.name, job.uid, "the switch that it checked was undone"))
    if view.world.deleting or passed(state.deadline_time, view.now):
        return Intend(restored(view))  # whoever lets go of the resource waits for what runs, and says so
    limit = state.deadline_time or rfc3339(view.now + timedelta(seconds=SETTLE_SECONDS))
    text = f"The pod that checked the new slot ends; it is waited for until {limit}."
    again = rfc3339(min(view.now + timedelta(seconds=2), parse(limit) or view.now))
    status = change_cutover(view.status, deadline_time=limit)
    return Wait(Situation.ROLLING_BACK, _O.SWITCHING_BACK, text, again, status)
