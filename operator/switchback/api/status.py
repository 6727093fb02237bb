"""`status` of a DatabaseMigration: what the operator saw, does and did. It alone writes it, as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from switchback.api.base import ATOMIC, Message, MigrationID, Model, Time, list_map
from switchback.api.traffic import (
    CheckState,
    CutoverPhase,
    CutoverState,
    Program,
    SlotSchema,
    TrafficState,
)
from switchback.api.work import (
    LOSS_BYTES,
    LOSSES,
    STEPS,
    TAIL,
    ApprovalState,
    Begun,
    Digest,
    FencePhase,
    FenceState,
    LastHandled,
    LookKind,
    Marker,
    OperationID,
    OperationKind,
    OperationState,
    PlanStep,
    Preview,
    PreviewPhase,
    Want,
    Word,
    plan_steps,
)
from switchback.contract.points import Level, Purpose
from switchback.contract.words import Direction

__all__ = [
    "LOSSES",
    "LOSS_BYTES",
    "STEPS",
    "TAIL",
    "ApprovalState",
    "Begun",
    "CheckState",
    "Condition",
    "ConditionStatus",
    "CutoverPhase",
    "CutoverState",
    "DatabaseIdentity",
    "FencePhase",
    "FenceState",
    "HistoryEntry",
    "LastHandled",
    "LookKind",
    "Marker",
    "OperationKind",
    "OperationState",
    "Outcome",
    "PlanStep",
    "Preview",
    "PreviewPhase",
    "Program",
    "RetentionState",
    "SchemaState",
    "SlotSchema",
    "SnapshotParts",
    "SnapshotPhase",
    "SnapshotState",
    "SourceState",
    "Status",
    "TrafficState",
    "Want",
    "plan_steps",
]


class ConditionStatus(StrEnum):
    """The three answers of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class SnapshotPhase(StrEnum):
    """How far a restore point is. Only a Ready one was verified, as far as its provider can."""

    IN_PROGRESS = "InProgress"
    READY = "Ready"
    FAILED = "Failed"


class Outcome(StrEnum):
    """How an operation ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    ABORTED = "Aborted"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"


class Condition(Model):
    """One observation, in the shape that Kubernetes tools read."""

    type: Annotated[str, Field(min_length=1, max_length=63)]
    """Which question it answers."""
    status: ConditionStatus
    """The answer."""
    observed_generation: Annotated[int, Field(ge=0)]
    """The generation of the spec that it is about."""
    last_transition_time: Time
    """When the status last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """Why, as a stable word."""
    message: Message
    """Why, for people, and what to do next."""


class DatabaseIdentity(Model):
    """Which database was met."""

    name: Annotated[str, Field(max_length=63)] = ""
    """Name of the database."""
    host: Annotated[str, Field(max_length=253)] = ""
    """Host that the connection names."""
    port: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Port of it."""
    addresses: Annotated[
        tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=8, json_schema_extra=ATOMIC)
    ] = ()
    """Addresses of that host, as the Job resolved them."""
    server_address: Annotated[str, Field(max_length=64)] = ""
    """The server's own address, as it tells it. Empty: not over a network, or not known."""
    system_identifier: Annotated[str, Field(max_length=32)] = ""
    """System identifier of the cluster; text, because it does not fit a JSON number."""
    server_version: Annotated[int, Field(ge=0)] = 0
    """server_version_num, such as 150018."""
    ledger: Annotated[str, Field(max_length=64)] = ""
    """UUID of its ledger. It stays the same when a copy is bound anew. Empty: there was none."""
    digest: Digest = ""
    """Digest of what spec.database said when it was met."""

    @property
    def major(self) -> int:
        """Major version of the server, such as 15."""
        return self.server_version // 10000


class SchemaState(Model):
    """The schema as the last run saw it."""

    current: MigrationID = ""
    """Id of the last applied migration, or base."""
    target: MigrationID = ""
    """The wished version as an id, or base."""
    pending_count: Annotated[int | None, Field(ge=0)] = None
    """How many migrations of the source are not applied."""
    applied_tail: Annotated[tuple[MigrationID, ...], Field(max_length=TAIL, json_schema_extra=ATOMIC)] = ()
    """The last applied migrations, newest last."""
    held_back: Annotated[int | None, Field(ge=0)] = None
    """How many of the pending ones wait until no pod of the old slot exists (phase=contract)."""
    slots: Annotated[tuple[SlotSchema, ...], Field(max_length=2, json_schema_extra=list_map("name"))] = ()
    """Whether the slots that have bounds work with target."""
    inspect_time: Time = ""
    """When the ledger was last read."""
    database: DatabaseIdentity | None = None
    """Which database was met."""


class SourceState(Model):
    """The source as it was last seen."""

    digest: Digest = ""
    """Digest over the names and contents of the files."""
    image: Annotated[str, Field(max_length=1024)] = ""
    """The image that holds them, as spec names it."""
    path: Annotated[str, Field(max_length=512)] = ""
    """The folder in that image."""
    image_id: Annotated[str, Field(max_length=1024, alias="imageID")] = ""
    """The image that ran, with its digest, as the kubelet reported it."""


class SnapshotParts(Model):
    """What the restore point has added to the operation, in seconds."""

    queue: Annotated[int, Field(ge=0, alias="queueSeconds")] = 0
    """From the decision until it was asked for."""
    provider: Annotated[int, Field(ge=0, alias="providerSeconds")] = 0
    """Until the last look at which it was not there yet."""
    detect: Annotated[int, Field(ge=0, alias="detectSeconds")] = 0
    """From that look until the one that found it: it became available in between."""
    verify: Annotated[int, Field(ge=0, alias="verifySeconds")] = 0
    """Until it was verified."""


