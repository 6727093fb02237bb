"""Conditions: their types, and the one table of situations.

Tools that know nothing of this operator read these four conditions: kstatus (Flux, Helm 4, kpt) asks Stalled
and Reconciling before Ready, `kubectl wait` waits for Finished, Argo CD's check reads all of them. So the
rows of the table are a contract, and nothing else in the code may put a condition together by hand.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

from switchback.api.base import timestamp
from switchback.api.reasons import OperatorReason, explain
from switchback.api.status import Condition, ConditionStatus
from switchback.contract.reasons import Reason as RunReason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class ConditionType(StrEnum):
    """The questions that conditions answer. The first four are always there once a resource was seen."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    FINISHED = "Finished"
    APPROVED = "Approved"
    SNAPSHOT_READY = "SnapshotReady"
    SCHEMA_READY = "SchemaReady"
    ROLLED_BACK = "RolledBack"
    CHECKS_PASSED = "ChecksPassed"
    TRAFFIC_SWITCHED = "TrafficSwitched"
    OLD_SLOT_DRAINED = "OldSlotDrained"
    CONTRACT_APPLIED = "ContractApplied"
    SELECTOR_OWNED = "SelectorOwned"


TYPES: dict[ConditionType, str] = {
    ConditionType.READY: "The database is where the spec wishes it to be.",
    ConditionType.RECONCILING: "The operator works towards it, or waits for something that ends by itself.",
    ConditionType.STALLED: "The operator has stopped; a person has to change something.",
    ConditionType.FINISHED: "This intent has ended, well or not. Wait for it, then read Ready.",
    ConditionType.APPROVED: "A person has accepted the plan and its risks.",
    ConditionType.SNAPSHOT_READY: "This rollback has a restore point, verified as its provider can.",
    ConditionType.SCHEMA_READY: "The schema is at the wished version.",
    ConditionType.ROLLED_BACK: "Schema or traffic went back although the spec asks for something newer.",
    ConditionType.CHECKS_PASSED: "The checks of the stages that have come so far held.",
    ConditionType.TRAFFIC_SWITCHED: "The Service points at the wished slot, verified.",
    ConditionType.OLD_SLOT_DRAINED: "The old slot has finished what it had begun.",
    ConditionType.CONTRACT_APPLIED: "No file of phase=contract waits for the old slot's end.",
    ConditionType.SELECTOR_OWNED: "Nobody else writes the Service's selector.",
}


class Situation(Enum):
    """The rows of the table: where an operation stands, as tools have to see it."""

    WORKING = "working, or superseding an older intent"
    RETRYING = "transient failure, will retry"
    WAITING_FOR_DATABASE = "waiting for a lock or a reservation"
    AWAITING_APPROVAL = "waiting for approval"
    SUSPENDED_REACHED = "suspended, intent already reached"
    SUSPENDED = "suspended, intent not reached"
    DONE = "done"
    FAILED = "failed, denied, rejected, expired, aborted"
    ROLLED_BACK = "rolled back on request"
    ROLLING_BACK = "rolling back"
    NO_HEALTHY_SLOT = "no healthy slot"
    CONTESTED = "somebody else changes the selector again and again"
    DELETING = "being deleted"


_O = OperatorReason
_T, _F, _U = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

_BUSY = frozenset({ConditionType.RECONCILING})
_STUCK = frozenset({ConditionType.STALLED, ConditionType.FINISHED})
_ENDED = frozenset({ConditionType.FINISHED})


class _Row(NamedTuple):
    """Ready's status (None: as it was) and reason (None: the caller's), and which others are True."""

    ready: ConditionStatus | None
    reason: str | None
    true: frozenset[ConditionType]


