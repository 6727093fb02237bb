"""What a look at the world can lead to: never two effects at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchback.api.status import Status
    from switchback.contract.words import Operation


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create the Job that status names. Idempotent: the name is the lock.

    `look`: the Job of `status.preview`, which changes nothing, and not the one of `status.operation`.
    `probe`: the Job of `status.traffic.cutover`, which checks the new slot.
    """

    name: str
    step: Operation
    attempt: int
    look: bool = False
    probe: bool = False


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a Job of ours, with its pods. The UID is a precondition: never another of the same name."""

    name: str
    uid: str
    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Put our finalizer on the resource: a deletion waits until what is in flight has ended."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """Take our finalizer off: nothing that a deletion would have to wait for is left."""


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """Ask the provider for the restore point that status names. Idempotent: what is there is adopted."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteSnapshot:
    """Delete a restore point of this resource that the rules let go. The provider reads again whose it is."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class MarkService:
    """Write annotations on the Service, and nothing else. Refused if it is not as it was seen."""

    annotations: Mapping[str, str | None]
    why: str


@dataclass(frozen=True, slots=True)
class PointService:
    """Point the Service at a slot by one patch of its whole selector. Refused if it is not as it was seen.

    `selector` is the whole one that is wished for; `annotations` say whose and which switch this is, None
    takes one off. `back`: nothing may hold it up.
    """

    slot: str
    selector: Mapping[str, str]
    annotations: Mapping[str, str | None]
    why: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class TellProbe:
    """Tell the pod that checks the new slot that the traffic goes there now."""

    pod: str
    cutover: str


Action = (
    CreateJob
    | DeleteJob
    | Hold
    | LetGo
    | RequestSnapshot
    | DeleteSnapshot
    | MarkService
    | PointService
    | TellProbe
)


@dataclass(frozen=True, slots=True)
class WriteIntent:
    """Write this status, then look again. What it names may be done only after it is stored."""

    status: Status


@dataclass(frozen=True, slots=True)
class Act:
    """Do this one thing, then look again."""

    action: Action


@dataclass(frozen=True, slots=True)
class Wait:
    """Write this status if it differs, then wait for an event, at most until `until`."""

    status: Status
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Write this status if it differs. Nothing more to do until somebody changes something."""

    status: Status


Decision = WriteIntent | Act | Wait | Settle
