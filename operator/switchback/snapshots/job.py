"""The snapshot pod of `spec.snapshot.job`: a container of the tenant's takes the restore point and reports.

Two containers, one after the other. `snapshot` (their image and command) gets the database like every Job and
a place for its report; `switchback` (our image) reads the report and answers. What it says is believed: of
which database it is, and whether it can be restored, is not looked at. A volume that the kubelet writes
before any container runs, and that only ours sees, tells since when the pod is there: an older restore point
is one of an earlier time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.points import Capabilities, Place, Scope
from switchback.snapshots.command import SNAPSHOT, answering, tenants
from switchback.snapshots.layout import VOLUME_MOUNT
from switchback.snapshots.login import with_login
from switchback.snapshots.provider import PodParts

if TYPE_CHECKING:
    from switchback.api.snapshots import Snapshot
    from switchback.snapshots.provider import PodObject, Refusal, SnapshotRequest, SnapshotSettings

VOLUME = "switchback-snapshots"
RESULT_VOLUME = "switchback-result"
RESULT_MOUNT = "/switchback/result"
RESULT_FILE = f"{RESULT_MOUNT}/result.json"
RESULT_SIZE = "1Mi"
BEGIN_VOLUME = "switchback-begin"
BEGIN_MOUNT = "/switchback/begin"
BEGIN_FILE = f"{BEGIN_MOUNT}/pod"


class SnapshotJob:
    """Provider for `spec.snapshot.job`."""

    capabilities = Capabilities(
        Place.JOB, Scope.UNKNOWN, proves_source=False, verifies=None, lists=False, deletes=False
    )

    def pod(
        self, snapshot: Snapshot, request: SnapshotRequest, settings: SnapshotSettings
    ) -> PodParts | Refusal:
        """See `JobProvider.pod`. Never refused."""
        options = snapshot.job
        if options is None:
            raise ValueError("spec.snapshot.job is not set")
        mounts: list[PodObject] = [{"name": RESULT_VOLUME, "mountPath": RESULT_MOUNT}]
        volumes: list[PodObject] = [
            {"name": RESULT_VOLUME, "emptyDir": {"sizeLimit": RESULT_SIZE}},
            _begin_volume(),
        ]
        if options.persistent_volume_claim is not None:
            claim = {"claimName": options.persistent_volume_claim.claim_name}
            mounts.append({"name": VOLUME, "mountPath": VOLUME_MOUNT})
            volumes.append({"name": VOLUME, "persistentVolumeClaim": claim})
        told = {
            "SWITCHBACK_SNAPSHOT_NAME": request.name,
            "SWITCHBACK_OPERATION_ID": request.operation_id,
            "SWITCHBACK_PURPOSE": str(request.purpose),
            "SWITCHBACK_SCHEMA_VERSION": request.schema_version,
            "SWITCHBACK_NAMESPACE": request.namespace,
            "SWITCHBACK_RESOURCE": request.resource,
            "SWITCHBACK_RESULT": RESULT_FILE,
        }
        theirs = tenants(
            SNAPSHOT,
            options.image,
            options.command,
            database_env=request.database_env,
            told=told,
            mounts=mounts,
        )
        parts = PodParts(
            init_containers=(theirs,), containers=(_accept(request, settings),), volumes=tuple(volumes)
        )
        return with_login(parts, request.database_env, settings)


def _accept(request: SnapshotRequest, settings: SnapshotSettings) -> PodObject:
    return answering(
        settings,
        [
            *("--name", request.name, "--operation-id", request.operation_id),
            *("--report", RESULT_FILE, "--begin", BEGIN_FILE),
            *("--result-budget", str(request.result_budget)),
        ],
        # So that it knows which secret must not travel in what a stranger's program has written.
        env=request.database_env,
        mounts=(
            {"name": RESULT_VOLUME, "mountPath": RESULT_MOUNT, "readOnly": True},
            {"name": BEGIN_VOLUME, "mountPath": BEGIN_MOUNT, "readOnly": True},
        ),
    )


def _begin_volume() -> PodObject:
    """Its file is as old as the pod: the kubelet writes it once, by the clock that `switchback` reads too."""
    name = {"path": "pod", "fieldRef": {"fieldPath": "metadata.name"}}
    return {"name": BEGIN_VOLUME, "downwardAPI": {"items": [name]}}
