"""What may be done while something beside the traffic could not be read: what a switch in flight needs.

The way back needs the old slot only. Everything that depends on files, labels or the wishes of people that
could not be seen waits: Jobs, approvals, new operations, and the traffic going forward.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from switchback.api.status import CutoverPhase
from switchback.api.traffic import IN_FLIGHT
from switchback.controller.cutovers import state_of, state_phase
from switchback.controller.decision import (
    Act,
    CreateJob,
    Decision,
    DeleteJob,
    DeleteSnapshot,
    Hold,
    LetGo,
    MarkService,
    PointService,
    RequestSnapshot,
    Settle,
    TellProbe,
    Wait,
    WriteIntent,
)

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.decision import Action
    from switchback.controller.observed import Observed

AGAIN_SECONDS = 2


def bounded_by_sight(world: Observed, then: Decision) -> Decision:
    """`then`, or another look soon where it depends on what could not be read."""
    if not world.unread or (state_phase(world.status) in IN_FLIGHT and _is_of_the_switch(world, then)):
        return then
    return Wait(world.status, world.now + timedelta(seconds=AGAIN_SECONDS))


def _is_of_the_switch(world: Observed, then: Decision) -> bool:
    match then:
        case Act(action):
            return _serves(world, action)
        case WriteIntent(status) | Wait(status) | Settle(status):
            return _begins_nothing(world.status, status)
        case _:
            assert_never(then)


def _serves(world: Observed, action: Action) -> bool:
    match action:
        case PointService(slot):
            state = state_of(world.status)
            ahead = state is not None and state.phase is CutoverPhase.SWITCHING and slot == state.to
            return not ahead
        case CreateJob(probe=probe):
            return probe
        case DeleteJob() | Hold() | LetGo() | MarkService() | TellProbe():
            return True
        case RequestSnapshot() | DeleteSnapshot():
            return False
        case _:
            assert_never(action)


def _begins_nothing(before: Status, after: Status) -> bool:
    """Whether a status differs in nothing that leads away from the switch, such as a question to a person."""
    was, now = before.operation, after.operation
    same = was is not None and now is not None and (was.id, was.job_name) == (now.id, now.job_name)
    asks = before.approval != after.approval or state_phase(after) is CutoverPhase.PREPARING
    return same and not asks and before.history == after.history
