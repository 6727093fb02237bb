"""The parts of `status` that tell of work: the operation, what waits for a person, and requests."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from switchback.api.base import ATOMIC, ImageReference, Message, MigrationID, Model, Time
from switchback.contract.result import bounded
from switchback.contract.words import CheckStage, Direction, Operation, Risk, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.contract import result

TAIL = 10
STEPS = 20
LOSSES = 5
LOSS_BYTES = 128
TOKEN_BYTES = 400
PLACE = 4096


def _cut(value: object) -> object:
    return bounded(value, LOSS_BYTES) if isinstance(value, str) else value


def _short(value: object) -> object:
    """Annotations may hold 256 KiB; what is longer than any request of ours is none."""
    return bounded(value, TOKEN_BYTES) if isinstance(value, str) else value


Digest = Annotated[str, Field(max_length=128)]
Token = Annotated[str, BeforeValidator(_short), Field(max_length=512)]
OperationID = Annotated[str, Field(max_length=63)]
Word = Annotated[str, Field(max_length=64)]
Loss = Annotated[str, BeforeValidator(_cut), Field(max_length=LOSS_BYTES)]
Risks = Annotated[tuple[Risk, ...], Field(max_length=4, json_schema_extra=ATOMIC)]


class Want(StrEnum):
    """What an approval would allow."""

    MIGRATE = "Migrate"
    ROLLBACK = "Rollback"
    CUTOVER = "Cutover"


class OperationKind(StrEnum):
    """Why an operation began."""

    REACH = "Reach"
    ROLLBACK = "Rollback"
    CONTRACT = "Contract"


class Begun(StrEnum):
    """Whether an operation has begun to apply something, as far as its runs have not said so themselves."""

    PERHAPS = "Perhaps"
    """A run was lost, or has failed, and the ledger has not been read since."""
    SURELY = "Surely"
    """The ledger says so."""


class LookKind(StrEnum):
    """Why somebody looks."""

    PREVIEW = "Preview"
    INSPECT = "Inspect"


class PreviewPhase(StrEnum):
    """How far a preview is."""

    IN_PROGRESS = "InProgress"
    READY = "Ready"
    FAILED = "Failed"


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


class Marker(Model):
    """An entry of the ledger, written right before a restore point.

    A restored copy that holds it holds all that was before it.
    """

    time: Time = ""
    """The server's time when it was written."""
    lsn: Annotated[str, Field(max_length=32)] = ""
    """Place in the write-ahead log."""
    transaction: Annotated[str, Field(max_length=32)] = ""
    """Id of its transaction (xid8); text, because it does not fit a JSON number."""


class FencePhase(StrEnum):
    """Where the fence is. Noted before the command runs: what may be up has to be lowered."""

    RAISING = "Raising"
    RAISED = "Raised"
    LOWERING = "Lowering"


