"""The two directions, as the order of their stages. Reading the tuples tells the story.

A stage looks at the world and answers whether its purpose is met (`Done`), what it is about to do
(`Intend`, `Do`), whom it waits for (`Wait`) or why the operation cannot go on (`Fail`). It changes nothing.
The first stage that is not done decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.words import Direction
from switchback.controller.stages.backward import (
    approve_rollback,
    reserve,
    rollback,
    snapshot_before_rollback,
)
from switchback.controller.stages.common import admit, finish, inspect
from switchback.controller.stages.forward import approve_migrate, migrate

if TYPE_CHECKING:
    from switchback.controller.stages.results import Stage

FORWARD: tuple[Stage, ...] = (admit, inspect, approve_migrate, migrate, finish)
BACKWARD: tuple[Stage, ...] = (
    admit,
    inspect,
    approve_rollback,
    reserve,
    snapshot_before_rollback,
    rollback,
    finish,
)


def stages_of(direction: Direction | None) -> tuple[Stage, ...]:
    """The way an operation takes. Until a run has told the direction, it is forward."""
    return BACKWARD if direction is Direction.BACKWARD else FORWARD
