"""Resources, Jobs and pods for the tests of the controller, as the API server shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from switchback.api import names
from switchback.api.spec import Spec
from switchback.api.status import (
    CutoverPhase,
    CutoverState,
    DatabaseIdentity,
    FencePhase,
    FenceState,
    OperationState,
    SchemaState,
    Status,
    TrafficState,
)
from switchback.contract.reasons import Reason
from switchback.contract.result import Database, Result, encode
from switchback.contract.words import CheckStage, Operation
from switchback.controller.observed import Observed, Source
from switchback.controller.settings import Settings
from switchback.snapshots.registry import capabilities_of

Object = dict[str, Any]

UID = "11111111-2222-3333-4444-555555555555"
HASH = names.uid_hash(UID)
OPERATION = f"{HASH}-abc123"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SETTINGS = Settings(runner_image="registry/switchback:1", client_images={"18": "postgres:18"})


FENCE = FenceState(phase=FencePhase.RAISING, image="fence:1", command=("/fence",))


CUTOVER: Object = {
    "serviceName": "shop-web",
    "slots": [
        {"name": "blue", "workloadRef": {"name": "shop-blue"}, "applicationName": "shop-blue"},
        {"name": "green", "workloadRef": {"name": "shop-green"}},
    ],
    "activeSlot": "green",
}


def needed(step: Operation) -> Object:
    """What the spec has where there is such a Job."""
    return {"cutover": CUTOVER} if step is Operation.DRAIN else {}


def spec(**more: Any) -> Object:
    return {
        "target": "latest",
        "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
        "source": {"configMapRefs": [{"name": "shop-migrations"}]},
        **more,
    }


def resource(**more: Any) -> Object:
    """A DatabaseMigration that nobody has looked at yet."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "shop", "namespace": "shop", "uid": UID, "generation": 1},
        "spec": spec(**more),
        "status": {"observedGeneration": -1},
    }


def status(step: Operation = Operation.MIGRATE, **more: Any) -> Status:
    """A status that names a Job of this step."""
    operation = OperationState(
        id=OPERATION,
        intent_digest="i1:0",
        to="0003",
        step=step,
        attempt=1,
        job_name=f"shop-{OPERATION}-{step}-1",
        deadline_time="2026-01-01T13:00:00Z",
        **{
            "fence": FENCE if step in {Operation.FENCE, Operation.UNFENCE} else None,
            "check_stage": CheckStage.AFTER_MIGRATE if step is Operation.CHECK else None,
            **more,
        },
    )
    switch = CutoverState(
        id=f"{OPERATION}-cutover",
        from_="blue",
        to="green",
        phase=CutoverPhase.DRAINING,
        from_selector={},
        to_selector={},
    )
    traffic = TrafficState(live_slot="green", cutover=switch, selector={})
    state = SchemaState(
        current="0005",
        database=DatabaseIdentity(name="shop", system_identifier="7", server_version=180000),
    )
    draining = {"traffic": traffic} if step is Operation.DRAIN else {}
    return Status(operation=operation, schema_state=state, **draining)


def world(wanted: Object | None = None, told: Status | None = None) -> Observed:
    read = Spec.model_validate(wanted or spec())
    return Observed(
        namespace="shop",
        name="shop",
        uid=UID,
        generation=1,
        resource_version="7",
        deleting=False,
        annotations={},
        spec=read,
        provider=capabilities_of(read.snapshot),
        status=told or status(),
        now=NOW,
        source=Source("f1:files"),
        client_images=SETTINGS.client_images,
    )


def job(name: str = "j", step: str = "migrate", *, uid: str = "job-1", **more: Any) -> Object:
    labels = {
        names.MANAGED_BY: names.MANAGED_BY_VALUE,
        names.LABEL_UID: HASH,
        names.LABEL_OPERATION: OPERATION,
        names.LABEL_STEP: step,
        names.LABEL_ATTEMPT: "2",
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "creationTimestamp": "2026-01-01T11:59:00Z",
            "labels": labels,
            "annotations": {names.ANNOTATION_RESOURCE: "shop/shop"},
            "ownerReferences": [{"kind": names.KIND, "uid": UID, "controller": True}],
        },
        "status": more,
    }


def pod(*, job_uid: str = "job-1", name: str = "p", **state: Any) -> Object:
    """A pod of a Job. `state` is its status."""
    labels = {names.MANAGED_BY: names.MANAGED_BY_VALUE, names.LABEL_UID: HASH}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-of-{name}",
            "labels": {**labels, "batch.kubernetes.io/job-name": "j"},
            "annotations": {names.ANNOTATION_RESOURCE: "shop/shop"},
            "ownerReferences": [{"kind": "Job", "uid": job_uid, "controller": True}],
        },
        "status": {"phase": "Pending", **state},
    }


def container(name: str = names.CONTAINER, **state: Any) -> Object:
    """A container's status in one state: waiting, running or terminated."""
    return {"name": name, "image": "registry/image:1", "state": state}


def result(reason: Reason = Reason.SUCCEEDED, **more: Any) -> Result:
    given = {"operation": Operation.MIGRATE, "operation_id": OPERATION, "message": "done", **more}
    return Result(
        reason=reason,
        at="2026-01-01T12:00:00Z",
        database=Database("shop", "7", 180000),
        current="0003",
        target="0003",
        **given,
    )


def ended_pod(said: Result, **more: Any) -> Object:
    terminated = {"exitCode": said.exit_code, "message": encode(said), "reason": "Completed"}
    return pod(phase="Running", containerStatuses=[container(terminated=terminated)], **more)
