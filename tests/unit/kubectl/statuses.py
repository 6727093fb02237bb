"""Fixed resources, Jobs and pods to draw. Statuses are made by the models, so that a renamed field shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from switchback.api import names
from switchback.api.base import timestamp
from switchback.api.conditions import Situation, conditions_for
from switchback.api.status import (
    ApprovalState,
    DatabaseIdentity,
    HistoryEntry,
    LastHandled,
    LookKind,
    OperationState,
    Outcome,
    PlanStep,
    Preview,
    PreviewPhase,
    SchemaState,
    SnapshotPhase,
    SnapshotState,
    Status,
    Want,
)
from switchback.contract.reasons import Reason
from switchback.contract.result import Result, encode
from switchback.contract.words import Direction, Operation, Risk, Severity
from switchback.kubectl.resource import Resource

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UID = "5f0c3a52-0000-4000-8000-000000000001"
OPERATION = f"{names.uid_hash(UID)}-5b1e77"
EARLIER = f"{names.uid_hash(UID)}-000001"

Object = dict[str, Any]


def ago(**span: int) -> str:
    """A time before NOW."""
    return timestamp(NOW - timedelta(**span))


def later(**span: int) -> str:
    """A time after NOW."""
    return timestamp(NOW + timedelta(**span))


SPEC: Object = {
    "target": "0002_titles",
    "reason": "INC-4711 checkout latency",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-files"}]},
}

DATABASE = DatabaseIdentity(name="shop", system_identifier="7361425364758697012", server_version=180001)
SCHEMA = SchemaState(
    current="0003_names",
    target="0002_titles",
    pending_count=1,
    applied_tail=("0001_books", "0002_titles", "0003_names"),
    inspect_time=ago(minutes=12),
    database=DATABASE,
)
STEPS = (
    PlanStep(
        direction=Direction.BACKWARD,
        id="0003_names",
        severity=Severity.DATA,
        losses=("column public.books.first holds data", "column public.books.last holds data"),
    ),
)
BACK = OperationState(
    id=OPERATION,
    intent_digest="i1:0123",
    plan_digest="p1:0123",
    direction=Direction.BACKWARD,
    from_="0003_names",
    to="0002_titles",
    step=Operation.MIGRATE,
    attempt=1,
    start_time=ago(minutes=12),
    deadline_time=later(hours=2),
    risks=(Risk.DATA_LOSS,),
    steps=STEPS,
)
HISTORY = (
    HistoryEntry(
        operation_id=EARLIER,
        direction=Direction.FORWARD,
        from_="base",
        to="0003_names",
        outcome=Outcome.SUCCEEDED,
        reason="Succeeded",
        message="3 migrations applied.",
        requested_because="first release",
        start_time=ago(days=3, seconds=4),
        completion_time=ago(days=3),
    ),
)


def resource(
    status: Status | None,
    *,
    situation: Situation = Situation.WORKING,
    reason: str = "",
    message: str = "",
    since: int = 12,
    spec: Object | None = None,
    metadata: Object | None = None,
) -> Resource:
    """A resource whose status stands in one situation, since so many minutes."""
    body: Object = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": "shop",
            "namespace": "team-shop",
            "uid": UID,
            "resourceVersion": "4711",
            "generation": 4,
            "creationTimestamp": ago(days=30),
            **(metadata or {}),
        },
        "spec": SPEC | (spec or {}),
        "status": {"observedGeneration": -1},
    }
    if status is not None:
        conditions = conditions_for(
            situation,
            reason,
            message,
            generation=4,
            now=NOW - timedelta(minutes=since),
            previous=(),
        )
        told = status.model_copy(update={"observed_generation": 4, "conditions": conditions})
        body["status"] = told.to_json()
    return Resource(body)


def unseen() -> Resource:
    """No operator has looked at it."""
    return resource(None)


def awaiting_approval() -> Resource:
    """A rollback that would lose data."""
    status = Status(
        schema_state=SCHEMA,
        operation=BACK,
        approval=ApprovalState(
            token="0f3c9a6b1d2e4857",
            wants=(Want.ROLLBACK,),
            risks=(Risk.DATA_LOSS,),
            request_time=ago(minutes=12),
            deadline_time=later(hours=23, minutes=48),
        ),
        history=HISTORY,
    )
    message = (
        "Rolling back database shop 0003_names → 0002_titles would lose: column public.books.first holds "
        "data in 0003_names; column public.books.last holds data in 0003_names. Approve with: kubectl "
        "switchback approve shop -n team-shop"
    )
    return resource(status, situation=Situation.AWAITING_APPROVAL, message=message)


def taking_snapshot() -> Resource:
    """The same, approved: the restore point is being taken, in its second attempt."""
    operation = BACK.model_copy(
        update={
            "step": Operation.SNAPSHOT,
            "attempt": 4,
            "job_name": job_name(Operation.SNAPSHOT, 4),
            "retries": 1,
            "snapshot_name": f"pre-rollback-20260301T115000Z-shop-{OPERATION}",
        }
    )
    status = Status(
        schema_state=SCHEMA,
        operation=operation,
        approval=ApprovalState(token="0f3c9a6b1d2e4857", wants=(Want.ROLLBACK,), approved_by="ada"),
        snapshots=(
            SnapshotState(
                name="pre-rollback-20260101T000000Z-shop-0", path="shop/20260101T000000Z",
                phase=SnapshotPhase.READY, size_bytes=73400320, restore_point_time=ago(days=59),
            ),
            SnapshotState(
                name=operation.snapshot_name, operation_id=OPERATION, phase=SnapshotPhase.IN_PROGRESS
            ),
        ),
        history=HISTORY,
        last_handled=LastHandled(approve="0f3c9a6b1d2e4857"),
    )  # fmt: skip
    return resource(
        status,
        situation=Situation.ROLLING_BACK,
        reason="TakingSnapshot",
        message="Taking and verifying the restore point. 0003_names → 0002_titles",
        since=2,
    )


def retrying() -> Resource:
    """Nobody listens where the database should be."""
    operation = OperationState(
        id=OPERATION,
        intent_digest="i1:0123",
        to="latest",
        step=Operation.MIGRATE,
        attempt=2,
        retries=2,
        start_time=ago(seconds=40),
        deadline_time=later(hours=2),
        next_attempt_time=later(seconds=28),
        last_reason="ConnectionRefused",
        last_message="nobody listens on shop-db:5432",
    )
    return resource(
        Status(operation=operation),
        situation=Situation.RETRYING,
        reason="ConnectionRefused",
        message="nobody listens on shop-db:5432. Next attempt at 12:00:28.",
        since=0,
        spec={"target": "latest", "reason": ""},
    )


def failed() -> Resource:
    """A migration's SQL was wrong."""
    operation = BACK.model_copy(
        update={
            "direction": Direction.FORWARD,
            "to": "0004_stock",
            "risks": (),
            "steps": (),
            "reached": False,
        }
    )
    entry = HISTORY[0].model_copy(
        update={
            "operation_id": OPERATION, "from_": "0003_names", "to": "0004_stock", "outcome": Outcome.FAILED,
            "reason": "SQLFailed", "message": '0004_stock.up.sql:1: relation "book" does not exist (42P01)',
            "start_time": ago(minutes=12), "completion_time": ago(minutes=11), "requested_because": "",
        }
    )  # fmt: skip
    schema = SCHEMA.model_copy(update={"target": "0004_stock"})
    return resource(
        Status(operation=operation, schema_state=schema, history=(*HISTORY, entry)),
        situation=Situation.FAILED,
        reason="SQLFailed",
        message='0004_stock.up.sql:1: relation "book" does not exist (42P01). Correct the named statement.',
        since=11,
        spec={"target": "latest", "reason": ""},
    )


