"""A server that moves while a person is asked: where it was is no proof that it is another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from switchback.contract.points import Finding
from switchback.controller.decide import decide
from switchback.controller.decision import Wait
from tests.property.keeping import MISMATCH
from tests.unit.controller.test_restore_points import settle, world


@pytest.mark.parametrize(("minutes", "reason"), [(1, "SnapshotSourceMismatch"), (60, "AwaitingApproval")])
def test_a_pod_that_is_replaced_during_the_approval_ends_nothing(minutes: int, reason: str) -> None:
    """It has another address then. After the approval, a Job reads again where the database is."""
    there = world("0001")
    there.spec = {**there.spec, "approval": {"rollbackPolicy": "Manual"}}
    there.generation += 1
    settle(there, until=Wait)
    assert there.token
    seen = there.observed()
    state = seen.status.schema_state
    assert state is not None
    later = seen.now + timedelta(minutes=minutes)
    found = replace(seen, now=later, kept=replace(seen.kept, findings=(Finding(MISMATCH),)))
    decision = decide(found)
    assert hasattr(decision, "status")
    assert [c.reason for c in decision.status.conditions if c.type == "Ready"] == [reason]
