"""The Job of one attempt, from the spec, the stored operation and the operator's settings. Pure.

A Job runs once: no retries of its own (the operator looks at the outcome first), one pod, a name that says
which attempt of which operation it is. It belongs to the resource, so it goes when the resource goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.api.spec import Database
from switchback.api.status import OperationKind, OperationState
from switchback.checks.pod import check_pod
from switchback.contract.words import Operation
from switchback.controller.arguments import arguments, looks_for_downs
from switchback.controller.check_request import check_request
from switchback.controller.flight import RELEASE_SECONDS, WRITER_MARGIN_SECONDS
from switchback.controller.intent import intent_digest
from switchback.controller.looks import LOOK_SECONDS
from switchback.controller.observed import Trouble
from switchback.controller.podspec import (
    Body,
    Files,
    Part,
    ca_parts,
    database_env,
    literal,
    pod_spec,
    source_parts,
    with_downs,
)
from switchback.controller.restore_points import of_operation, unfinished
from switchback.controller.times import parse
from switchback.snapshots.fence import FenceRequest, fence_pod
from switchback.snapshots.provider import Pruner, PruneRequest, Refusal, SnapshotRequest, SnapshotSettings
from switchback.snapshots.registry import entry_of

if TYPE_CHECKING:
    from switchback.api.spec import Spec
    from switchback.controller.decision import CreateJob
    from switchback.controller.observed import Observed
    from switchback.controller.settings import Settings
    from switchback.snapshots.provider import PodParts

MARGIN_SECONDS = 60
"""How long after the operator would have given up a pod ends by itself: the operator may be away."""

_WRITERS = {Operation.MIGRATE, Operation.ROLLBACK}


class JobError(Exception):
    """No such Job can be described. `trouble` says why, in words for a condition."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        super().__init__(trouble.message)


def manifest(world: Observed, action: CreateJob, settings: Settings) -> dict[str, Any]:
    """The Job that `action` names, as JSON for the API server.

    Raises:
        JobError: the status names no operation, or the snapshot's provider cannot describe a pod.
    """
    spec, operation = world.spec, _look(world) if action.look else world.status.operation
    if spec is None or operation is None:
        raise JobError(Trouble(OperatorReason.JOB_REFUSED, "the status names no operation"))
    metadata = _metadata(world, spec, operation, action)
    body = _body(world, spec, operation, action, settings)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": action.name,
            "namespace": world.namespace,
            **metadata,
            "ownerReferences": [_owner(world)],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            # Never a second pod beside one that is still ending.
            "podReplacementPolicy": "Failed",
            "template": {"metadata": metadata, "spec": pod_spec(spec, body)},
        },
    }


def _look(world: Observed) -> OperationState | None:
    """A look as what its Job needs to know of an operation: an id, a target and the intent."""
    preview = world.status.preview
    if preview is None or world.spec is None:
        return None
    intent = intent_digest(world.spec, world.source)
    return OperationState(id=preview.id, target=preview.target, intent_digest=intent)


def owned(world: Observed, job: dict[str, Any]) -> bool:
    """Whether a Job that was found under our name is this resource's."""
    owners = job.get("metadata", {}).get("ownerReferences") or []
    labels = job.get("metadata", {}).get("labels") or {}
    return any(owner.get("uid") == world.uid and owner.get("controller") for owner in owners) and (
        labels.get(names.LABEL_UID) == names.uid_hash(world.uid)
    )


