from __future__ import annotations

from datetime import UTC, datetime

from switchback.api.status import CheckState, Status
from switchback.contract.reasons import Reason
from switchback.contract.result import Check, Result
from switchback.contract.words import CheckStage, Operation
from switchback.controller.tested import with_checks

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def said(*checks: Check) -> Result:
    return Result(Operation.CHECK, "op", Reason.SUCCEEDED, "held", "2026-01-01T12:00:00Z", checks=checks)


def known(name: str, stage: CheckStage) -> CheckState:
    return CheckState(name=name, stage=stage, passed=False, runs=3, failures=3, time="2026-01-01T11:00:00Z")


def test_what_an_earlier_run_of_the_stage_has_said_does_not_stay_beside_it() -> None:
    """A result has little room: a check that has passed may be left out of it, and is not the failed one."""
    before = Status(
        checks=(
            known("slow", CheckStage.AFTER_CUTOVER),
            known("gone", CheckStage.AFTER_CUTOVER),
            known("slow", CheckStage.AFTER_MIGRATE),
        )
    )
    after = with_checks(before, said(Check("quick", passed=True, runs=1)), CheckStage.AFTER_CUTOVER, NOW)
    assert [(one.name, one.stage, one.passed) for one in after.checks] == [
        ("slow", CheckStage.AFTER_MIGRATE, False),
        ("quick", CheckStage.AFTER_CUTOVER, True),
    ]


def test_a_run_that_says_nothing_changes_nothing() -> None:
    before = Status(checks=(known("slow", CheckStage.AFTER_CUTOVER),))
    assert with_checks(before, said(), CheckStage.AFTER_CUTOVER, NOW) == before
