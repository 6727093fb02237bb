"""Reading and writing the resource."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from switchback.api.fit import fitted
from switchback.api.policies import DataLossPolicy
from switchback.api.spec import Spec
from switchback.api.status import (
    CheckState,
    Condition,
    ConditionStatus,
    DatabaseIdentity,
    HistoryEntry,
    OperationState,
    Outcome,
    PlanStep,
    Preview,
    PreviewPhase,
    SchemaState,
    SnapshotPhase,
    SnapshotState,
    Status,
    plan_steps,
)
from switchback.api.v1alpha1 import DatabaseMigration
from switchback.contract.result import Step
from switchback.contract.words import CheckStage, Direction, Severity

SMALLEST: dict[str, Any] = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-migrations"}]},
}
AT = "2026-01-31T09:30:00Z"


def test_the_smallest_resource_gets_the_defaults() -> None:
    body = {
        "apiVersion": "switchback.dev/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": {
            "name": "shop",
            "namespace": "team",
            "uid": "u",
            "resourceVersion": "7",
            "managedFields": [],
        },
        "spec": SMALLEST,
    }
    resource = DatabaseMigration.model_validate(body)
    assert resource.metadata.resource_version == "7"
    assert resource.metadata.annotations == {}
    assert resource.status == Status()
    assert resource.status.observed_generation == -1
    assert resource.spec.rollback.data_loss_policy is DataLossPolicy.REQUIRE_APPROVAL
    assert resource.spec.execution.statement_timeout_seconds is None
    assert resource.spec.snapshot is None
    assert resource.spec.source.config_map_refs[0].name == "shop-migrations"


def test_models_are_frozen() -> None:
    spec = Spec.model_validate(SMALLEST)
    with pytest.raises(ValidationError, match="frozen"):
        spec.target = "base"  # type: ignore[misc] # that is the point


def test_fields_of_a_newer_release_are_ignored() -> None:
    assert Spec.model_validate({**SMALLEST, "shadow": {"traffic": "green"}}) == Spec.model_validate(SMALLEST)


def test_what_is_opaque_travels_unchanged() -> None:
    template = {
        "spec": {
            "affinity": {"nodeAffinity": {"x": [1, {"y": None}]}},
            "volumes": [{"name": "ca", "emptyDir": {}, "odd": [{}]}],
            "initContainers": [{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", "env": []}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": {"limits": {"cpu": 1, "memory": "64Mi"}},
            "securityContext": {"runAsUser": 70, "seLinuxOptions": {"level": "s0"}},
        }
    }
    spec = Spec.model_validate({**SMALLEST, "jobTemplate": template})
    assert spec.to_json()["jobTemplate"] == template


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", ""),
        ("target", "x" * 254),
        ("operationDeadlineSeconds", 0),
        ("execution", {"backoffLimit": 101}),
        ("database", {"connection": {"host": "h", "name": "shop", "port": 70000}}),
        ("rollback", {"policy": "allow"}),
        ("snapshot", {"rds": {"instance": "shop"}}),
    ],
)
def test_bounds_of_the_schema_hold_in_code(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Spec.model_validate({**SMALLEST, field: value})


def test_a_status_is_written_in_camel_case_without_what_is_not_known() -> None:
    status = Status(
        observed_generation=3,
        schema_state=SchemaState(
            current="base",
            pending_count=0,
            database=DatabaseIdentity(name="shop", system_identifier="7" * 19, server_version=150018),
        ),
        operation=OperationState(
            id="aa-bb", from_="0002", to="0001", direction=Direction.BACKWARD, job_uid="j"
        ),
        snapshots=(SnapshotState(name="s", operation_id="aa-bb", phase=SnapshotPhase.READY),),
        history=(HistoryEntry(operation_id="aa-bb", from_="0002", outcome=Outcome.SUCCEEDED),),
    )
    data = status.to_json()
    assert data["schema"] == {
        "current": "base",
        "pendingCount": 0,
        "database": {"name": "shop", "systemIdentifier": "7" * 19, "serverVersion": 150018},
    }
    assert data["operation"]["from"] == "0002"
    assert data["operation"]["jobUID"] == "j"
    assert data["snapshots"] == [
        {"name": "s", "operationID": "aa-bb", "phase": "Ready", "writersFenced": False}
    ]
    assert data["history"][0]["from"] == "0002"
    assert "approval" not in data
    assert "conditions" not in data
    assert Status.model_validate(data) == status
    assert status.schema_state is not None
    assert status.schema_state.database is not None
    assert status.schema_state.database.major == 15


def test_required_fields_are_written_even_when_empty() -> None:
    condition = Condition(
        type="Ready",
        status=ConditionStatus.TRUE,
        observed_generation=1,
        last_transition_time=AT,
        reason="Succeeded",
        message="",
    )
    assert condition.to_json()["message"] == ""


@given(st.text(max_size=1500))
def test_messages_are_cut_and_never_refused(text: str) -> None:
    entry = HistoryEntry(operation_id="a-b", outcome=Outcome.FAILED, message=text)
    assert len(entry.message.encode()) <= 512
    assert entry.message == text or entry.message.endswith("…")


@given(count=st.integers(0, 60), omitted=st.integers(0, 5), losses=st.integers(0, 9))
def test_a_plan_is_shown_in_part_and_the_rest_is_counted(count: int, omitted: int, losses: int) -> None:
    lost = tuple(f"column t.c{number}" for number in range(losses))
    steps = [Step(Direction.BACKWARD, f"{n:04}", Severity.DATA, lost) for n in range(count)]
    shown, left_out = plan_steps(steps, omitted)
    assert [step.id for step in shown] == [step.id for step in steps[:20]]
    assert len(shown) + left_out == count + omitted
    assert all(step.losses == lost[:5] for step in shown)


def largest(*, steps: int, losses: int, history: int, snapshots: int, previewed: int = 0) -> Status:
    name, text = "ä" * 100, "ü" * 600
    step = PlanStep(direction=Direction.BACKWARD, id=name, severity=Severity.DATA, losses=(text,) * losses)
    entry = HistoryEntry(operation_id="a-b", outcome=Outcome.FAILED, message=text, from_=name, to=name)
    return Status(
        observed_generation=1,
        conditions=(
            Condition(
                type="Ready",
                status=ConditionStatus.FALSE,
                observed_generation=1,
                last_transition_time=AT,
                reason="SQLFailed",
                message=text,
            ),
        ),
        operation=OperationState(id="a-b", steps=(step,) * steps, steps_omitted=2),
        preview=Preview(
            request="0005/1", phase=PreviewPhase.READY, steps=(step,) * previewed, steps_omitted=1
        ),
        history=(entry,) * history,
        snapshots=tuple(
            SnapshotState(name=f"{n}{name}", phase=SnapshotPhase.READY, path=name) for n in range(snapshots)
        ),
    )


def test_restore_points_that_failed_give_way_first_and_the_operations_own_never() -> None:
    whole = largest(steps=0, losses=0, history=0, snapshots=10)
    own, *others = whole.snapshots
    points = (
        own,
        *(one.model_copy(update={"phase": SnapshotPhase.FAILED}) for one in others[:4]),
        *others[4:],
    )
    assert whole.operation is not None
    operation = whole.operation.model_copy(update={"snapshot_name": own.name})
    whole = whole.model_copy(update={"operation": operation, "snapshots": points})
    size = len(json.dumps(whole.to_json(), ensure_ascii=False, separators=(",", ":")).encode())
    assert fitted(whole, size - 1).snapshots == (own, *points[2:])
    assert fitted(whole, size - 3000).snapshots[0] == own
    assert fitted(whole, 1).snapshots == (own,)


def test_long_errors_of_checks_give_way_before_history_does() -> None:
    whole = largest(steps=0, losses=0, history=5, snapshots=0)
    checks = tuple(
        CheckState(name=f"check-{n}", stage=stage, passed=False, last_error="ü" * 512, time=AT)
        for n in range(8)
        for stage in CheckStage
    )
    small = fitted(whole.model_copy(update={"checks": checks}))
    assert len(json.dumps(small.to_json(), ensure_ascii=False).encode()) <= 32 * 1024
    assert small.history == whole.history
    assert [check.name for check in small.checks] == [check.name for check in checks]
    assert {check.last_error for check in small.checks} == {"ü" * 127 + "…"}


@settings(max_examples=40)
@given(
    shown=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    losses=st.integers(0, 5),
    history=st.integers(0, 10),
    snapshots=st.integers(0, 10),
    limit=st.integers(4 * 1024, 60 * 1024),
)
def test_a_status_always_fits_and_keeps_what_decides(
    shown: tuple[int, int], losses: int, history: int, snapshots: int, limit: int
) -> None:
    steps, previewed = shown
    whole = largest(steps=steps, losses=losses, history=history, snapshots=snapshots, previewed=previewed)
    small = fitted(whole, limit)
    size = len(json.dumps(small.to_json(), ensure_ascii=False, separators=(",", ":")).encode())
    assert size <= limit
    assert small.conditions == whole.conditions
    assert small.operation is not None
    assert small.operation.id == "a-b"
    assert len(small.operation.steps) + small.operation.steps_omitted == steps + 2
    assert small.preview is not None
    assert small.preview.request == "0005/1"
    assert len(small.preview.steps) + small.preview.steps_omitted == previewed + 1
    assert bool(small.history) == bool(history)
    assert small.history == whole.history[len(whole.history) - len(small.history) :]
    assert small.snapshots == whole.snapshots[len(whole.snapshots) - len(small.snapshots) :]
    if len(json.dumps(whole.to_json(), ensure_ascii=False, separators=(",", ":")).encode()) <= limit:
        assert small == whole