class FenceState(Model):
    """A fence that is up, or may be. How and where it is lowered is kept here: an edit must not lose that."""

    phase: FencePhase
    """Where it is."""
    operation_id: Annotated[OperationID, Field(alias="operationID")] = ""
    """The operation that it was raised for."""
    plan_digest: Digest = ""
    """Digest of the plan that it was raised for."""
    image: ImageReference
    """Image of the container that lowers it."""
    command: Annotated[
        tuple[Annotated[str, Field(max_length=512)], ...], Field(max_length=16, json_schema_extra=ATOMIC)
    ] = ()
    """What lowers it."""
    deadline_seconds: Annotated[int, Field(ge=1)] = 120
    """Longest time for that."""
    database: Annotated[str, Field(max_length=PLACE)] = ""
    """What spec.database said then, as JSON: it is lowered where it was raised."""
    tries: Annotated[int, Field(ge=0)] = 0
    """How often lowering it has failed."""
    time: Time = ""
    """Since when it is there."""


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
    kind: OperationKind = OperationKind.REACH
    """Why it began: to Reach the wish of spec, to Rollback because a person or a failed check wants it, or to
    apply the files of phase=contract."""
    target: MigrationID = ""
    """The version that was asked for: spec.target, or the one of a request to roll back."""
    retry: Token = ""
    """The request that began it again. Empty: none."""
    abort: Token = ""
    """The request that ends it before its time. Empty: none."""
    database_digest: Digest = ""
    """Digest of what spec.database said when it began: under the same words another database is refused."""
    down_image: Annotated[str, Field(max_length=1024)] = ""
    """An earlier image of the source, in which ways back are looked up that nothing else holds."""
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
    snapshot_attempt: Annotated[int, Field(ge=0)] = 0
    """Number of the restore point among those that were begun for this operation, from 1."""
    snapshot_waived: Word = ""
    """Why it goes on without one, as spec.snapshot.migrateFailurePolicy allows. Empty: it does not."""
    marker: Marker | None = None
    """What the reservation wrote into the ledger: whatever holds it holds everything committed before."""
    fence: FenceState | None = None
    """What keeps writers out. Absent: nothing does."""
    contract: bool = False
    """Whether files of phase=contract wait for the end of the old slot."""
    applied_count: Annotated[int, Field(ge=0)] = 0
    """How many migrations it has applied."""
    begun: Begun | None = None
    """Whether a run that did not end well has left something. Absent: none has, or the ledger says no."""
    undo: MigrationID = ""
    """The version that a failed check has it go back to. Empty: no check has."""
    undoes: OperationID = ""
    """The operation whose migrations this one undoes, and no others. Empty: it is bound to a target only."""
    automatic: bool = False
    """Whether a failed check has begun it, and nobody may be asked."""
    check_stage: CheckStage | None = None
    """The stage of its current Job, where that checks something."""
    checked: Annotated[tuple[CheckStage, ...], Field(max_length=4, json_schema_extra=ATOMIC)] = ()
    """Stages whose checks have passed."""
    drained: bool | None = None
    """Whether no session of the old slot was left. Absent: nobody has looked."""
    pruning: bool = False
    """Whether older restore points are still to be looked at by spec.snapshot.retention."""
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
    policy_digest: Annotated[str, Field(max_length=64)] = ""
    """Of the admission policy and its binding, as they were when the token was made. Empty: of none."""
    approved_by: Annotated[str, Field(max_length=253)] = ""
    """Who approved, as the annotation switchback.dev/approved-by says. Empty: not approved."""


class Preview(Model):
    """A look at the database that was asked for by annotation, and what it found. It changes nothing."""

    request: Token
    """The request that it answers: the value of switchback.dev/preview or switchback.dev/inspect."""
    kind: LookKind = LookKind.PREVIEW
    """Preview: what reaching another target would take. Inspect: where the schema is."""
    id: OperationID = ""
    """Id under which its Job runs."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """Number of its Job, from 1."""
    phase: PreviewPhase
    """How far it is."""
    target: MigrationID = ""
    """The version that was asked about, as an id once it is known."""
    current: MigrationID = ""
    """The version from which it was worked out."""
    direction: Direction | None = None
    """Where reaching it would go."""
    plan_digest: Digest = ""
    """Digest of the plan."""
    pending_count: Annotated[int | None, Field(ge=0)] = None
    """How many migrations it would apply or undo."""
    risks: Risks = ()
    """Risks of the plan."""
    steps: Annotated[tuple[PlanStep, ...], Field(max_length=STEPS, json_schema_extra=ATOMIC)] = ()
    """The plan, its first steps."""
    steps_omitted: Annotated[int, Field(ge=0)] = 0
    """How many steps of the plan are not shown."""
    reason: Word = ""
    """How it ended, as a stable word."""
    message: Message = ""
    """How it ended, for people."""
    job_name: Annotated[str, Field(max_length=253)] = ""
    """Its Job. Empty: it has ended."""
    job_uid: Annotated[str, Field(max_length=64, alias="jobUID")] = ""
    """UID of that Job, once it was seen."""
    time: Time = ""
    """When it was asked for, and then when it was answered."""


class LastHandled(Model):
    """The newest request of each kind that was looked at. The same request is not followed twice."""

    approve: Token = ""
    """Newest value of switchback.dev/approve that counted."""
    reject: Token = ""
    """Newest value of switchback.dev/reject that counted."""
    retry: Token = ""
    """Newest value of switchback.dev/retry."""
    abort: Token = ""
    """Newest value of switchback.dev/abort."""
    rollback: Token = ""
    """Newest value of switchback.dev/rollback."""
    preview: Token = ""
    """Newest value of switchback.dev/preview that was answered."""
    inspect: Token = ""
    """Newest value of switchback.dev/inspect that was answered."""


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