def _owner(world: Observed) -> Part:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": world.name,
        "uid": world.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _metadata(world: Observed, spec: Spec, operation: OperationState, action: CreateJob) -> Part:
    """Labels and annotations of the Job and of its pod alike: both are watched, both lead to the resource."""
    theirs = spec.job_template.metadata if spec.job_template else None
    contract = operation.kind is OperationKind.CONTRACT and action.step is Operation.MIGRATE
    phase = {names.LABEL_PHASE: "contract"} if contract else {}
    return {
        "labels": {
            **(theirs.labels if theirs else {}),
            names.MANAGED_BY: names.MANAGED_BY_VALUE,
            names.LABEL_UID: names.uid_hash(world.uid),
            names.LABEL_OPERATION: operation.id,
            names.LABEL_STEP: str(action.step),
            names.LABEL_ATTEMPT: str(action.attempt),
            **phase,
        },
        "annotations": {
            # A run that is half done is not worth the node it would free.
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            **(theirs.annotations if theirs else {}),
            names.ANNOTATION_RESOURCE: f"{world.namespace}/{world.name}",
            names.ANNOTATION_INTENT: operation.intent_digest,
        },
    }


def _body(
    world: Observed, spec: Spec, operation: OperationState, action: CreateJob, settings: Settings
) -> Body:
    deadline = (
        LOOK_SECONDS + MARGIN_SECONDS if action.look else _deadline(world, spec, operation, action.step)
    )
    match action.step:
        case Operation.SNAPSHOT:
            return _snapshot(world, spec, operation, settings, deadline)
        case Operation.FENCE | Operation.UNFENCE:
            return _fence(world, spec, operation, action.step, settings, deadline)
        case Operation.PRUNE:
            return _prune(world, spec, operation, settings, deadline)
        case Operation.CHECK:
            request = check_request(world, spec, operation, settings, probe=action.probe)
            return _of_parts(spec, check_pod(request), request.longest + MARGIN_SECONDS)
        case _:
            return _run(world, spec, operation, action, settings, deadline)


def _run(  # noqa: PLR0917 - what every body is made of
    world: Observed,
    spec: Spec,
    operation: OperationState,
    action: CreateJob,
    settings: Settings,
    deadline: int,
) -> Body:
    # A release needs no files, and must not wait for a ConfigMap that somebody has deleted.
    needs_source = action.step not in {Operation.RELEASE, Operation.DRAIN}
    files = source_parts(spec) if needs_source else Files()
    applied, ca = world.status.applied_source, ca_parts(spec.the_database)
    if looks_for_downs(operation, action) and applied is not None:
        files = with_downs(files, operation.down_image, applied.path)
    container = {
        "name": names.CONTAINER,
        "image": settings.runner_image,
        "imagePullPolicy": settings.runner_pull_policy,
        "args": [literal(word) for word in arguments(world, spec, operation, action)],
        "env": database_env(spec.the_database),
        "terminationMessagePolicy": "File",
        "volumeMounts": [*files.mounts, *ca.mounts],
    }
    return Body(
        containers=[container],
        init_containers=files.containers,
        volumes=[*files.volumes, *ca.volumes],
        deadline_seconds=deadline,
    )


def _snapshot(
    world: Observed, spec: Spec, operation: OperationState, settings: Settings, deadline: int
) -> Body:
    entry = entry_of(spec.snapshot)
    provider = entry.job if entry is not None else None
    state, known = world.status.schema_state, of_operation(world.status)
    if spec.snapshot is None or provider is None or state is None or state.database is None:
        raise JobError(
            Trouble(OperatorReason.JOB_REFUSED, "a snapshot is named, but not how or of which database")
        )
    request = SnapshotRequest(
        name=operation.snapshot_name,
        operation_id=operation.id,
        namespace=world.namespace,
        resource=world.name,
        uid_hash=names.uid_hash(world.uid),
        database=state.database.name,
        system_identifier=state.database.system_identifier,
        server_major=state.database.major,
        database_env=tuple(database_env(spec.the_database)),
        ledger_schema=spec.the_database.ledger_schema,
        role=spec.the_database.role,
        seconds=spec.snapshot.deadline_seconds,
        uid=world.uid,
        installation=settings.installation,
        purpose=str(known.purpose) if known is not None and known.purpose else "",
        attempt=operation.snapshot_attempt or 1,
        fenced=operation.fence is not None,
        schema_version=known.schema_version if known is not None else state.current,
    )
    return _of_parts(spec, provider.pod(spec.snapshot, request, _own(settings)), deadline)


