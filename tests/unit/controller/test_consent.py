"""A person's yes or no: when it is asked for, when it counts."""

from __future__ import annotations

import pytest

from switchback.controller.observed import Namespace, PolicyState
from tests.unit.controller.test_decide import approve, at_latest, reason, settle, world
from tests.unit.controller.test_requests import ask


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


@pytest.mark.parametrize("label", ["rollback", "migrate.rollback", "cutover_rollback"])
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
    there.policy = PolicyState.PRESENT
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
