"""Stages of the way forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.words import Operation
from switchback.controller.lifecycle import intend
from switchback.controller.stages.results import Done, Intend

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View


def migrate(view: View) -> StageResult:
    """Every migration up to the target is applied."""
    return Done() if view.operation.reached else Intend(intend(view, Operation.MIGRATE))