class SnapshotState(Model):
    """One restore point."""

    name: Annotated[str, Field(max_length=253)]
    """Its name."""
    operation_id: Annotated[OperationID, Field(alias="operationID")] = ""
    """The operation that it was taken for."""
    provider: Annotated[str, Field(max_length=32)] = ""
    """Field of spec.snapshot that it was taken by, such as pgDump."""
    purpose: Purpose | None = None
    """What it was taken for."""
    attempt: Annotated[int | None, Field(ge=0)] = None
    """Number of the try, from 1."""
    phase: SnapshotPhase
    """How far it is."""
    raw_status: Annotated[str, Field(max_length=128)] = ""
    """The provider's own word for that."""
    progress: Annotated[int | None, Field(ge=0, le=100)] = None
    """Percent, where the provider tells."""
    path: Annotated[str, Field(max_length=512)] = ""
    """Where it lies on the volume or in the bucket."""
    provider_id: Annotated[str, Field(max_length=512, alias="providerID")] = ""
    """The provider's id of it, such as an ARN."""
    source_id: Annotated[str, Field(max_length=512, alias="sourceID")] = ""
    """The provider's id of what it was taken of, such as a DbiResourceId."""
    digest: Digest = ""
    """Digest of its manifest."""
    size_bytes: Annotated[int | None, Field(ge=0)] = None
    """Size in bytes."""
    encrypted: bool | None = None
    """Whether it is, where the provider tells."""
    kms_key: Annotated[str, Field(max_length=512, alias="kmsKeyID")] = ""
    """Key that it is encrypted with."""
    verified: Level | None = None
    """How thoroughly it was verified."""
    decision_time: Time = ""
    """When it was decided on; part of its name."""
    request_time: Time = ""
    """When the provider was first known to have been asked."""
    restore_point_time: Time = ""
    """Everything committed before this time is in it."""
    completion_time: Time = ""
    """When it was verified."""
    schema_version: MigrationID = ""
    """Where the migrations stood."""
    server_major: Annotated[int | None, Field(ge=0)] = None
    """Major version of the server that it was taken from."""
    writers_fenced: bool = False
    """Whether writers were kept out until the rollback. False: what was written later is not in it."""
    transactions_since: Annotated[int | None, Field(ge=0)] = None
    """How many writing transactions began on the server between the marker and the change of the schema."""
    marker: Marker | None = None
    """What proves that a restored copy is complete."""
    parts: SnapshotParts | None = None
    """What it has added to the operation."""
    protected_by: Annotated[str, Field(max_length=128)] = ""
    """Why retention leaves it alone. Empty: by count and age only."""


class RetentionState(Model):
    """What was done last to keep the number of restore points in check."""

    time: Time = ""
    """When it was done."""
    operation_id: Annotated[OperationID, Field(alias="operationID")] = ""
    """After which operation."""
    kept: Annotated[int | None, Field(ge=0)] = None
    """How many are there. Absent: nobody could look."""
    deleted: Annotated[
        tuple[Annotated[str, Field(max_length=253)], ...], Field(max_length=TAIL, json_schema_extra=ATOMIC)
    ] = ()
    """Names of those that were deleted."""
    reason: Word = ""
    """Why it did not work, as a stable word. Empty: it did."""
    message: Message = ""
    """The same for people."""


class HistoryEntry(Model):
    """One ended operation."""

    operation_id: Annotated[OperationID, Field(alias="operationID")]
    """Id of the operation."""
    direction: Direction | None = None
    """Where it went."""
    from_: Annotated[MigrationID, Field(alias="from")] = ""
    """Version that it started from."""
    to: MigrationID = ""
    """Version that it went to."""
    outcome: Outcome
    """How it ended."""
    reason: Word = ""
    """Why, as a stable word."""
    message: Message = ""
    """Why, for people."""
    requested_because: Annotated[str, Field(max_length=256)] = ""
    """What spec.reason said at the end of the operation."""
    start_time: Time = ""
    """When it began."""
    completion_time: Time = ""
    """When it ended."""


class Status(Model):
    """What the operator saw, does and did."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status is about; -1: not seen yet."""
    conditions: Annotated[
        tuple[Condition, ...], Field(max_length=16, json_schema_extra=list_map("type"))
    ] = ()
    """Answers to the questions that tools and people ask. Wait for Finished, then read Ready."""
    # `schema` is a method of every pydantic model, so the attribute has another name.
    schema_state: Annotated[SchemaState | None, Field(alias="schema")] = None
    """The schema as the last run saw it."""
    source: SourceState | None = None
    """The source as it was last seen."""
    applied_source: SourceState | None = None
    """The source of the last migration that reached its target. Its files may hold ways back."""
    operation: OperationState | None = None
    """The work under way."""
    approval: ApprovalState | None = None
    """What waits for a person."""
    preview: Preview | None = None
    """The answer to the newest request for a preview."""
    snapshots: Annotated[
        tuple[SnapshotState, ...], Field(max_length=TAIL, json_schema_extra=list_map("name"))
    ] = ()
    """Restore points, newest last."""
    retention: RetentionState | None = None
    """What became of older restore points."""
    traffic: TrafficState | None = None
    """Where the traffic goes."""
    checks: Annotated[
        tuple[CheckState, ...], Field(max_length=32, json_schema_extra=list_map("name", "stage"))
    ] = ()
    """What became of the checks, of each stage the last time."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=TAIL, json_schema_extra=ATOMIC)] = ()
    """Ended operations, newest last."""
    last_handled: LastHandled | None = None
    """Requests by annotation that were looked at."""
