"""A spec and a status in which every field is set, so that nothing can be pruned unseen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from switchback.api.base import timestamp
from switchback.api.conditions import ConditionType, Detail, Situation, conditions_for
from switchback.api.reasons import OperatorReason
from switchback.api.status import (
    ApprovalState,
    ConditionStatus,
    DatabaseIdentity,
    HistoryEntry,
    LastHandled,
    LookKind,
    Marker,
    OperationKind,
    OperationState,
    Outcome,
    PlanStep,
    Preview,
    PreviewPhase,
    SchemaState,
    SnapshotParts,
    SnapshotPhase,
    SnapshotState,
    SourceState,
    Status,
    Want,
)
from switchback.contract.points import Level, Purpose
from switchback.contract.words import Direction, Operation, Risk, Severity

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
AT = timestamp(MOMENT)

SPEC: dict[str, Any] = {
    "target": "0006 add the price's currency",
    "reason": "INC-4711 checkout latency\nsecond line",
    "suspend": True,
    "operationDeadlineSeconds": 600,
    "database": {
        "connection": {
            "host": "shop-db.team.svc",
            "port": 5433,
            "name": "shop",
            "sslMode": "require",
            "usernameFrom": {"secretKeyRef": {"name": "shop-db", "key": "user"}},
            "passwordFrom": {"secretKeyRef": {"name": "shop-db", "key": "password"}},
        },
        "caFrom": {"configMapKeyRef": {"name": "shop-db-ca", "key": "ca.crt"}},
        "role": "shop_owner",
        "ledgerSchema": "shop_ledger",
        "searchPath": ["shop", "public"],
    },
    "source": {
        "image": {"reference": "registry.example/shop@sha256:0", "path": "/a.b/..c", "pullPolicy": "Always"},
        "format": "Pairs",
        "aheadPolicy": "Keep",
        "outOfOrderPolicy": "Allow",
        "adoptionPolicy": "IfNoLedger",
    },
    "execution": {
        "lockTimeoutSeconds": 5,
        "statementTimeoutSeconds": 3600,
        "advisoryLockTimeoutSeconds": 0,
        "backoffLimit": 0,
    },
    "rollback": {
        "policy": "Deny",
        "dataLossPolicy": "Allow",
        "reasonPolicy": "Required",
        "downSource": "Ledger",
    },
    "approval": {
        "migratePolicy": "Manual",
        "rollbackPolicy": "Manual",
        "timeoutSeconds": 60,
        "approvedPlan": "5f0c2d9be41a7736",
    },
    "snapshot": {
        "pgDump": {
            "persistentVolumeClaim": {"claimName": "shop-snapshots"},
            "clientImages": {"15": "postgres:15", "18": "registry.example:5000/postgres@sha256:1"},
            "jobs": 4,
        },
        "beforeMigratePolicy": "Always",
        "migrateFailurePolicy": "Continue",
        "deadlineSeconds": 90,
        "maxAgeSeconds": 600,
        "retention": {"minimumCount": 2, "minimumAgeSeconds": 86400},
        "deletionPolicy": "Delete",
        "fence": {"image": "fence:1", "command": ["/fence"], "deadlineSeconds": 30},
    },
    "jobTemplate": {
        "metadata": {"labels": {"team": "shop"}, "annotations": {"sidecar.istio.io/inject": "false"}},
        "spec": {
            "serviceAccountName": "migrator",
            "nodeSelector": {"disk": "fast"},
            "tolerations": [
                {
                    "key": "db",
                    "operator": "Equal",
                    "value": "yes",
                    "effect": "NoExecute",
                    "tolerationSeconds": 5,
                }
            ],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "priorityClassName": "high",
            "resources": {"limits": {"cpu": 1, "memory": "64Mi"}, "requests": {"cpu": "100m"}},
            "env": [
                {"name": "A", "value": "b"},
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            ],
            "volumes": [
                {"name": "ca", "configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "c"}]}}
            ],
            "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "subPath": "c", "readOnly": True}],
            "initContainers": [{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}],
            "imagePullSecrets": [{"name": "registry"}],
            "securityContext": {
                "runAsUser": 70,
                "runAsGroup": 0,
                "fsGroup": 70,
                "supplementalGroups": [1, 2],
                "seLinuxOptions": {"level": "s0", "role": "r", "type": "t", "user": "u"},
            },
        },
    },
    "jobHistoryLimit": 0,
}

_STEP = PlanStep(
    direction=Direction.BACKWARD, id="0007", severity=Severity.DATA, losses=("column books.isbn",)
)

_SOURCE = SourceState(
    digest="f1:0",
    image="registry.example/shop:7",
    path="/migrations",
    image_id="registry.example/shop@sha256:0",
)

STATUS = Status(
    observed_generation=1,
    conditions=conditions_for(
        Situation.AWAITING_APPROVAL,
        "",
        "Waiting for token 5f0c2d9be41a7736.",
        generation=1,
        now=MOMENT,
        previous=(),
        details=[
            Detail(kind, ConditionStatus.FALSE, OperatorReason.AWAITING_APPROVAL, "not yet")
            for kind in (ConditionType.APPROVED, ConditionType.SNAPSHOT_READY, ConditionType.SCHEMA_READY)
        ],
    ),
    schema_state=SchemaState(
        current="0007",
        target="0006",
        pending_count=1,
        applied_tail=("0006", "0007"),
        inspect_time=AT,
        database=DatabaseIdentity(
            name="shop",
            system_identifier="7361425364758697012",
            host="shop.c9akciq32.eu-west-1.rds.amazonaws.com",
            port=5432,
            addresses=("10.0.0.7",),
            server_address="10.0.0.7",
            server_version=150018,
            ledger="8f14e45f-0000-4000-8000-000000000000",
            digest="i1:1",
        ),
    ),
    source=_SOURCE,
    applied_source=_SOURCE,
    operation=OperationState(
        id="3f2a91c0-5b1e77",
        intent_digest="i1:0",
        plan_digest="p1:0",
        direction=Direction.BACKWARD,
        from_="0007",
        to="0006",
        step=Operation.SNAPSHOT,
        attempt=2,
        attempt_time=AT,
        generation=4,
        kind=OperationKind.ROLLBACK,
        target="0006",
        retry="3f2a91c0-000000/1",
        abort="3f2a91c0-5b1e77/1",
        down_image="registry.example/shop:8",
        database_digest="i1:1",
        suspend_time=AT,
        retries=1,
        waits=1,
        last_reason="ConnectionRefused",
        last_message="nobody listens on shop-db:5432",
        reached=True,
        job_name="shop-3f2a91c0-5b1e77-snapshot-2",
        job_uid="0b7c2f4e-0000-4000-8000-000000000000",
        start_time=AT,
        deadline_time=AT,
        next_attempt_time=AT,
        reserved_until=AT,
        reserved_plan="p1:0",
        snapshot_name="pre-rollback-20260131T093000Z-shop-3f2a91c0-5b1e77",
        snapshot_time=AT,
        risks=(Risk.DATA_LOSS, Risk.UNKNOWN),
        steps=(_STEP,),
        steps_omitted=3,
    ),
    approval=ApprovalState(
        token="5f0c2d9be41a7736",
        wants=(Want.ROLLBACK,),
        risks=(Risk.DATA_LOSS,),
        request_time=AT,
        deadline_time=AT,
        policy_digest="0c6d5a3be9f14288",
        approved_by="maria",
    ),
    preview=Preview(
        request="0005/1",
        kind=LookKind.PREVIEW,
        attempt=1,
        id="3f2a91c0-p5b1e77",
        phase=PreviewPhase.READY,
        target="0005",
        current="0007",
        direction=Direction.BACKWARD,
        plan_digest="p1:1",
        pending_count=2,
        risks=(Risk.DATA_LOSS,),
        steps=(_STEP,),
        steps_omitted=1,
        reason="Succeeded",
        message="Reaching 0005 means rolling back 2 migrations.",
        job_name="shop-3f2a91c0-p5b1e77-inspect-1",
        job_uid="0b7c2f4e-0000-4000-8000-000000000001",
        time=AT,
    ),
    last_handled=LastHandled(
        approve="5f0c2d9be41a7736",
        reject="9c1e44b07da25f38",
        retry="3f2a91c0-000000/1",
        abort="3f2a91c0-000000/2",
        rollback="0005/i1:0",
        preview="0005/1",
        inspect="1",
    ),
    snapshots=(
        SnapshotState(
            name="pre-rollback-20260131T093000Z-shop-3f2a91c0-5b1e77",
            operation_id="3f2a91c0-5b1e77",
            phase=SnapshotPhase.READY,
            path="shop/pre-rollback",
            digest="sha256:0",
            size_bytes=2**40,
            provider="rds",
            purpose=Purpose.PRE_ROLLBACK,
            attempt=2,
            raw_status="available",
            progress=100,
            provider_id="arn:aws:rds:eu-west-1:123456789012:snapshot:pre-rollback",
            source_id="db-ABCDEFGHIJKLMNOP",
            encrypted=True,
            kms_key="arn:aws:kms:eu-west-1:123456789012:key/1",
            verified=Level.METADATA,
            decision_time=AT,
            request_time=AT,
            seen_time=AT,
            restore_point_time=AT,
            completion_time=AT,
            schema_version="0007",
            server_major=15,
            writers_fenced=True,
            transactions_since=3,
            marker=Marker(time=AT, lsn="0/1A2B3C4D", transaction="4711"),
            parts=SnapshotParts(queue=1, provider=44, detect=2, verify=1),
            protected_by="its operation has failed",
        ),
    ),
    history=(
        HistoryEntry(
            operation_id="3f2a91c0-000000",
            direction=Direction.FORWARD,
            from_="base",
            to="0007",
            outcome=Outcome.SUCCEEDED,
            reason="Succeeded",
            message="7 migrations",
            requested_because="first release",
            start_time=AT,
            completion_time=AT,
        ),
    ),
)
