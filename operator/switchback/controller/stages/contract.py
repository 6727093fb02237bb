"""Files of phase=contract take away what the old slot needs, so they wait until nothing of it is left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.controller.old_programs import is_gone, old_pods
from switchback.controller.stages.results import Done, Wait
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

GLANCE_SECONDS = 5
"""A pod that goes away is not always an event of something that is watched."""


def old_slot_gone(view: View) -> StageResult:
    """No pod of a slot that is not live exists."""
    if view.operation.reached:
        return Done()
    if is_gone(view):
        return Done()
    left = old_pods(view)
    unknown = "nobody can say which slot is live" if left is None else "it is live"
    shown = ", ".join(left[:3]) if left else unknown
    text = f"Files of phase=contract wait for the end of the old slot: {shown}."
    again = rfc3339(view.now + timedelta(seconds=GLANCE_SECONDS))
    return Wait(Situation.WORKING, OperatorReason.WAITING_FOR_OLD_SLOT, text, again)
