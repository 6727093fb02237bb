"""What checks have said, as the status keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import CheckState
from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.status import Status
    from switchback.contract.result import Result
    from switchback.contract.words import CheckStage

CHECKS = 32
"""How many lines a status keeps: every check of every stage that fits."""


def with_checks(status: Status, result: Result, stage: CheckStage, now: datetime) -> Status:
    """The status with what this run has said of its checks, in place of what was known of that stage."""
    if not result.checks:
        return status
    said = tuple(
        CheckState(
            name=check.name[:63],
            stage=stage,
            passed=check.passed,
            runs=check.runs,
            failures=check.failures,
            last_error=check.error,
            time=rfc3339(now),
        )
        for check in result.checks
    )
    kept = tuple(check for check in status.checks if check.stage is not stage)
    return status.model_copy(update={"checks": (*kept, *said)[-CHECKS:]})