_TABLE: dict[Situation, _Row] = {
    Situation.WORKING: _Row(_U, _O.PROGRESSING, _BUSY),
    Situation.RETRYING: _Row(_F, _O.RETRYING, _BUSY),
    Situation.WAITING_FOR_DATABASE: _Row(_F, _O.WAITING_FOR_DATABASE, _BUSY),
    Situation.AWAITING_APPROVAL: _Row(_U, _O.AWAITING_APPROVAL, _BUSY),
    Situation.SUSPENDED_REACHED: _Row(_T, _O.SUSPENDED, _ENDED),
    Situation.SUSPENDED: _Row(_U, _O.SUSPENDED, _BUSY),
    Situation.DONE: _Row(_T, RunReason.SUCCEEDED, _ENDED),
    Situation.FAILED: _Row(_F, None, _STUCK),
    Situation.ROLLED_BACK: _Row(_F, _O.ROLLED_BACK, _STUCK),
    Situation.ROLLING_BACK: _Row(_F, _O.ROLLING_BACK, _BUSY),
    Situation.NO_HEALTHY_SLOT: _Row(_F, _O.NO_HEALTHY_SLOT, frozenset({ConditionType.STALLED})),
    Situation.CONTESTED: _Row(_F, _O.SELECTOR_CONTESTED, frozenset({ConditionType.STALLED})),
    Situation.DELETING: _Row(None, _O.DELETING, _BUSY),
}

_ITS_OWN_REASON = {
    Situation.AWAITING_APPROVAL,
    Situation.SUSPENDED_REACHED,
    Situation.SUSPENDED,
    Situation.DELETING,
}
"""Rows in which the situation says it all: the caller's reason is not asked for."""

_QUIET = {
    ConditionType.RECONCILING: "No work under way.",
    ConditionType.STALLED: "Nothing is stuck.",
    ConditionType.FINISHED: "Not finished.",
}


class Detail(NamedTuple):
    """A condition beside the four: Approved, SnapshotReady, SchemaReady or RolledBack."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str = ""


def conditions_for(
    situation: Situation,
    reason: str,
    message: str,
    *,
    generation: int,
    now: datetime,
    previous: Iterable[Condition],
    details: Iterable[Detail] = (),
) -> tuple[Condition, ...]:
    """The whole list of conditions for one row of the table: the four, then the details in the order given.

    Args:
        situation: the row.
        reason: why, as a word of `api.reasons` or `contract.reasons`. It is the reason of Reconciling, of
            Stalled and Finished when these are True, and of Ready where the row leaves it open (FAILED). Rows
            that say it all (waiting for approval, suspended, being deleted) have their own reason instead.
        message: why, for people. Cut to 512 bytes. Empty: the meaning of the reason.
        generation: `metadata.generation` of the spec that this is about; it goes into every condition.
        now: the moment of this look at the world.
        previous: the conditions as they stand. A condition whose status does not change keeps its time.
        details: further conditions. Those of `previous` that are not named here are dropped.
    """
    row = _TABLE[situation]
    before = {condition.type: condition for condition in previous}
    if situation in _ITS_OWN_REASON and row.reason:
        reason = row.reason
    text = message or _meaning(reason)
    ready = Detail(ConditionType.READY, row.ready or _U, row.reason or reason, text)
    if row.ready is None and (old := before.get(ConditionType.READY)) is not None:
        ready = Detail(ConditionType.READY, old.status, old.reason, old.message)
    others = (
        Detail(kind, _T, reason, text) if kind in row.true else Detail(kind, _F, row.reason or reason, quiet)
        for kind, quiet in _QUIET.items()
    )
    return tuple(
        _condition(detail, before.get(detail.type), generation, now) for detail in (ready, *others, *details)
    )


def _meaning(reason: str) -> str:
    known = explain(reason)
    return known.meaning if known else reason


def _condition(detail: Detail, old: Condition | None, generation: int, now: datetime) -> Condition:
    since = old.last_transition_time if old and old.status == detail.status else timestamp(now)
    return Condition(
        type=detail.type,
        status=detail.status,
        observed_generation=generation,
        last_transition_time=since,
        reason=detail.reason,
        message=detail.message or _meaning(detail.reason),
    )
