"""The snapshot pod of `spec.snapshot.pgDump`: a dump on a volume or in a bucket.

Four containers, one after the other, because two images are needed and only one may judge. `prepare` (our
image) checks which database it is and writes connection files to memory; `dump` and `reread` (the client
image of the server's major version) run pg_dump and a full pg_restore to nowhere, and report without
failing; `switchback` (our image) judges, hashes, uploads if need be, writes the manifest last and answers.
The password reaches the first container only, as an environment variable from the Secret, and from there a
passfile in memory. The keys of a bucket reach the two containers of our image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.names import CONTAINER
from switchback.api.reasons import OperatorReason
from switchback.contract.points import Capabilities, Level, Place, Scope
from switchback.snapshots.layout import VOLUME_MOUNT, WORK_MOUNT, client_script
from switchback.snapshots.provider import PodObject, PodParts, Refusal

if TYPE_CHECKING:
    from switchback.api.snapshots import S3, Snapshot
    from switchback.api.snapshots import PgDump as Options
    from switchback.snapshots.provider import PruneRequest, SnapshotRequest, SnapshotSettings

VOLUME = "switchback-snapshots"
WORK_VOLUME = "switchback-secrets"
WORK_SIZE = "16Mi"

_MOUNTS = (
    {"name": VOLUME, "mountPath": VOLUME_MOUNT},
    {"name": WORK_VOLUME, "mountPath": WORK_MOUNT},
)
_KEYS = {"AWS_ACCESS_KEY_ID": False, "AWS_SECRET_ACCESS_KEY": False, "AWS_SESSION_TOKEN": True}
"""Variables of boto3, which are the keys of the Secret, and whether one may be missing."""


class PgDump:
    """Provider for `spec.snapshot.pgDump`."""

    capabilities = Capabilities(Place.JOB, Scope.DATABASE, verifies=Level.FULL_READ)

    def pod(
        self, snapshot: Snapshot, request: SnapshotRequest, settings: SnapshotSettings
    ) -> PodParts | Refusal:
        """See `JobProvider.pod`. Refused when no client image of the server's major is known."""
        options = _options(snapshot)
        major = str(request.server_major)
        image = options.client_images.get(major) or settings.client_images.get(major)
        if image is None:
            return Refusal(
                OperatorReason.CLIENT_IMAGE_MISSING,
                f"no client image is known for PostgreSQL {major}: set spec.snapshot.pgDump.clientImages.",
            )
        volume = _volume(options)
        if volume is None:
            return _nowhere()
        return PodParts(
            init_containers=(
                _prepare(options, request, settings),
                _client("dump", image),
                _client("reread", image),
            ),
            containers=(_seal(options, request, settings),),
            volumes=(
                volume,
                {"name": WORK_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": WORK_SIZE}},
            ),
        )

    def prune(
        self, snapshot: Snapshot, request: PruneRequest, settings: SnapshotSettings
    ) -> PodParts | Refusal:
        """See `Pruner.prune`. It needs neither the database nor a client image."""
        options = _options(snapshot)
        volume = _volume(options)
        if volume is None:
            return _nowhere()
        own = options.s3 is None
        container = {
            "name": CONTAINER,
            "image": settings.image,
            "imagePullPolicy": settings.image_pull_policy,
            "args": [
                *("snapshot", "prune", *_place(options)),
                *("--operation-id", request.operation_id),
                *("--uid", request.uid, "--uid-hash", request.uid_hash),
                *("--minimum-count", str(request.minimum_count)),
                *("--minimum-age-seconds", str(request.minimum_age_seconds)),
                *(word for name in request.protect for word in ("--protect", name)),
                *(word for name in request.unfinished for word in ("--unfinished", name)),
                *(("--dry-run",) if request.dry_run else ()),
                *("--result-file", "/dev/termination-log", "--result-budget", str(request.result_budget)),
            ],
            "env": keys(options.s3),
            "volumeMounts": [dict(_MOUNTS[0])] if own else [],
            "terminationMessagePolicy": "File",
        }
        return PodParts(init_containers=(), containers=(container,), volumes=(volume,) if own else ())


def _options(snapshot: Snapshot) -> Options:
    if snapshot.pg_dump is None:
        raise ValueError("spec.snapshot.pgDump is not set")
    return snapshot.pg_dump


def _nowhere() -> Refusal:
    return Refusal(
        OperatorReason.SNAPSHOT_REFUSED, "spec.snapshot.pgDump names neither a volume nor a bucket."
    )


def _volume(options: Options) -> PodObject | None:
    """What is mounted for the dump: the claim, or the pod's own storage from which it is uploaded."""
    if options.s3 is not None:
        return {"name": VOLUME, "emptyDir": {}}
    claim = options.persistent_volume_claim
    if claim is None:
        return None
    return {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim.claim_name}}


