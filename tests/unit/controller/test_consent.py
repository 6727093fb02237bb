"""A person's yes or no: when it is asked for, when it counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from switchback.controller.observed import Namespace, PolicyState
from tests.unit.controller.test_decide import approve, at_latest, reason, settle, world
from tests.unit.controller.test_requests import ask

if TYPE_CHECKING:
    from tests.property.world import World


def test_a_migration_waits_for_a_person_where_the_spec_says_so() -> None:
    there = world(approval={"migratePolicy": "Manual"})
    assert settle(there) == ["inspect"]
    assert reason(there) == "AwaitingApproval"
    assert there.postgres.applied == []
    assert not there.finalizers, "a deletion need not wait for a person"
    assert there.status.approval is not None
    assert there.status.approval.wants == ("Migrate",)
    approve(there)
    there.annotations["switchback.dev/approved-by"] = "ann"
    assert settle(there) == ["migrate"]
    assert there.condition("Ready") == "True"
    assert there.status.approval.approved_by == "ann"


def test_nothing_pending_needs_no_approval() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0003", "approval": {"migratePolicy": "Manual"}}
    assert settle(there) == ["inspect"]
    assert there.condition("Ready") == "True"


@pytest.mark.parametrize(
    "label", ["rollback", "migrate.rollback", "cutover_rollback", "migrate-rollback", "true", "rollbacks", ""]
)
def test_a_namespace_asks_for_everybody_in_it(label: str) -> None:
    there = at_latest()
    there.around = Namespace({"switchback.dev/require-approval": label})
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    settle(there)
    assert reason(there) == "AwaitingApproval"
    approve(there)
    assert settle(there) == ["reserve", "snapshot", "rollback"]


def test_without_the_admission_policy_no_approval_counts() -> None:
    there = at_latest()
    there.policy = PolicyState.MISSING
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    approve(there)
    settle(there)
    assert reason(there) == "AwaitingApproval"
    assert (there.condition("Approved"), reason(there, "Approved")) == ("False", "ApprovalPolicyMissing")
    planted = there.token

    there.policy, there.seal = PolicyState.PRESENT, "sealed"
    settle(there)
    assert reason(there) == "AwaitingApproval", "what was written while nobody watched is no yes"
    assert there.token not in {"", planted}
    approve(there)
    there.annotations["switchback.dev/approved-by"] = "ann"
    settle(there)
    assert there.postgres.applied == ["0001", "0002"]


@pytest.mark.parametrize("blind", [PolicyState.UNKNOWN, PolicyState.UNSEEN])
def test_what_is_not_known_of_the_policy_is_no_yes(blind: PolicyState) -> None:
    there = at_latest()
    there.policy = blind
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    approve(there)
    settle(there)
    assert reason(there) == "AwaitingApproval"
    assert "another plan" not in said(there), "it is of this one, and not known yet to count"
    assert there.postgres.applied == ["0001", "0002", "0003"]
    if blind is PolicyState.UNKNOWN:
        assert "verb get" in said(there), "what to do about it"


def said(there: World) -> str:
    return next(one.message for one in there.status.conditions if one.type == "Ready")


def asked_under(seal: str) -> World:
    """A rollback that waits for a person, under a policy."""
    there = at_latest()
    there.policy, there.seal = PolicyState.PRESENT, seal
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    assert reason(there) == "AwaitingApproval"
    return there


def test_another_policy_asks_again_and_the_time_goes_on() -> None:
    there = asked_under("one")
    asked = there.status.approval
    there.seal, there.now = "two", there.now + timedelta(seconds=60)
    settle(there)
    again = there.status.approval
    assert asked is not None
    assert again is not None
    assert again.token != asked.token
    assert (again.request_time, again.deadline_time) == (asked.request_time, asked.deadline_time)


def test_what_was_approved_stays_so_under_another_policy() -> None:
    there = asked_under("one")
    approve(there)
    there.annotations["switchback.dev/approved-by"] = "ann"
    there.tick(there.reconcile())
    assert there.status.approval is not None
    assert there.status.approval.approved_by == "ann"
    there.seal = "two"
    settle(there)
    assert there.postgres.applied == ["0001", "0002"]


def test_a_yes_without_a_name_is_none_where_people_are_held_to_their_names() -> None:
    there = asked_under("one")
    approve(there)
    settle(there)
    assert "approved-by is missing" in said(there)
    there.annotations["switchback.dev/approved-by"] = "ann"
    settle(there)
    assert there.postgres.applied == ["0001", "0002"]


def test_a_rejection_ends_the_operation_and_an_edit_asks_again() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002"}
    settle(there)
    token = there.token
    ask(there, "reject", token)
    there.annotations["switchback.dev/rejected-by"] = "ben"
    settle(there)
    assert (there.condition("Stalled"), reason(there)) == ("True", "ApprovalRejected")
    assert "ben" in there.status.history[-1].message
    assert there.postgres.applied == ["0001", "0002", "0003"]
    there.generation += 1
    settle(there)
    assert there.token not in {"", token}


def test_a_rollback_needs_a_reason_where_the_spec_says_so() -> None:
    there = at_latest()
    policy = {"dataLossPolicy": "Allow", "reasonPolicy": "Required"}
    there.spec = {**there.spec, "target": "0002", "rollback": policy}
    settle(there)
    assert reason(there) == "ReasonRequired"
    there.spec, there.generation = {**there.spec, "reason": "INC-4711"}, there.generation + 1
    settle(there)
    assert there.postgres.applied == ["0001", "0002"]
