"""What the conditions say of traffic and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.conditions import ConditionType, Detail, Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import ConditionStatus, CutoverPhase, OperationKind
from switchback.controller.cutovers import COUNTS, OVER, live, own, state_of
from switchback.traffic.guards import lasting

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.api.status import CutoverState, OperationState, Status
    from switchback.contract.traffic import Traffic
    from switchback.controller.observed import Observed
    from switchback.controller.view import View

_O = OperatorReason
_T, _F, _U = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def moved_by_others(view: View) -> str:
    """Why what ended well is no success any more: the traffic goes elsewhere. Empty: it does not."""
    cutover, traffic = view.spec.cutover, view.world.traffic
    if cutover is None or traffic is None or traffic.refused or view.operation.kind is OperationKind.ROLLBACK:
        return ""
    current, service = live(view), traffic.service
    if service is None:
        return f"Service {cutover.service_name} does not exist any more."
    if current == cutover.active_slot:
        return ""
    where = f"points at {current}" if current else "does not say which slot is live"
    return f"Service {cutover.service_name} {where}, and spec.cutover.activeSlot is {cutover.active_slot}."


_PHASES: dict[CutoverPhase, tuple[OperatorReason, str]] = {
    CutoverPhase.PREPARING: (_O.PREPARING_CUTOVER, "Preparing to move the traffic from {} to {}."),
    CutoverPhase.SWITCHING: (_O.SWITCHING, "Moving the traffic from {} to {}."),
    CutoverPhase.SWITCHED: (_O.VERIFYING, "The traffic has moved from {} to {}; its endpoints are verified."),
    CutoverPhase.SOAKING: (_O.SOAKING, "The traffic has moved from {} to {}, which is being watched."),
    CutoverPhase.DRAINING: (_O.DRAINING, "Slot {} finishes what it has begun; {} is live."),
}


def moving_words(view: View) -> tuple[OperatorReason, str] | None:
    """Reason and message while a switch of the operation is under way; None when none is."""
    state = own(view)
    if state is None or state.phase not in _PHASES:
        return None
    reason, text = _PHASES[state.phase]
    return reason, text.format(state.from_, state.to)


def traffic_details(world: Observed, status: Status, situation: Situation) -> list[Detail]:
    """Conditions beside the four, for what the spec asks for."""
    spec, operation = world.spec, status.operation
    if spec is None:
        return []
    details = []
    if spec.checks and status.checks and operation is not None:
        details.append(_checks(status))
    if spec.cutover is None:
        return details
    state = state_of(status)
    details.append(_switched(world, spec.cutover, state, status))
    if state is not None and state.phase in {*COUNTS, CutoverPhase.SOAKING, CutoverPhase.SWITCHED}:
        details.append(_drained(state, operation))
    if spec.source is not None and operation is not None:
        details.append(_contract(status, operation))
    if world.traffic is not None and not world.traffic.refused:
        details.append(_owned(spec.cutover, world.traffic, status, situation))
    return details


def _checks(status: Status) -> Detail:
    kind = ConditionType.CHECKS_PASSED
    failed = [check for check in status.checks if not check.passed]
    if not failed:
        names = ", ".join(dict.fromkeys(check.name for check in status.checks))
        return Detail(kind, _T, _O.CHECKS_PASSED, f"Held: {names}.")
    worst = failed[-1]
    return Detail(kind, _F, "ChecksFailed", f"{worst.name} ({worst.stage}): {worst.last_error}")


def _switched(world: Observed, cutover: Cutover, state: CutoverState | None, status: Status) -> Detail:
    kind = ConditionType.TRAFFIC_SWITCHED
    known = status.traffic.live_slot if status.traffic is not None else ""
    service = world.traffic.service if world.traffic is not None else None
    value = service.selector.get(cutover.selector_key, "") if service is not None else known
    if not known or cutover.slot(value) is None:
        unclear = "It is not clear which slot is live: the selector of the Service does not say."
        return Detail(kind, _U, _O.SLOT_NOT_LIVE, unclear)
    busy = state is not None and state.phase not in {*OVER, *COUNTS}
    if known == cutover.active_slot and not busy:
        return Detail(kind, _T, _O.SLOT_LIVE, f"Slot {known} is live.")
    phase = f" The switch is {state.phase}." if state is not None and busy else ""
    return Detail(
        kind, _F, _O.SLOT_NOT_LIVE, f"Slot {known} is live, {cutover.active_slot} is wished.{phase}"
    )


def _drained(state: CutoverState, operation: OperationState | None) -> Detail:
    kind = ConditionType.OLD_SLOT_DRAINED
    if state.phase is not CutoverPhase.COMPLETED:
        return Detail(kind, _F, _O.DRAINING, f"Slot {state.from_} still finishes what it has begun.")
    if state.reason:
        text = f"Nobody waited until slot {state.from_} had finished: {state.message}"
        return Detail(kind, _F, _O.OLD_SLOT_IN_USE, text)
    own = operation is not None and operation.id == state.operation_id
    if own and operation is not None and operation.drained is False:
        text = f"Sessions of slot {state.from_} were left, or nobody could look."
        return Detail(kind, _F, _O.OLD_SLOT_IN_USE, text)
    return Detail(kind, _T, _O.OLD_SLOT_DRAINED, f"Slot {state.from_} had the time that it was to have.")


def _contract(status: Status, operation: OperationState) -> Detail:
    kind = ConditionType.CONTRACT_APPLIED
    held = status.schema_state.held_back if status.schema_state is not None else None
    if operation.contract or held:
        files = "1 file waits" if held == 1 else f"{held or 'Some'} files wait"
        text = f"{files} until the old slot is scaled to 0 and no pod of it exists."
        old = status.traffic.old_program if status.traffic is not None else None
        if old is not None and status.traffic is not None and old.slot == status.traffic.live_slot:
            text = f"{files} until the program that is live in slot {old.slot} is another one."
        return Detail(kind, _F, _O.WAITING_FOR_OLD_SLOT, text)
    if status.schema_state is None:
        return Detail(kind, _U, _O.WAITING_FOR_OLD_SLOT, "Not known yet.")
    if operation.kind is OperationKind.CONTRACT and not operation.reached:
        text = "The operation that applies files of phase=contract has not reached its target."
        return Detail(kind, _F, _O.TARGET_NOT_REACHED, text)
    return Detail(kind, _T, _O.CONTRACT_APPLIED, "No file waits for the end of the old slot.")


def _owned(cutover: Cutover, traffic: Traffic, status: Status, situation: Situation) -> Detail:
    kind = ConditionType.SELECTOR_OWNED
    if situation is Situation.CONTESTED:
        return Detail(kind, _F, _O.SELECTOR_CONTESTED, "Somebody else changes the selector again and again.")
    known = status.traffic.live_slot if status.traffic is not None else ""
    found = [guard for guard in lasting(cutover, traffic, known, cutover.active_slot) if not guard.passed]
    blocking = [guard for guard in found if guard.blocks]
    if blocking:
        worst = blocking[0]
        return Detail(kind, _F, worst.reason, worst.message)
    text = " ".join(guard.message for guard in found) or "Nobody else writes the selector."
    return Detail(kind, _T, _O.SELECTOR_OWNED, text)
