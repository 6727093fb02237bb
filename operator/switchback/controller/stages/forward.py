"""Stages of the way forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import Want
from switchback.contract.words import Direction, Operation
from switchback.controller.lifecycle import intend
from switchback.controller.stages.consent import asks_a_person, consent, database, way
from switchback.controller.stages.results import Done, Intend

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

SHOWN = 5
"""How many ids a message names."""


def approve_migrate(view: View) -> StageResult:
    """Whoever has to has seen what would be applied, where the spec or the namespace asks for that."""
    operation = view.operation
    if operation.reached or operation.direction is not Direction.FORWARD:
        return Done()
    if not asks_a_person(view, Want.MIGRATE):
        return Done()
    ids = [step.id for step in operation.steps]
    more = len(ids) - SHOWN + operation.steps_omitted
    listed = ", ".join(ids[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    return consent(view, Want.MIGRATE, f"Migrating{database(view)} {way(view)} applies {listed}.")


def migrate(view: View) -> StageResult:
    """Every migration up to the target is applied."""
    return Done() if view.operation.reached else Intend(intend(view, Operation.MIGRATE))
