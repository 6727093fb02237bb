"""The parts of `status` that tell of traffic and checks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from switchback.api.base import ATOMIC_MAP, Message, Model, Time
from switchback.api.work import OperationID, Word
from switchback.contract.words import CheckStage, SlotFit

SlotText = Annotated[str, Field(max_length=63)]
Selector = Annotated[
    Mapping[str, Annotated[str, Field(max_length=63)]],
    Field(default_factory=dict, max_length=32, json_schema_extra=ATOMIC_MAP),
]


class CutoverPhase(StrEnum):
    """How far a switch is. It is noted before each step that it permits."""

    PREPARING = "Preparing"
    """The pod that will check the new slot starts. The Service is as it was."""
    SWITCHING = "Switching"
    """The Service may be changed."""
    SWITCHED = "Switched"
    """It was changed; endpoints and new connections are being verified."""
    SOAKING = "Soaking"
    """The new slot is live and watched."""
    DRAINING = "Draining"
    """The switch counts; the old slot finishes what it has begun."""
    COMPLETED = "Completed"
    """The old slot is drained."""
    RESTORING = "Restoring"
    """The Service is being pointed back at the old slot."""
    RESTORED = "Restored"
    """It points at the old slot again."""
    CANCELLED = "Cancelled"
    """It ended before the Service was changed."""
    TAKEN_OVER = "TakenOver"
    """Somebody else has pointed the Service at the old slot."""


IN_FLIGHT = frozenset(
    {CutoverPhase.SWITCHING, CutoverPhase.SWITCHED, CutoverPhase.SOAKING, CutoverPhase.RESTORING}
)
"""While the Service may point at a slot that was not verified, or is about to."""


class CutoverState(Model):
    """One switch, there and, if need be, back."""

    id: Annotated[str, Field(max_length=63)]
    """Its id, which the Service carries as an annotation."""
    operation_id: Annotated[OperationID, Field(alias="operationID")] = ""
    """The operation that it belongs to."""
    service_uid: Annotated[str, Field(alias="serviceUID", max_length=64)] = ""
    """UID of the Service: another Service of the same name is another one."""
    from_: Annotated[SlotText, Field(alias="from")] = ""
    """The slot that was live."""
    to: SlotText = ""
    """The slot that is to be live."""
    from_selector: Selector
    """The Service's selector before."""
    to_selector: Selector
    """And after."""
    phase: CutoverPhase
    """How far it is."""
    start_time: Time = ""
    """When it began."""
    deadline_time: Time = ""
    """When it is undone, should endpoints not be verified, or the pod that checks not be told, by then.
    On the way back: until when the end of that pod is waited for."""
    switch_time: Time = ""
    """When the Service was changed."""
    verify_time: Time = ""
    """When the endpoints were verified."""
    completion_time: Time = ""
    """When it ended, well or not."""
    ready_before: Annotated[int, Field(ge=0)] = 0
    """Ready endpoints before."""
    waiting_since: Time = ""
    """Since when the new slot is not ready. Empty: it is."""
    probe_time: Time = ""
    """When the Job that checks it was decided on."""
    probe_attempt: Annotated[int, Field(ge=0)] = 0
    """Number of the Job that checks it, from 1."""
    probe_job: Annotated[str, Field(max_length=63)] = ""
    """Name of that Job. Absent: none is in flight."""
    probe_uid: Annotated[str, Field(alias="probeUID", max_length=64)] = ""
    """UID of that Job, once it was seen."""
    probed: bool = False
    """Whether the checks have come to a good end."""
    reason: Word = ""
    """Why it went back, as a stable word."""
    message: Message = ""
    """The same for people."""


class Program(Model):
    """What ran in a slot at some time. Another pod template in the same slot is another program."""

    slot: SlotText
    """The slot that it is in."""
    template: Annotated[str, Field(max_length=64)] = ""
    """Hash of its pod template."""
    source: Annotated[str, Field(max_length=128)] = ""
    """Digest of the files that wait for its end. Empty: it is not about files."""


class TrafficState(Model):
    """Where the traffic goes."""

    service_uid: Annotated[str, Field(alias="serviceUID", max_length=64)] = ""
    """UID of the Service that this is about."""
    live_slot: SlotText = ""
    """The slot that the Service points at; absent while that is not clear."""
    cutover: CutoverState | None = None
    """The switch under way, or the last one."""
    selector: Selector
    """The Service's selector when that was clear, to be put back should somebody empty it."""
    soak_end_time: Time = ""
    """Until when the new slot is watched."""
    drain_end_time: Time = ""
    """Until when the old slot may finish what it has begun."""
    retired: Program | None = None
    """The program that files of phase=contract have left behind: it cannot work with the schema any more."""
    old_program: Program | None = None
    """The program that was live when files of phase=contract came, and whose end they wait for."""
    drift_seen: Annotated[str, Field(max_length=64)] = ""
    """The version of the Service that is about to be put right."""
    drift_times: Annotated[
        tuple[Time, ...], Field(max_length=4, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """When others changed the selector and it was put right, the last few."""


class CheckState(Model):
    """What became of one check."""

    name: Annotated[str, Field(max_length=63)]
    """Its name."""
    stage: CheckStage
    """When it ran."""
    passed: bool
    """Whether it held."""
    runs: Annotated[int, Field(ge=0)] = 0
    """How often it was tried."""
    failures: Annotated[int, Field(ge=0)] = 0
    """How many of these tries failed."""
    last_error: Annotated[str, Field(max_length=512)] = ""
    """Why the last of them failed."""
    time: Time = ""
    """When it ended."""


class SlotSchema(Model):
    """Whether a slot works with the version that was looked at last."""

    name: SlotText
    """Name of the slot."""
    fit: SlotFit
    """The answer."""
