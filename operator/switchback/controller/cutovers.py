"""How the record of a switch changes: pure steps from status to status, and what can be read off it.

Invariants, which the property tests hold this file to:

- a phase is stored before the step that it permits;
- from `Switching` to `Restoring` the switch is in flight: nothing but its own stages goes on;
- a record belongs to one operation, and an operation has one record at most.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.status import CutoverPhase, CutoverState, OperationKind, TrafficState
from switchback.api.traffic import IN_FLIGHT
from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.api.status import Status
    from switchback.contract.traffic import Service, Slot
    from switchback.controller.view import View

MOVED = frozenset({CutoverPhase.SWITCHED, CutoverPhase.SOAKING})
"""While the traffic goes to the new slot, and the switch does not count yet."""

COUNTS = frozenset({CutoverPhase.DRAINING, CutoverPhase.COMPLETED})
"""Once the switch is verified."""

_BAD_CHECKS = frozenset({Reason.CHECKS_FAILED, Reason.CHECKS_INCONCLUSIVE})

OVER = frozenset(
    {CutoverPhase.COMPLETED, CutoverPhase.RESTORED, CutoverPhase.CANCELLED, CutoverPhase.TAKEN_OVER}
)


def traffic_of(status: Status) -> TrafficState:
    """What the status knows of the traffic."""
    return status.traffic or TrafficState(selector={})


def state_of(status: Status) -> CutoverState | None:
    """The newest switch, whose ever it is."""
    return status.traffic.cutover if status.traffic is not None else None


def state_phase(status: Status) -> CutoverPhase | None:
    """How far the newest switch is."""
    state = state_of(status)
    return state.phase if state is not None else None


def riding(view: View) -> bool:
    """Whether the switch of the operation is under way: then a suspension waits for its end."""
    state = own(view)
    return state is not None and state.phase in {*IN_FLIGHT, CutoverPhase.DRAINING}


def own(view: View) -> CutoverState | None:
    """The switch of the present operation."""
    state = state_of(view.status)
    if state is None or view.status.operation is None or state.operation_id != view.operation.id:
        return None
    return state


def live(view: View) -> str:
    """The slot that the Service points at right now; empty while that is not clear."""
    service, cutover = view.service, view.spec.cutover
    if service is None or cutover is None:
        return ""
    value = service.selector.get(cutover.selector_key, "")
    return value if cutover.slot(value) is not None else ""


def moves(view: View) -> bool:
    """Whether the traffic has to go to another slot for this operation, or is on its way.

    Only the wish of the spec moves traffic: a rollback on request, and files of phase=contract, do not.
    """
    cutover, state = view.spec.cutover, own(view)
    if state is not None:
        return state.phase not in OVER
    if cutover is None or view.status.operation is None or view.operation.kind is not OperationKind.REACH:
        return False
    return traffic_of(view.status).live_slot != cutover.active_slot or bool(unverified(view))


def seen_slot(view: View, name: str) -> Slot | None:
    """What was seen of a slot in this look."""
    return view.world.traffic.slot(name) if view.world.traffic is not None else None


def selector_for(view: View, service: Service, slot: str) -> dict[str, str]:
    """The selector that points at a slot: what the Service says now, or said before somebody emptied it."""
    cutover = view.spec.cutover
    if cutover is None:
        raise LookupError("spec.cutover is not set")
    base = service.selector or traffic_of(view.status).selector
    return {**base, cutover.selector_key: slot}


def change_traffic(status: Status, **update: Any) -> Status:
    """The status with some fields of its traffic replaced."""
    return status.model_copy(update={"traffic": traffic_of(status).model_copy(update=update)})


def change_cutover(status: Status, **update: Any) -> Status:
    """The status with some fields of its newest switch replaced."""
    state = state_of(status)
    if state is None:
        raise LookupError("no switch has begun")
    return change_traffic(status, cutover=state.model_copy(update=update))


def begin_cutover(view: View) -> Status:
    """A new switch, for the operation at hand. Nothing of it is done yet."""
    cutover, service = view.spec.cutover, view.service
    if cutover is None or service is None:
        raise LookupError("there is no Service to switch")
    state = CutoverState(
        id=names.cutover_id(view.operation.id),
        operation_id=view.operation.id,
        service_uid=service.uid,
        from_=live(view),
        to=cutover.active_slot,
        from_selector=dict(service.selector),
        to_selector=selector_for(view, service, cutover.active_slot),
        phase=CutoverPhase.PREPARING,
        start_time=rfc3339(view.now),
    )
    return change_traffic(view.status, cutover=state, soak_end_time="", drain_end_time="")


def unverified(view: View) -> str:
    """The slot that was live before a switch which nobody has verified, or goes on with; empty: none.

    The Service knows that it was switched to the slot that is wished for, and that no good soak was seen: the
    status has forgotten that, or the checks were bad and the traffic has stayed all the same.
    """
    service, cutover, state = view.service, view.spec.cutover, state_of(view.status)
    backward = view.status.operation is not None and view.operation.direction is Direction.BACKWARD
    if service is None or cutover is None or backward or (state is not None and not _kept(view, state)):
        return ""
    marks = service.annotations
    switch, before = marks.get(names.ANNOTATION_CUTOVER, ""), marks.get(names.ANNOTATION_FROM_SLOT, "")
    good = not switch or marks.get(names.ANNOTATION_VERIFIED, "") == switch
    other = before != cutover.active_slot and cutover.slot(before) is not None
    return before if not good and other and live(view) == cutover.active_slot else ""


def _kept(view: View, state: CutoverState) -> bool:
    """Whether an earlier operation has left its traffic where the checks were bad."""
    return state.phase is CutoverPhase.COMPLETED and state.reason in _BAD_CHECKS and own(view) is None


def resume_cutover(view: View, before: str) -> Status:
    """A switch that was done and not verified, in a status that has forgotten it: the soak begins anew."""
    cutover, service = view.spec.cutover, view.service
    if cutover is None or service is None:
        raise LookupError("there is no Service to switch")
    state = CutoverState(
        id=names.cutover_id(view.operation.id),
        operation_id=view.operation.id,
        service_uid=service.uid,
        from_=before,
        to=cutover.active_slot,
        from_selector=selector_for(view, service, before),
        to_selector=dict(service.selector),
        phase=CutoverPhase.SWITCHED,
        start_time=rfc3339(view.now),
        switch_time=rfc3339(view.now),
        deadline_time=rfc3339(view.now + timedelta(seconds=cutover.switch_deadline_seconds)),
    )
    return change_traffic(view.status, cutover=state, soak_end_time="", drain_end_time="")


def stays(view: View) -> bool:
    """Whether the traffic is where it was before the operation, which would move it or has taken it back."""
    state = own(view)
    return moves(view) if state is None else state.phase not in {*IN_FLIGHT, *COUNTS}


def cancel(view: View, reason: str, message: str) -> Status:
    """The end of a switch that has not moved anything, or of the drain of one that counts."""
    state = own(view)
    if state is None or state.phase in OVER or state.phase in IN_FLIGHT - {CutoverPhase.SWITCHING}:
        return view.status
    return _over(view, _given_up(state), reason, message)


def _given_up(state: CutoverState) -> CutoverPhase:
    return CutoverPhase.COMPLETED if state.phase in COUNTS else CutoverPhase.CANCELLED


def resumed(view: View) -> Status:
    """The status after a suspension: what a switch waits for has its time anew."""
    state = own(view)
    if state is None or state.phase is not CutoverPhase.PREPARING:
        return view.status
    probe_time = rfc3339(view.now) if state.probe_job else ""
    return change_cutover(view.status, waiting_since="", probe_time=probe_time)


def halted(status: Status) -> Status:
    """The status in which the Service may not be changed any more by a switch that has not changed it yet."""
    return change_cutover(status, phase=CutoverPhase.PREPARING, deadline_time="")


def superseded(view: View) -> Status:
    """The status without a switch that nobody prepares any more, or whose old slot nobody waits for."""
    state = state_of(view.status)
    if state is None or state.phase not in {CutoverPhase.PREPARING, CutoverPhase.DRAINING}:
        return view.status
    return _over(view, _given_up(state), "Superseded", "another operation began.")


def go_back(view: View, reason: str, message: str) -> Status:
    """From here on the switch is undone, whatever happens."""
    return change_cutover(
        view.status, phase=CutoverPhase.RESTORING, reason=reason, message=message, deadline_time=""
    )


def kept_in_spite(view: View, reason: str, message: str) -> Status:
    """The checks were bad, and the spec wants the traffic to stay all the same."""
    return _over(view, CutoverPhase.COMPLETED, reason, message)


def nobody_left(view: View, state: CutoverState) -> bool:
    """Whether the Service points at the new slot, or at none that is known, and nobody stands behind it."""
    if not live(view):
        new = seen_slot(view, state.to)
        return new is None or not new.ready_pods  # nobody puts it right then
    slots = [seen_slot(view, name) for name in (state.from_, state.to)]
    strangers = view.world.traffic.strangers if view.world.traffic is not None else 0
    return live(view) == state.to and not strangers and not any(slot and slot.endpoints for slot in slots)


def restored(view: View) -> Status:
    """The Service points at the old slot again, and was seen to do so."""
    state = state_of(view.status)
    if state is None:
        raise LookupError("no switch has begun")
    return _over(view, CutoverPhase.RESTORED, state.reason, state.message)


def taken_over(view: View, reason: str, message: str) -> Status:
    """Somebody else has moved the traffic; that is how it stays."""
    return _over(view, CutoverPhase.TAKEN_OVER, reason, message)


def _over(view: View, phase: CutoverPhase, reason: str, message: str) -> Status:
    status = change_cutover(
        view.status,
        phase=phase,
        reason=reason,
        message=message,
        deadline_time="",
        waiting_since="",
        completion_time=rfc3339(view.now),
    )
    return change_traffic(status, soak_end_time="", drain_end_time="")


def marks_of(claim: str, state: CutoverState, *, rolled_back: str | None) -> Mapping[str, str | None]:
    """What the Service carries of a switch. None takes an annotation off."""
    return {
        names.ANNOTATION_CUTOVER: state.id,
        names.ANNOTATION_FROM_SLOT: state.from_,
        names.ANNOTATION_CLAIMED_BY: claim,
        names.ANNOTATION_ROLLED_BACK: rolled_back,
    }
