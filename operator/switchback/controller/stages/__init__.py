"""The ways that an operation takes, as the order of their stages. Reading the tuples tells the story.

A stage looks at the world and answers whether its purpose is met (`Done`), what it is about to do
(`Intend`, `Do`), whom it waits for (`Wait`) or why the operation cannot go on (`Fail`). It changes nothing.
The first stage that is not done decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import OperationKind
from switchback.contract.words import Direction
from switchback.controller.stages.back import settle, switch_back, verify_back
from switchback.controller.stages.backward import (
    approve_rollback,
    reserve,
    rollback,
    withdraw,
)
from switchback.controller.stages.checks import (
    check_after_migrate,
    check_after_rollback,
    check_before_cutover,
)
from switchback.controller.stages.claim import claim
from switchback.controller.stages.common import admit, finish, inspect
from switchback.controller.stages.contract import old_slot_gone
from switchback.controller.stages.fence import lower_fence, raise_fence, settle_fence
from switchback.controller.stages.forward import approve_migrate, migrate, reserve_before_migrate
from switchback.controller.stages.probe import arm_probe
from switchback.controller.stages.snapshot import snapshot_before_migrate, snapshot_before_rollback
from switchback.controller.stages.traffic import (
    approve_cutover,
    drain,
    slot_ready,
    soak,
    switch,
    verify_endpoints,
)

if TYPE_CHECKING:
    from switchback.api.status import OperationState
    from switchback.controller.stages.results import Stage

FORWARD: tuple[Stage, ...] = (
    settle_fence,
    admit,
    claim,
    inspect,
    approve_migrate,
    reserve_before_migrate,
    raise_fence,
    snapshot_before_migrate,
    migrate,
    lower_fence,
    check_after_migrate,
    slot_ready,
    check_before_cutover,
    approve_cutover,
    arm_probe,
    switch,
    verify_endpoints,
    soak,
    drain,
    finish,
)
BACKWARD: tuple[Stage, ...] = (
    settle_fence,
    admit,
    claim,
    inspect,
    approve_rollback,
    slot_ready,
    switch,
    verify_endpoints,
    soak,
    drain,
    reserve,
    raise_fence,
    snapshot_before_rollback,
    rollback,
    lower_fence,
    check_after_rollback,
    finish,
)
WATCH: tuple[Stage, ...] = (verify_endpoints, soak)
"""All that is asked once the Service was changed, until the switch counts."""
ABORT: tuple[Stage, ...] = (switch_back, verify_back, settle)
CONTRACT: tuple[Stage, ...] = (
    settle_fence,
    admit,
    old_slot_gone,
    inspect,
    approve_migrate,
    reserve_before_migrate,
    raise_fence,
    snapshot_before_migrate,
    migrate,
    lower_fence,
    finish,
)
WITHDRAW: tuple[Stage, ...] = (settle_fence, admit, inspect, withdraw, check_after_rollback, finish)


def stages_of(operation: OperationState) -> tuple[Stage, ...]:
    """The way an operation takes. Until a run has told the direction, it is that of its kind."""
    if operation.direction is Direction.BACKWARD:
        return BACKWARD
    match operation.kind:
        case OperationKind.ROLLBACK:
            return WITHDRAW
        case OperationKind.CONTRACT:
            return CONTRACT
        case OperationKind.REACH:
            return FORWARD
