"""The snapshot pod of `spec.snapshot.pgDump`: a dump on a volume.

Four containers, one after the other, because two images are needed and only one may judge. `prepare` (our
image) checks which database it is and writes connection files to memory; `dump` and `reread` (the client
image of the server's major version) run pg_dump and a full pg_restore to nowhere, and report without
failing; `switchback` (our image) judges, hashes, writes the manifest last and answers.
The password reaches the first container only, as an environment variable from the Secret, and from there a
passfile in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.names import CONTAINER
from switchback.api.reasons import OperatorReason
from switchback.contract.points import Capabilities, Level, Place, Scope
from switchback.snapshots.layout import VOLUME_MOUNT, WORK_MOUNT, client_script
from switchback.snapshots.provider import PodObject, PodParts, Refusal

if TYPE_CHECKING:
    from switchback.api.snapshots import Snapshot
    from switchback.snapshots.provider import SnapshotRequest, SnapshotSettings

VOLUME = "switchback-snapshots"
WORK_VOLUME = "switchback-secrets"
WORK_SIZE = "16Mi"

_MOUNTS = (
    {"name": VOLUME, "mountPath": VOLUME_MOUNT},
    {"name": WORK_VOLUME, "mountPath": WORK_MOUNT},
)


class PgDump:
    """Provider for `spec.snapshot.pgDump`."""

    capabilities = Capabilities(Place.JOB, Scope.DATABASE, verifies=Level.FULL_READ)

    def pod(
        self, snapshot: Snapshot, request: SnapshotRequest, settings: SnapshotSettings
    ) -> PodParts | Refusal:
        """See `SnapshotProvider.pod`. Refused when no client image of the server's major is known."""
        options = snapshot.pg_dump
        if options is None:
            raise ValueError("spec.snapshot.pgDump is not set")
        major = str(request.server_major)
        image = options.client_images.get(major) or settings.client_images.get(major)
        if image is None:
            return Refusal(
                OperatorReason.CLIENT_IMAGE_MISSING,
                f"no client image is known for PostgreSQL {major}: set spec.snapshot.pgDump.clientImages.",
            )
        claim = options.persistent_volume_claim
        if claim is None:
            return Refusal(OperatorReason.SNAPSHOT_REFUSED, "spec.snapshot.pgDump names no volume.")
        return PodParts(
            init_containers=(
                _prepare(request, settings, options.jobs),
                _client("dump", image),
                _client("reread", image),
            ),
            containers=(_seal(request, settings),),
            volumes=(
                {
                    "name": VOLUME,
                    "persistentVolumeClaim": {"claimName": claim.claim_name},
                },
                {"name": WORK_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": WORK_SIZE}},
            ),
        )


def _prepare(request: SnapshotRequest, settings: SnapshotSettings, jobs: int) -> PodObject:
    return _container(
        "prepare",
        settings.image,
        imagePullPolicy=settings.image_pull_policy,
        args=[
            *("snapshot", "prepare", "--to", VOLUME_MOUNT, "--work", WORK_MOUNT),
            *("--name", request.name, "--jobs", str(jobs)),
            *("--operation-id", request.operation_id, "--uid-hash", request.uid_hash),
            *("--namespace", request.namespace, "--resource", request.resource),
            *("--expect-database", request.database),
            *("--expect-system-identifier", request.system_identifier),
            *("--ledger-schema", request.ledger_schema),
            *(("--role", request.role) if request.role else ()),
        ],
        env=list(request.database_env),
    )


def _client(part: str, image: str) -> PodObject:
    return _container(
        part,
        image,
        command=["/bin/sh", "-c", client_script(), "client.sh", part],
        env=[{"name": "SWITCHBACK_WORK", "value": WORK_MOUNT}, {"name": "HOME", "value": WORK_MOUNT}],
    )


def _seal(request: SnapshotRequest, settings: SnapshotSettings) -> PodObject:
    return _container(
        CONTAINER,
        settings.image,
        imagePullPolicy=settings.image_pull_policy,
        args=[
            *("snapshot", "seal", "--to", VOLUME_MOUNT, "--work", WORK_MOUNT),
            *("--name", request.name, "--operation-id", request.operation_id),
            *("--result-file", "/dev/termination-log", "--result-budget", str(request.result_budget)),
        ],
        terminationMessagePolicy="File",
    )


def _container(name: str, image: str, **parts: object) -> PodObject:
    return {"name": name, "image": image, "volumeMounts": [dict(mount) for mount in _MOUNTS], **parts}