def done(**metadata: Any) -> Resource:
    """Where it is wished to be; somebody has just looked what going back would take."""
    operation = BACK.model_copy(
        update={
            "id": EARLIER, "direction": Direction.FORWARD, "from_": "base", "to": "0003_names", "risks": (),
            "steps": (), "start_time": ago(days=3, seconds=4),
        }
    )  # fmt: skip
    preview = Preview(
        request="0001/1",
        kind=LookKind.PREVIEW,
        id="x",
        phase=PreviewPhase.READY,
        target="0001_books",
        current="0003_names",
        direction=Direction.BACKWARD,
        pending_count=2,
        risks=(Risk.DATA_LOSS, Risk.UNKNOWN),
        steps=(
            *STEPS,
            PlanStep(
                direction=Direction.BACKWARD,
                id="0002_titles",
                severity=Severity.UNKNOWN,
                losses=("DO block cannot be judged",),
            ),
        ),
        time=ago(minutes=5),
    )
    schema = SCHEMA.model_copy(update={"target": "0003_names", "pending_count": 0})
    status = Status(
        schema_state=schema,
        operation=operation,
        preview=preview,
        history=HISTORY,
        last_handled=LastHandled(preview="0001/1"),
    )
    return resource(
        status,
        situation=Situation.DONE,
        reason="Succeeded",
        message="3 migrations applied.",
        since=3 * 24 * 60,
        spec={"target": "latest", "reason": ""},
        metadata=metadata,
    )


