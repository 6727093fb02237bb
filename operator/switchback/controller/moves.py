"""What happened to the traffic between two statuses. Pure.

Everything is read off the record of the switch, whose phases are stored before each step, so a step is told
once, whoever made it and however often the operator was restarted meanwhile.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason
from switchback.api.status import ConditionStatus, CutoverPhase, OperationKind, Outcome
from switchback.contract.words import Direction
from switchback.controller.happening import Happening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.api.status import CheckState, CutoverState, Status

SELECTOR_OWNED = "SelectorOwned"


class Move(StrEnum):
    """Reasons of the Events about traffic."""

    CUTOVER_STARTED = "CutoverStarted"
    SELECTOR_SWITCHED = "SelectorSwitched"
    ENDPOINTS_VERIFIED = "EndpointsVerified"
    SOAK_PASSED = "SoakPassed"
    SOAK_FAILED = "SoakFailed"
    CUTOVER_UNDONE = "CutoverUndone"
    SELECTOR_RESTORED = "SelectorRestored"
    CUTOVER_CANCELLED = "CutoverCancelled"
    CUTOVER_TAKEN_OVER = "CutoverTakenOver"
    OLD_SLOT_DRAINED = "OldSlotDrained"
    LIVE_SLOT_CHANGED = "LiveSlotChanged"
    SELECTOR_DRIFT = "SelectorDrift"
    CHECK_FAILED = "CheckFailed"
    CONTRACT_STARTED = "ContractStarted"
    ROLLBACK_COMPLETED = "RollbackCompleted"


WARNINGS = frozenset(
    {
        Move.SOAK_FAILED,
        Move.CUTOVER_UNDONE,
        Move.SELECTOR_RESTORED,
        Move.CUTOVER_TAKEN_OVER,
        Move.LIVE_SLOT_CHANGED,
        Move.SELECTOR_DRIFT,
        Move.CHECK_FAILED,
    }
)
"""Somebody may want to know why."""

MEANINGS: dict[Move, tuple[str, str]] = {
    Move.CUTOVER_STARTED: ("A switch begins.", "Nothing has moved yet; the pod that will check starts."),
    Move.SELECTOR_SWITCHED: ("The Service was changed.", "New connections go to the new slot."),
    Move.ENDPOINTS_VERIFIED: (
        "The slices of the Service hold pods of the new slot only.",
        "The soak begins.",
    ),
    Move.SOAK_PASSED: ("The soak is over and was good.", "The switch counts; the old slot drains."),
    Move.SOAK_FAILED: (
        "The new slot was live and did not stand the soak.",
        "The traffic goes back, unless `spec.rollback.automatic` is Never.",
    ),
    Move.CUTOVER_UNDONE: (
        "The switch ends before it was verified: a deadline, an edit, an abort, a deletion.",
        "The traffic goes back.",
    ),
    Move.SELECTOR_RESTORED: ("The Service points at the old slot again, and was seen to.", ""),
    Move.CUTOVER_CANCELLED: ("The switch ended before the Service was changed.", "The traffic did not move."),
    Move.CUTOVER_TAKEN_OVER: (
        "Somebody else has pointed the Service at a slot, or has deleted or replaced it.",
        "It stays as it is.",
    ),
    Move.OLD_SLOT_DRAINED: ("The old slot had its time.", "The switch is complete."),
    Move.LIVE_SLOT_CHANGED: (
        "Another slot is live, and no switch of this resource did it.",
        "Somebody else has changed the Service, or a slot came back.",
    ),
    Move.SELECTOR_DRIFT: ("Somebody else has changed the selector.", "It is put right."),
    Move.CHECK_FAILED: ("A check has failed as often as it may.", "The message has its last error."),
    Move.CONTRACT_STARTED: (
        "No pod of the old slot is left.",
        "The migrations of `phase=contract` are applied.",
    ),
    Move.ROLLBACK_COMPLETED: ("The schema is back at an older version.", ""),
}
"""When it comes, and what follows: the reference is made of it."""

_UNDONE = frozenset({CutoverPhase.RESTORING, CutoverPhase.RESTORED})
_AT_REST = frozenset(
    {
        CutoverPhase.DRAINING,
        CutoverPhase.COMPLETED,
        CutoverPhase.RESTORED,
        CutoverPhase.CANCELLED,
        CutoverPhase.TAKEN_OVER,
    }
)
_BY_PEOPLE = frozenset(
    {OperatorReason.ABORTED, OperatorReason.ABORTING, OperatorReason.DELETING, "Superseded"}
)
_GOOD = frozenset({CutoverPhase.DRAINING, CutoverPhase.COMPLETED})


def moves(before: Status, after: Status) -> list[Happening]:
    """What happened, in the order in which it did."""
    return [*_drift(before, after), *_switch(before, after), *_checks(before, after), *_schema(before, after)]


def _tell(move: Move, message: str) -> Happening:
    return Happening(move, message, warning=move in WARNINGS)


def _switch(before: Status, after: Status) -> Iterator[Happening]:
    now = after.traffic.cutover if after.traffic is not None else None
    was = before.traffic.cutover if before.traffic is not None else None
    if was is not None and now is not None and was.id != now.id:
        was = None
    if now is None or (was is not None and was.phase is now.phase):
        return
    way = f"{now.from_ or 'nothing'} → {now.to}"
    if was is None:
        yield _tell(Move.CUTOVER_STARTED, f"{way}. Switch {now.id}.")
    if now.switch_time and not (was is not None and was.switch_time):
        yield _tell(
            Move.SELECTOR_SWITCHED, f"{way}. The Service had {now.ready_before} ready endpoints before."
        )
    if now.verify_time and not (was is not None and was.verify_time):
        yield _tell(Move.ENDPOINTS_VERIFIED, f"The slices hold pods of {now.to} only.")
    yield from _end(was, now, after.traffic.live_slot if after.traffic is not None else "")


def _end(was: CutoverState | None, now: CutoverState, live: str) -> Iterator[Happening]:
    old = was.phase if was is not None else None
    why = ": ".join(part for part in (now.reason, now.message) if part)
    if now.phase is CutoverPhase.COMPLETED and now.reason:
        yield _tell(Move.SOAK_FAILED, f"{now.to} stays live. {why}")
        return
    if now.phase in _GOOD and old not in _GOOD:
        yield _tell(Move.SOAK_PASSED, f"{now.to} is live for good; {now.from_} finishes what it has begun.")
    if now.phase in _UNDONE and old not in _UNDONE:
        asked = old is not CutoverPhase.SOAKING or now.reason in _BY_PEOPLE
        failed = Move.CUTOVER_UNDONE if asked else Move.SOAK_FAILED
        yield _tell(failed, f"The traffic goes back to {now.from_}. {why}")
    ends = {
        CutoverPhase.COMPLETED: (Move.OLD_SLOT_DRAINED, f"{now.from_} is drained; {now.to} is live."),
        CutoverPhase.RESTORED: (Move.SELECTOR_RESTORED, f"{now.to} → {now.from_}. {why}"),
        CutoverPhase.CANCELLED: (Move.CUTOVER_CANCELLED, f"The traffic stays at {now.from_}. {why}"),
        CutoverPhase.TAKEN_OVER: (
            Move.CUTOVER_TAKEN_OVER,
            f"The traffic is at {live or 'no known slot'}. {why}",
        ),
    }
    if now.phase in ends:
        move, text = ends[now.phase]
        yield _tell(move, text.strip())


def _drift(before: Status, after: Status) -> Iterator[Happening]:
    was, now = before.traffic, after.traffic
    if was is None or now is None:
        return
    for time in now.drift_times:
        if time not in was.drift_times:
            text = f"Somebody else has changed the selector at {time}; it is put right: {now.live_slot}."
            yield _tell(Move.SELECTOR_DRIFT, text)
    if not was.live_slot or not now.live_slot or was.live_slot == now.live_slot:
        return
    known = now.cutover
    if known is None or (known == was.cutover and known.phase in _AT_REST):
        yield _tell(Move.LIVE_SLOT_CHANGED, f"{was.live_slot} → {now.live_slot}.")


def _checks(before: Status, after: Status) -> Iterator[Happening]:
    for one in after.checks:
        if not one.passed and one not in before.checks:
            yield _tell(Move.CHECK_FAILED, _failure(one))


def _failure(one: CheckState) -> str:
    tries = f"{one.failures} of {one.runs} tries failed"
    return f"{one.name} ({one.stage}): {tries}. {one.last_error}".strip()


def _schema(before: Status, after: Status) -> Iterator[Happening]:
    was, now = before.operation, after.operation
    if now is not None and now.kind is OperationKind.CONTRACT and (was is None or was.id != now.id):
        held = after.schema_state.held_back if after.schema_state is not None else None
        count = f" {held} migrations follow." if held else ""
        yield _tell(Move.CONTRACT_STARTED, f"No pod of the old slot is left.{count}")
    done = {Outcome.SUCCEEDED, Outcome.ROLLED_BACK}
    for entry in after.history:
        if entry.direction is Direction.BACKWARD and entry.outcome in done and entry not in before.history:
            yield _tell(Move.ROLLBACK_COMPLETED, f"{entry.from_} → {entry.to}.")


def contested(before: Status, after: Status) -> list[Happening]:
    """Who else writes the selector, once it is known: the condition SelectorOwned has become False."""
    old = {one.type: one for one in before.conditions}.get(SELECTOR_OWNED)
    new = {one.type: one for one in after.conditions}.get(SELECTOR_OWNED)
    if new is None or new.status is not ConditionStatus.FALSE:
        return []
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return []
    return [Happening(new.reason, new.message, warning=True)]