def _place(options: Options) -> list[str]:
    """Where restore points are kept."""
    s3 = options.s3
    if s3 is None:
        return ["--to", VOLUME_MOUNT]
    return [
        *("--to", f"s3://{s3.bucket}/{s3.prefix}".rstrip("/")),
        *(("--region", s3.region) if s3.region else ()),
        *(("--endpoint-url", s3.endpoint) if s3.endpoint else ()),
        *(("--kms-key-id", s3.kms_key) if s3.kms_key else ()),
    ]


def _scratch(options: Options) -> list[str]:
    return [] if options.s3 is None else ["--scratch", VOLUME_MOUNT]


def keys(s3: S3 | None) -> list[PodObject]:
    """The credentials of the Secret. Without one they are those of the pod's service account or its node."""
    if s3 is None or s3.credentials_from is None:
        return []
    secret = s3.credentials_from.secret_ref.name
    return [
        {
            "name": name,
            "valueFrom": {
                "secretKeyRef": {"name": secret, "key": name, **({"optional": True} if optional else {})}
            },
        }
        for name, optional in _KEYS.items()
    ]


def _prepare(options: Options, request: SnapshotRequest, settings: SnapshotSettings) -> PodObject:
    return _container(
        "prepare",
        settings.image,
        imagePullPolicy=settings.image_pull_policy,
        args=[
            *("snapshot", "prepare", *_place(options), *_scratch(options), "--work", WORK_MOUNT),
            *("--name", request.name, "--jobs", str(options.jobs)),
            *("--deadline-seconds", str(request.seconds)),
            *("--operation-id", request.operation_id, "--uid-hash", request.uid_hash),
            *("--namespace", request.namespace, "--resource", request.resource),
            *("--uid", request.uid, "--installation", request.installation),
            *("--purpose", request.purpose, "--attempt", str(request.attempt)),
            *("--schema-version", request.schema_version),
            *("--expect-database", request.database),
            *("--expect-system-identifier", request.system_identifier),
            *("--ledger-schema", request.ledger_schema),
            *(("--role", request.role) if request.role else ()),
            *(("--writers-fenced",) if request.fenced else ()),
        ],
        env=[*request.database_env, *keys(options.s3)],
    )


def _client(part: str, image: str) -> PodObject:
    return _container(
        part,
        image,
        command=["/bin/sh", "-c", client_script(), "client.sh", part],
        env=[{"name": "SWITCHBACK_WORK", "value": WORK_MOUNT}, {"name": "HOME", "value": WORK_MOUNT}],
    )


def _seal(options: Options, request: SnapshotRequest, settings: SnapshotSettings) -> PodObject:
    env = keys(options.s3)
    return _container(
        CONTAINER,
        settings.image,
        imagePullPolicy=settings.image_pull_policy,
        args=[
            *("snapshot", "seal", *_place(options), *_scratch(options), "--work", WORK_MOUNT),
            *("--name", request.name, "--operation-id", request.operation_id),
            *("--result-file", "/dev/termination-log", "--result-budget", str(request.result_budget)),
        ],
        **({"env": env} if env else {}),
        terminationMessagePolicy="File",
    )


def _container(name: str, image: str, **parts: object) -> PodObject:
    return {"name": name, "image": image, "volumeMounts": [dict(mount) for mount in _MOUNTS], **parts}
