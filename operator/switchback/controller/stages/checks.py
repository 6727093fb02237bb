"""Stages that run the checks of spec.checks. What they say is taken over by `absorb`, like every result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import OperationKind
from switchback.contract.words import CheckStage, Direction, Operation
from switchback.controller.cutovers import moves
from switchback.controller.lifecycle import change, intend
from switchback.controller.stages.results import Done, Intend

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View


def check_after_migrate(view: View) -> StageResult:
    """What has to hold once the schema has gone forward holds. Where nothing was applied nobody looks."""
    return _checked(view, CheckStage.AFTER_MIGRATE) if view.operation.applied_count else Done()


def check_before_cutover(view: View) -> StageResult:
    """What has to hold before the traffic moves holds."""
    return _checked(view, CheckStage.BEFORE_CUTOVER) if moves(view) else Done()


def check_after_rollback(view: View) -> StageResult:
    """What has to hold once the schema has gone back holds."""
    back = view.operation.direction is Direction.BACKWARD or view.operation.kind is OperationKind.ROLLBACK
    return _checked(view, CheckStage.AFTER_ROLLBACK) if back else Done()


def _checked(view: View, stage: CheckStage) -> StageResult:
    if stage in view.operation.checked or not view.spec.checks_at(stage):
        return Done()
    return Intend(intend(view.with_status(change(view.status, check_stage=stage)), Operation.CHECK))
