"""Stages of the way forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import Want
from switchback.contract.words import Direction, Operation
from switchback.controller.lifecycle import intend
from switchback.controller.stages.common import reserved
from switchback.controller.stages.consent import asks_a_person, consent, database, way
from switchback.controller.stages.results import Done, Intend
from switchback.controller.stages.snapshot import wanted_before_migrate

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


def reserve_before_migrate(view: View) -> StageResult:
    """Where a restore point is wanted first: nobody changes the database between it and the migration.

    A database without a ledger has nowhere to write a reservation; nothing of ours is in it either.
    """
    operation, state = view.operation, view.status.schema_state
    forward = operation.direction is Direction.FORWARD and not operation.reached
    if not forward or wanted_before_migrate(view) is None or operation.snapshot_waived:
        return Done()
    if state is None or state.database is None or not state.database.ledger:
        return Done()
    return reserved(view)


def migrate(view: View) -> StageResult:
    """Every migration up to the target is applied."""
    return Done() if view.operation.reached else Intend(intend(view, Operation.MIGRATE))
