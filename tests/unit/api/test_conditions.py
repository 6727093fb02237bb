"""The table of situations, row by row, and what tools that know only kstatus make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.api.conditions import TYPES, ConditionType, Detail, Situation, conditions_for
from switchback.api.reasons import OperatorReason
from switchback.api.status import Condition, ConditionStatus
from switchback.contract.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 1, 31, 9, 30, 0, tzinfo=UTC)
T, F, U = "True", "False", "Unknown"

# design: situation -> (Ready, its reason), Reconciling, Stalled, Finished, kstatus
ROWS = {
    Situation.WORKING: ((U, "Progressing"), T, F, F, "InProgress"),
    Situation.RETRYING: ((F, "Retrying"), T, F, F, "InProgress"),
    Situation.WAITING_FOR_DATABASE: ((F, "WaitingForDatabase"), T, F, F, "InProgress"),
    Situation.AWAITING_APPROVAL: ((U, "AwaitingApproval"), T, F, F, "InProgress"),
    Situation.SUSPENDED_REACHED: ((T, "Suspended"), F, F, T, "Current"),
    Situation.SUSPENDED: ((U, "Suspended"), T, F, F, "InProgress"),
    Situation.DONE: ((T, "Succeeded"), F, F, T, "Current"),
    Situation.FAILED: ((F, "SQLFailed"), F, T, T, "Failed"),
    Situation.ROLLED_BACK: ((F, "RolledBack"), F, T, T, "Failed"),
    Situation.ROLLING_BACK: ((F, "RollingBack"), T, F, F, "InProgress"),
    Situation.NO_HEALTHY_SLOT: ((F, "NoHealthySlot"), F, T, F, "Failed"),
    Situation.CONTESTED: ((F, "SelectorContested"), F, T, F, "Failed"),
    Situation.DELETING: ((U, "Deleting"), T, F, F, "InProgress"),
}


def conditions(
    situation: Situation,
    reason: str = "SQLFailed",
    message: str = "0007_split.up.sql:12: syntax error",
    *,
    now: datetime = NOW,
    previous: Iterable[Condition] = (),
    details: Iterable[Detail] = (),
) -> dict[str, Condition]:
    found = conditions_for(
        situation, reason, message, generation=4, now=now, previous=previous, details=details
    )
    assert len({condition.type for condition in found}) == len(found)
    return {condition.type: condition for condition in found}


def kstatus(found: Iterable[Condition], *, observed: int = 4, generation: int = 4) -> str:
    """The rules of kstatus for a custom kind, in its order (cli-utils, pkg/kstatus/status)."""
    if observed != generation:
        return "InProgress"
    found = list(found)
    for condition in found:
        if condition.type == "Reconciling" and condition.status == T:
            return "InProgress"
        if condition.type == "Stalled" and condition.status == T:
            return "Failed"
    for condition in found:
        if condition.type == "Ready" and condition.status in {F, U}:
            return "InProgress"
    return "Current"


@pytest.mark.parametrize("situation", Situation)
def test_each_row_of_the_table(situation: Situation) -> None:
    (ready, reason), reconciling, stalled, finished, seen_by_kstatus = ROWS[situation]
    found = conditions(situation)
    assert list(found) == ["Ready", "Reconciling", "Stalled", "Finished"]
    assert (found["Ready"].status, found["Ready"].reason) == (ready, reason)
    assert found["Reconciling"].status == reconciling
    assert found["Stalled"].status == stalled
    assert found["Finished"].status == finished
    assert kstatus(found.values()) == seen_by_kstatus
    assert {condition.observed_generation for condition in found.values()} == {4}


def test_a_spec_that_was_not_looked_at_is_in_progress_for_kstatus() -> None:
    assert kstatus(conditions(Situation.DONE).values(), observed=-1, generation=1) == "InProgress"


@pytest.mark.parametrize(
    ("situation", "which", "reason"),
    [
        (Situation.RETRYING, "Reconciling", "AuthenticationFailed"),
        (Situation.WAITING_FOR_DATABASE, "Reconciling", "AuthenticationFailed"),
        (Situation.WORKING, "Reconciling", "AuthenticationFailed"),
        (Situation.FAILED, "Stalled", "AuthenticationFailed"),
        (Situation.FAILED, "Finished", "AuthenticationFailed"),
        (Situation.AWAITING_APPROVAL, "Reconciling", "AwaitingApproval"),
        (Situation.SUSPENDED, "Reconciling", "Suspended"),
        (Situation.DELETING, "Reconciling", "Deleting"),
    ],
)
def test_the_true_condition_says_why(situation: Situation, which: str, reason: str) -> None:
    found = conditions(situation, Reason.AUTHENTICATION_FAILED, "no password for shop")
    assert (found[which].status, found[which].reason) == (T, reason)
    assert found[which].message == "no password for shop"


def test_ready_keeps_its_answer_while_the_resource_is_deleted() -> None:
    before = conditions(Situation.DONE, Reason.SUCCEEDED, "at 0007")
    found = conditions(Situation.DELETING, "Deleting", "waiting for a Job", previous=before.values())
    assert (found["Ready"].status, found["Ready"].reason) == (T, "Succeeded")
    assert found["Ready"].message == "at 0007"
    assert found["Reconciling"].message == "waiting for a Job"


@given(first=st.sampled_from(Situation), second=st.sampled_from(Situation), seconds=st.integers(1, 10**6))
def test_the_time_moves_exactly_when_the_status_does(
    first: Situation, second: Situation, seconds: int
) -> None:
    before = conditions(first)
    after = conditions(second, now=NOW + timedelta(seconds=seconds), previous=before.values())
    for kind, condition in after.items():
        moved = condition.last_transition_time != before[kind].last_transition_time
        assert moved == (condition.status != before[kind].status)


@given(situation=st.sampled_from(Situation), message=st.text(max_size=2000), reason=st.sampled_from(Reason))
def test_never_both_stalled_and_reconciling_and_never_a_long_message(
    situation: Situation, message: str, reason: Reason
) -> None:
    found = conditions(situation, reason, message)
    assert not (found["Stalled"].status == T and found["Reconciling"].status == T)
    for condition in found.values():
        assert condition.message
        assert len(condition.message.encode()) <= 512


def test_an_empty_message_is_filled_with_the_meaning_of_the_reason() -> None:
    found = conditions(Situation.FAILED, OperatorReason.SNAPSHOT_REQUIRED, "")
    assert found["Stalled"].message == "A rollback needs a restore point and spec.snapshot is not set."


def test_details_follow_in_their_order_and_replace_those_before() -> None:
    stale = Detail(ConditionType.APPROVED, ConditionStatus.FALSE, OperatorReason.AWAITING_APPROVAL, "token 1")
    before = conditions(Situation.AWAITING_APPROVAL, details=[stale])
    schema = Detail(ConditionType.SCHEMA_READY, ConditionStatus.TRUE, OperatorReason.TARGET_REACHED)
    found = conditions(Situation.DONE, previous=before.values(), details=[schema])
    assert list(found) == ["Ready", "Reconciling", "Stalled", "Finished", "SchemaReady"]
    assert found["SchemaReady"].message == "The schema is at the wished version."


def test_times_are_utc_whatever_the_clock_says() -> None:
    elsewhere = datetime.fromisoformat("2026-01-31T18:30:00.999+09:00")
    assert conditions(Situation.DONE, now=elsewhere)["Ready"].last_transition_time == "2026-01-31T09:30:00Z"


def test_every_type_has_a_meaning() -> None:
    assert set(TYPES) == set(ConditionType)
