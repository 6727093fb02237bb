"""`status` of a DatabaseMigration: what the operator saw, does and did. It alone writes it, as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from switchback.api.base import ATOMIC, Message, MigrationID, Model, Time, list_map
from switchback.contract.result import bounded
from switchback.contract.words import Direction, Operation, Risk, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.contract import result

TAIL = 10
STEPS = 20
LOSSES = 5
LOSS_BYTES = 128


def _cut(value: object) -> object:
    return bounded(value, LOSS_BYTES) if isinstance(value, str) else value


Digest = Annotated[str, Field(max_length=128)]
OperationID = Annotated[str, Field(max_length=63)]
Word = Annotated[str, Field(max_length=64)]
Loss = Annotated[str, BeforeValidator(_cut), Field(max_length=LOSS_BYTES)]
Risks = Annotated[tuple[Risk, ...], Field(max_length=4, json_schema_extra=ATOMIC)]


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
    SUPERSEDED = "Superseded"


class Want(StrEnum):
    """What an approval would allow."""

    ROLLBACK = "Rollback"


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
    """How many migrations lie between the two."""
    applied_tail: Annotated[tuple[MigrationID, ...], Field(max_length=TAIL, json_schema_extra=ATOMIC)] = ()
    """The last applied migrations, newest last."""
    inspect_time: Time = ""
    """When the ledger was last read."""
    database: DatabaseIdentity | None = None
    """Which database was met."""


class SourceState(Model):
    """The source as it was last seen."""

    digest: Digest = ""
    """Digest over the files of the ConfigMaps, or over the image's reference."""
    image: Annotated[str, Field(max_length=1024)] = ""
    """The image that ran, with its digest."""


class PlanStep(Model):
    """One migration of the plan."""

    direction: Direction
    """Forward applies it, Backward undoes it."""
    id: MigrationID
    """Id of the migration."""
    severity: Severity = Severity.NOTHING
    """How much it destroys."""
    losses: Annotated[tuple[Loss, ...], Field(max_length=LOSSES, json_schema_extra=ATOMIC)] = ()
    """What it destroys, the first few."""


class OperationState(Model):
    """The work under way. Written before each call that changes anything: a restart finds its place."""

    id: OperationID
    """Id of the operation; part of the names of its Jobs."""
    intent_digest: Digest = ""
    """Digest of the intent that it works towards."""
    plan_digest: Digest = ""
    """Digest of the plan; what is approved is what runs."""
    direction: Direction | None = None
    """Where it goes. Absent: not known yet."""
    from_: Annotated[MigrationID, Field(alias="from")] = ""
    """Version that it started from."""
    to: MigrationID = ""
    """Version that it goes to."""
    step: Operation | None = None
    """What its current Job does."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """Number of the current Job of this operation, from 1."""
    attempt_time: Time = ""
    """When that Job was decided on."""
    generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that its newest step was decided by."""
    retries: Annotated[int, Field(ge=0)] = 0
    """Repetitions that count against execution.backoffLimit."""
    waits: Annotated[int, Field(ge=0)] = 0
    """Repetitions since the last progress that do not count: others held the database, or it had moved."""
    last_reason: Word = ""
    """Why the next attempt is put off, as a stable word."""
    last_message: Message = ""
    """What the last run said, for people."""
    reached: bool = False
    """Whether a run has seen the database where the operation goes."""
    job_name: Annotated[str, Field(max_length=63)] = ""
    """Name of the current Job. Absent: none is in flight."""
    job_uid: Annotated[str, Field(alias="jobUID", max_length=64)] = ""
    """UID of the current Job, once it is created."""
    start_time: Time = ""
    """When the operation began."""
    deadline_time: Time = ""
    """When it fails if it has not ended. Moves by the time spent waiting for an approval."""
    suspend_time: Time = ""
    """Since when it is suspended. Its deadline moves by the time that passes until it goes on."""
    next_attempt_time: Time = ""
    """When the next attempt begins."""
    reserved_until: Time = ""
    """Until when the database is reserved for this operation, at least, by the operator's clock."""
    reserved_plan: Digest = ""
    """Digest of the plan that the reservation was made for."""
    snapshot_name: Annotated[str, Field(max_length=253)] = ""
    """Name of its restore point."""
    snapshot_time: Time = ""
    """When the restore point was decided; part of its name."""
    risks: Risks = ()
    """Risks of the plan."""
    steps: Annotated[tuple[PlanStep, ...], Field(max_length=STEPS, json_schema_extra=ATOMIC)] = ()
    """The plan, its first steps."""
    steps_omitted: Annotated[int, Field(ge=0)] = 0
    """How many steps of the plan are not shown."""


class ApprovalState(Model):
    """What waits for a person, or what a person said."""

    token: Annotated[str, Field(max_length=128)]
    """What to write into the annotation switchback.dev/approve or into spec.approval.approvedPlan."""
    wants: Annotated[tuple[Want, ...], Field(max_length=4, json_schema_extra=ATOMIC)] = ()
    """What the approval would allow."""
    risks: Risks = ()
    """What the approval would accept."""
    request_time: Time = ""
    """When it was asked for."""
    deadline_time: Time = ""
    """When it expires."""
    approved_by: Annotated[str, Field(max_length=253)] = ""
    """Who approved, as the annotation switchback.dev/approved-by says. Empty: not approved."""


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
    operation: OperationState | None = None
    """The work under way."""
    approval: ApprovalState | None = None
    """What waits for a person."""
    snapshots: Annotated[
        tuple[SnapshotState, ...], Field(max_length=TAIL, json_schema_extra=list_map("name"))
    ] = ()
    """Restore points, newest last."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=TAIL, json_schema_extra=ATOMIC)] = ()
    """Ended operations, newest last."""


def plan_steps(steps: Iterable[result.Step], omitted: int = 0) -> tuple[tuple[PlanStep, ...], int]:
    """The steps of a result as status shows them, at most 20 with 5 losses each, and how many it does not."""
    shown = tuple(steps)
    return (
        tuple(
            PlanStep(
                direction=step.direction, id=step.id, severity=step.severity, losses=step.losses[:LOSSES]
            )
            for step in shown[:STEPS]
        ),
        omitted + max(0, len(shown) - STEPS),
    )