def _fence(  # noqa: PLR0917 - what every body is made of
    world: Observed,
    spec: Spec,
    operation: OperationState,
    step: Operation,
    settings: Settings,
    deadline: int,
) -> Body:
    """The command that status has kept: an edit of the spec must not change how or where it is lowered."""
    if operation.fence is None:
        raise JobError(Trouble(OperatorReason.JOB_REFUSED, "a fence is named, but none is up"))
    if operation.fence.database:
        there = Database.model_validate_json(operation.fence.database)
        spec = spec.model_copy(update={"database": there})
    request = FenceRequest(
        operation_id=operation.id,
        namespace=world.namespace,
        resource=world.name,
        database_env=tuple(database_env(spec.the_database)),
        snapshot_name=operation.snapshot_name,
    )
    raising = step is Operation.FENCE
    return _of_parts(spec, fence_pod(operation.fence, request, _own(settings), raising=raising), deadline)


def _prune(world: Observed, spec: Spec, operation: OperationState, settings: Settings, deadline: int) -> Body:
    entry = entry_of(spec.snapshot)
    provider = entry.job if entry is not None else None
    if spec.snapshot is None or not isinstance(provider, Pruner):
        raise JobError(Trouble(OperatorReason.JOB_REFUSED, "restore points of this kind are not deleted"))
    rules = spec.snapshot.retention
    request = PruneRequest(
        operation_id=operation.id,
        uid=world.uid,
        uid_hash=names.uid_hash(world.uid),
        minimum_count=rules.minimum_count,
        minimum_age_seconds=0 if world.deleting else rules.minimum_age_seconds,
        protect=tuple(known.name for known in world.status.snapshots if known.protected_by),
        unfinished=unfinished(world.status),
    )
    return _of_parts(spec, provider.prune(spec.snapshot, request, _own(settings)), deadline)


def _own(settings: Settings) -> SnapshotSettings:
    return SnapshotSettings(
        image=settings.runner_image,
        client_images=settings.client_images,
        image_pull_policy=settings.runner_pull_policy,
    )


def _of_parts(spec: Spec, parts: PodParts | Refusal, deadline: int) -> Body:
    """A pod as a provider describes it, with the authorities that the database's certificate needs."""
    if isinstance(parts, Refusal):
        raise JobError(Trouble(parts.reason, parts.message, fatal=True))
    ca = ca_parts(spec.database) if spec.database is not None else Files()
    return Body(
        containers=[_trusting(_taken_literally(part), ca) for part in parts.containers],
        init_containers=[_trusting(_taken_literally(part), ca) for part in parts.init_containers],
        volumes=[*parts.volumes, *ca.volumes],
        deadline_seconds=deadline,
    )


def _trusting(container: Part, ca: Files) -> Part:
    return {**container, "volumeMounts": [*container.get("volumeMounts", []), *ca.mounts]}


def _taken_literally(container: Part) -> Part:
    """A provider's container with its command line protected: scripts are full of dollar signs."""
    lines: Part = {
        key: [literal(word) for word in container[key]] for key in ("command", "args") if key in container
    }
    return {**container, **lines}


def _deadline(world: Observed, spec: Spec, operation: OperationState, step: Operation) -> int:
    """Seconds after which the kubelet ends the pod, should the operator not be there to do it."""
    if step in {Operation.RELEASE, Operation.PRUNE}:
        return RELEASE_SECONDS + MARGIN_SECONDS
    if step in {Operation.FENCE, Operation.UNFENCE} and operation.fence is not None:
        return operation.fence.deadline_seconds + MARGIN_SECONDS
    if step is Operation.SNAPSHOT and spec.snapshot is not None:
        return spec.snapshot.deadline_seconds + MARGIN_SECONDS
    end = parse(operation.deadline_time)
    left = int((end - world.now).total_seconds()) if end is not None else 0
    margin = WRITER_MARGIN_SECONDS if step in _WRITERS else MARGIN_SECONDS
    return max(0, left) + margin
