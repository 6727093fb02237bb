"""The way back of a switch, for operations that go on and for resources that are being deleted alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.controller import decision
from switchback.controller.cutovers import state_of
from switchback.controller.decision import Act, Decision, WriteIntent
from switchback.controller.report import report
from switchback.controller.stages import ABORT
from switchback.controller.stages.results import Do, Done, Intend, Wait
from switchback.controller.times import upcoming

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.view import View


def going_back(view: View) -> Status:
    """The status while the Service is being pointed back: people have to know at once, and why."""
    state = state_of(view.status)
    if state is None:
        raise LookupError("no switch has begun")
    text = f"The traffic goes back from {state.to} to {state.from_}: {state.message}"
    return report(view.world, view.status, Situation.ROLLING_BACK, OperatorReason.SWITCHING_BACK, text)


def back(view: View, *moments: str, more: str = "") -> Decision:
    """The next step of the way back.

    Args:
        view: the world; the switch goes back.
        moments: when to look again beside what the stages want, as RFC 3339.
        more: what people have to know beside why it waits.
    """
    for stage in ABORT:
        answer = stage(view)
        match answer:
            case Done():
                continue
            case Intend(status):
                return WriteIntent(status)
            case Do(action):
                return Act(action)
            case Wait(situation, reason, message, until, status):
                shown = report(view.world, status or view.status, situation, reason, message + more)
                return decision.Wait(shown, upcoming(view.now, until, *moments))
            case _:
                raise LookupError("the way back does not fail")
    raise LookupError("the way back has no end")