def job_name(step: Operation, attempt: int) -> str:
    """Name of a Job of the operation."""
    return names.job_name("shop", OPERATION, step, attempt)


def job(step: Operation, attempt: int, *, created: str, state: str = "Complete") -> Object:
    """A Job that is Complete, Failed or running."""
    status: Object = {"conditions": [{"type": state, "status": "True", "reason": "BackoffLimitExceeded"}]}
    return {
        "metadata": {
            "name": job_name(step, attempt),
            "uid": f"job-{attempt}",
            "creationTimestamp": created,
            "labels": {
                names.LABEL_UID: names.uid_hash(UID),
                names.LABEL_OPERATION: OPERATION,
                names.LABEL_STEP: str(step),
                names.LABEL_ATTEMPT: str(attempt),
            },
        },
        "status": status if state in {"Complete", "Failed"} else {"active": 1},
    }


def pod(of: Object, *, phase: str, container: Object, **status: Any) -> Object:
    """The pod of a Job. `container` is the state of `switchback`."""
    metadata = of["metadata"]
    return {
        "metadata": {
            "name": f"{metadata['name']}-x7k2p",
            "uid": f"pod-{metadata['name']}",
            "creationTimestamp": metadata["creationTimestamp"],
            "labels": {**metadata["labels"], "job-name": metadata["name"]},
        },
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"name": names.CONTAINER, "restartCount": 0, "image": "switchback:1", "state": container}
            ],
            **status,
        },
    }


RESULT = Result(
    operation=Operation.SNAPSHOT,
    operation_id=OPERATION,
    reason=Reason.SNAPSHOT_FAILED,
    message="pg_dump ended with 1: could not connect",
    at=ago(minutes=3),
    exit_code=8,
)


def world() -> tuple[list[Object], list[Object]]:
    """Jobs and pods beside `taking_snapshot`: one has ended well, one has failed, one cannot start."""
    good = job(Operation.MIGRATE, 1, created=ago(minutes=12), state="Failed")
    bad = job(Operation.SNAPSHOT, 3, created=ago(minutes=3), state="Failed")
    stuck = job(Operation.SNAPSHOT, 4, created=ago(minutes=1), state="running")
    ended = {"terminated": {"exitCode": 12, "reason": "Error", "message": encode(_backward())}}
    failed_ = {"terminated": {"exitCode": 8, "reason": "Error", "message": encode(RESULT)}}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "postgres:99"'}}
    return [stuck, bad, good], [
        pod(good, phase="Failed", container=ended),
        pod(bad, phase="Failed", container=failed_),
        pod(stuck, phase="Pending", container=waiting),
    ]


def _backward() -> Result:
    return replace(
        RESULT, operation=Operation.MIGRATE, reason=Reason.BACKWARD, message="1 to undo", exit_code=12
    )
