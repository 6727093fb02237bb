"""Waits and reservations: every wait ends, and what was held is given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from switchback.api.status import Outcome
from switchback.contract.words import Direction
from switchback.controller.decision import Settle, Wait
from tests.property.database import START
from tests.property.runner import RESERVATION_SECONDS
from tests.unit.controller.test_decide import approve, at_latest, reason, settle, world


def test_a_reservation_that_ran_out_takes_its_restore_point_with_it() -> None:
    """Between two reservations anybody may have changed the database, and gone back to the same plan."""
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    there.generation += 1
    settle(there)
    approve(there)
    while there.status.operation is None or there.status.operation.step != "snapshot":
        settle(there, passes=1)
    settle(there, passes=1)
    there.spec = {**there.spec, "suspend": True}
    settle(there, passes=3)
    there.now += timedelta(seconds=RESERVATION_SECONDS + 1)
    there.spec = {**there.spec, "suspend": False}
    assert settle(there) == ["reserve", "snapshot", "rollback"]
    assert there.postgres.applied == ["0001", "0002"]


def test_nobody_waits_for_a_moment_that_has_passed() -> None:
    """People may take longer to approve than the operation itself may take."""
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    there.now += timedelta(hours=3)
    decision = there.reconcile()
    assert isinstance(decision, Wait)
    assert decision.until is not None
    assert decision.until > there.now


def test_finished_jobs_do_not_pile_up_while_others_hold_the_database() -> None:
    there = world(jobHistoryLimit=2)
    there.postgres.reserved_by, there.postgres.reserved_until = "other-1", there.now + timedelta(minutes=30)
    settle(there, passes=100)
    assert there.condition("Finished") == "False"
    assert len(there.created) > 4
    assert len(there.jobs) <= 3


def test_a_wish_taken_back_gives_the_reservation_back() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    approve(there)
    while not there.postgres.reserved_by:
        settle(there, passes=1)
    there.spec = {**there.spec, "target": "latest"}
    steps = settle(there)
    assert steps[-2:] == ["migrate", "release"]
    assert there.postgres.reserved_by == ""
    assert there.condition("Ready") == "True"


@pytest.mark.parametrize("how", ["running", "deleting", "stray"])
def test_a_pod_on_a_node_that_is_gone_does_not_keep_it_from_ending(how: str) -> None:
    there = world()
    while not there.jobs:
        there.reconcile()
    there.reconcile()
    ((name, running),) = there.jobs.items()
    if how == "deleting":
        running.job = replace(running.job, deleting=True)
    elif how == "stray":
        there.vanish(name)
    for _ in range(10):
        there.tick(there.reconcile())
    assert there.condition("Finished") == "True"
    assert reason(there) == "DeadlineExceeded"
    assert len(there.created) == 1
    assert there.now - START <= timedelta(seconds=7200 + 3600 + 300)
    assert isinstance(last := there.reconcile(), Wait | Settle)
    assert not isinstance(last, Wait) or last.until is None


def test_what_was_done_is_remembered_although_the_wish_has_changed() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    approve(there)
    while "rollback" not in there.created[-1]:
        settle(there, passes=1)
    there.spec = {**there.spec, "target": "latest"}
    settle(there)
    told = [(entry.direction, entry.to, entry.outcome) for entry in there.status.history]
    assert told == [
        (Direction.FORWARD, "0003", Outcome.SUCCEEDED),
        (Direction.BACKWARD, "0002", Outcome.SUCCEEDED),
        (Direction.FORWARD, "0003", Outcome.SUCCEEDED),
    ]


def test_what_was_given_up_is_remembered() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    there.spec = {**there.spec, "target": "latest"}
    settle(there)
    assert [entry.outcome for entry in there.status.history] == [
        Outcome.SUCCEEDED,
        Outcome.SUPERSEDED,
        Outcome.SUCCEEDED,
    ]


def test_rows_that_came_during_the_snapshot_are_asked_about() -> None:
    there = at_latest()
    there.risky = frozenset()
    there.spec = {**there.spec, "target": "0002"}
    while not there.created[-1].endswith("snapshot-3"):
        settle(there, passes=1)
    there.risky = frozenset({"0003"})
    assert settle(there) == ["rollback", "inspect"]
    assert (reason(there), there.postgres.applied) == ("AwaitingApproval", ["0001", "0002", "0003"])
    approve(there)
    assert settle(there) == ["reserve", "snapshot", "rollback"], "the restore point holds these rows as well"
    assert there.postgres.applied == ["0001", "0002"]


def test_a_consent_for_one_database_is_none_for_its_twin() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    approve(there)
    first = there.annotations["switchback.dev/approve"]
    while "-snapshot-" not in there.created[-1]:
        settle(there, passes=1)
    twin = replace(there.postgres, name="twin", applied=list(there.postgres.applied), reserved_by="")
    there.postgres = twin  # somebody points the Secret elsewhere
    assert settle(there) == ["rollback", "inspect"]
    assert (reason(there), twin.applied) == ("AwaitingApproval", ["0001", "0002", "0003"])
    assert there.token != first
    assert first in there.status.conditions[0].message, "a token that does not fit is told where people look"
