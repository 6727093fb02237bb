"""`status` of a DatabaseMigration: what the operator saw, does and did. It alone writes it, as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from switchback.api.base import ATOMIC, Message, MigrationID, Model, Time, list_map
from switchback.api.work import (
    LOSS_BYTES,
    LOSSES,
    STEPS,
    TAIL,
    ApprovalState,
    Digest,
    LastHandled,
    LookKind,
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
from switchback.contract.words import Direction

__all__ = [
    "LOSSES",
    "LOSS_BYTES",
    "STEPS",
    "TAIL",
    "ApprovalState",
    "Condition",
    "ConditionStatus",
    "DatabaseIdentity",
    "HistoryEntry",
    "LastHandled",
    "LookKind",
    "OperationKind",
    "OperationState",
    "Outcome",
    "PlanStep",
    "Preview",
    "PreviewPhase",
    "SchemaState",
    "SnapshotPhase",
    "SnapshotState",
    "SourceState",
    "Status",
    "Want",
    "plan_steps",
]


class ConditionStatus(StrEnum):
    """The three answers of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class SnapshotPhase(StrEnum):
    """How far a restore point is. Only a Ready one was read back in full and sealed."""

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


class SnapshotState(Model):
    """One restore point."""

    name: Annotated[str, Field(max_length=253)]
    """Its name."""
    operation_id: Annotated[OperationID, Field(alias="operationID")] = ""
    """The operation that it was taken for."""
    phase: SnapshotPhase
    """How far it is."""
    path: Annotated[str, Field(max_length=253)] = ""
    """Where it lies on the volume."""
    digest: Digest = ""
    """Digest of its manifest."""
    size_bytes: Annotated[int | None, Field(ge=0)] = None
    """Size in bytes."""
    restore_point_time: Time = ""
    """Everything committed before this time is in it."""
    completion_time: Time = ""
    """When it was sealed."""
    server_major: Annotated[int | None, Field(ge=0)] = None
    """Major version of the server that it was taken from."""
    writers_fenced: bool = False
    """Whether writers were kept out until the rollback. False: what was written later is not in it."""


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
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=TAIL, json_schema_extra=ATOMIC)] = ()
    """Ended operations, newest last."""
    last_handled: LastHandled | None = None
    """Requests by annotation that were looked at."""
