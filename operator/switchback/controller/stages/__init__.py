"""The two directions, as the order of their stages. Reading the tuples tells the story.

A stage looks at the world and answers whether its purpose is met (`Done`), what it is about to do
(`Intend`, `Do`), whom it waits for (`Wait`) or why the operation cannot go on (`Fail`). It changes nothing.
The first stage that is not done decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import OperationKind
from switchback.contract.words import Direction
from switchback.controller.stages.backward import (
    approve_rollback,
    reserve,
    rollback,
    withdraw,
)
from switchback.controller.stages.common import admit, finish, inspect
from switchback.controller.stages.fence import lower_fence, raise_fence, settle_fence
from switchback.controller.stages.forward import approve_migrate, migrate, reserve_before_migrate
from switchback.controller.stages.snapshot import snapshot_before_migrate, snapshot_before_rollback

if TYPE_CHECKING:
    from switchback.api.status import OperationState
    from switchback.controller.stages.results import Stage

FORWARD: tuple[Stage, ...] = (
    settle_fence,
    admit,
    inspect,
    approve_migrate,
    reserve_before_migrate,
    raise_fence,
    snapshot_before_migrate,
    migrate,
    lower_fence,
    finish,
)
BACKWARD: tuple[Stage, ...] = (
    settle_fence,
    admit,
    inspect,
    approve_rollback,
    reserve,
    raise_fence,
    snapshot_before_rollback,
    rollback,
    lower_fence,
    finish,
)


WITHDRAW: tuple[Stage, ...] = (settle_fence, admit, inspect, withdraw, finish)


def stages_of(operation: OperationState) -> tuple[Stage, ...]:
    """The way an operation takes. Until a run has told the direction, it is that of its kind."""
    if operation.direction is Direction.BACKWARD:
        return BACKWARD
    return WITHDRAW if operation.kind is OperationKind.ROLLBACK else FORWARD
