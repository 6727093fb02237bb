"""The way back of a switch that does not count yet. It needs the old slot, and nothing else.

No database, no approval, no pod of the new slot, no Job: whatever is broken elsewhere, this works.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase
from switchback.controller.cutovers import live, marks_of, restored, seen_slot, selector_for, state_of
from switchback.controller.decision import DeleteJob, PointService
from switchback.controller.stages.results import Do, Done, Intend, Wait
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

_O = OperatorReason

GLANCE_SECONDS = 5

FORGOTTEN = frozenset({_O.SUPERSEDED, _O.ABORTED, _O.DELETING})
"""Ends that say nothing about the new slot: the Service need not remember them."""


def switch_back(view: View) -> StageResult:
    """The Service points at the old slot again."""
    state, service, cutover = state_of(view.status), view.service, view.spec.cutover
    if state is None or service is None or cutover is None or state.phase is not CutoverPhase.RESTORING:
        return Done()
    if live(view) == state.from_:
        return Done()
    old = seen_slot(view, state.from_)
    if old is None or not old.ready_pods:
        new = seen_slot(view, state.to)
        ready = new.endpoints if new is not None else 0
        text = (
            f"The traffic should go back to {state.from_}, which has no ready pod; it stays at {state.to} "
            f"with {ready} ready. {state.message}"
        )
        again = rfc3339(view.now + timedelta(seconds=GLANCE_SECONDS))
        return Wait(Situation.NO_HEALTHY_SLOT, _O.NO_HEALTHY_SLOT, text, again)
    remembered = view.status.operation.intent_digest if view.status.operation is not None else ""
    mark = None if state.reason in FORGOTTEN else remembered
    marks = marks_of(view.world.claim, state, rolled_back=mark)
    selector = selector_for(view, service, state.from_)
    return Do(PointService(state.from_, selector, marks, state.message, back=True))


def verify_back(view: View) -> StageResult:
    """The slices hold pods of the old slot again, and none of the new one."""
    state = state_of(view.status)
    if state is None or view.service is None:
        return Done()
    old, new = seen_slot(view, state.from_), seen_slot(view, state.to)
    if old is not None and old.endpoints and not (new is not None and new.endpoints):
        return Done()
    text = f"Slices of the Service do not hold pods of {state.from_} only yet."
    again = rfc3339(view.now + timedelta(seconds=1))
    return Wait(Situation.ROLLING_BACK, _O.SWITCHING_BACK, text, again)


def settle(view: View) -> StageResult:
    """Nothing of the switch is left that runs."""
    job = view.probe
    if job is not None and not job.ended:
        if not job.deleting:
            return Do(DeleteJob(job.name, job.uid, "the switch that it checked was undone"))
        text = "The pod that checked the new slot ends."
        return Wait(Situation.ROLLING_BACK, _O.SWITCHING_BACK, text, rfc3339(view.now + timedelta(seconds=2)))
    return Intend(restored(view))
