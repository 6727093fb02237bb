"""The parts of a story: what happens, in order, and how it ends."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchback.api.names import CONTAINER, uid_hash

if TYPE_CHECKING:
    from switchback.api.status import Want
    from switchback.contract.result import Result
    from switchback.contract.words import CheckStage, Operation
    from switchback.explain.cases import Known

PLACEHOLDER = "<operation>"
LOOK = "<look>"

NEW_UID = "00000000-0000-0000-0000-000000000000"
"""Of a resource that is not there yet; the API server gives it another one."""


_OF_NEW = re.compile(rf"{uid_hash(NEW_UID)}-p[0-9a-f]+")


class SceneKind(StrEnum):
    """What kind of thing happens."""

    JOB = "Job"
    LOOK = "Look"
    """A Job beside the operation, because somebody has asked what would be."""
    RUNNING = "RunningJob"
    """A Job that is there already comes to its end."""
    END_JOB = "EndJob"
    APPROVAL = "Approval"
    CALL = "Call"
    """The operator itself asks for a restore point."""
    WAIT = "Wait"
    CLAIM = "Claim"
    """A note on the Service says whose it is."""
    SWITCH = "Switch"
    """The patch that points the Service at a slot."""
    VERIFY = "Verify"
    SOAK = "Soak"
    DRAIN = "Drain"
    OLD_SLOT = "OldSlot"
    """Files of phase=contract wait until nobody needs the old slot any more."""


class EndingKind(StrEnum):
    """How a story ends."""

    REACHED = "Reached"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    REFUSED = "Refused"
    WAITING = "Waiting"
    """Nobody knows whether what it waits for will come."""
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class Scene:
    """One thing that happens. `result` is what the pretended run answered.

    `stage`: of a Job that runs checks. `slot` is the one that is to be live, `old` the one before it.
    """

    kind: SceneKind
    name: str
    step: Operation | None = None
    attempt: int = 0
    operation: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)
    result: Result | None = None
    want: Want | None = None
    reason: str = ""
    message: str = ""
    stage: CheckStage | None = None
    slot: str = ""
    old: str = ""

    @property
    def container(self) -> dict[str, Any]:
        """The container whose result is read."""
        return container_of(self.manifest)


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    """The container of a Job whose result is read."""
    containers: list[dict[str, Any]] = job["spec"]["template"]["spec"]["containers"]
    return next(one for one in containers if one["name"] == CONTAINER)


@dataclass(frozen=True)
class Ending:
    """How it ends: a reason as a stable word, and the words that would stand in the condition Ready."""

    kind: EndingKind
    reason: str
    message: str
    to: str = ""


@dataclass(frozen=True)
class Story:
    """Everything from the apply to the end, in one case.

    `risky`: the way back destroys something. `operations` are those that begin and were not there.
    """

    known: Known
    risky: bool
    scenes: tuple[Scene, ...]
    ending: Ending
    operations: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether an operation begins."""
        return bool(self.operations)

    def pattern(self, name: str) -> str:
        """A name with a placeholder for the part that only the API server's next version number decides."""
        for operation in self.operations:
            name = name.replace(operation, PLACEHOLDER)
        return _OF_NEW.sub(LOOK, name)
