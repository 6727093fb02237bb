"""`spec.snapshot`: how restore points are taken, how long they are kept, and who is kept out meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from switchback.api.base import ATOMIC, ImageReference, Model, ObjectName, exactly_one_of, rule, rules
from switchback.api.policies import (
    BeforeMigratePolicy,
    DeletionPolicy,
    MigrateFailurePolicy,
    OtherVolumes,
    WaitFor,
)

DAY = 24 * 60 * 60
WEEK = 7 * DAY
YEAR = 365 * DAY

Region = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9-]+$")]
"""AWS region, such as eu-west-1."""

_NO_NUL = r"^[^\x00]*$"

Argument = Annotated[str, Field(max_length=4096, pattern=_NO_NUL)]
"""One word of a command."""

_KMS_KEY = (
    r"^(arn:[-a-z0-9]+:kms:[-a-z0-9]*:[0-9]*:(key|alias)/[-A-Za-z0-9/_]+"
    r"|alias/[-A-Za-z0-9/_]+|[-A-Fa-f0-9]{1,64}|mrk-[0-9a-f]{32})?$"
)


class ClaimReference(Model):
    """A PersistentVolumeClaim in the namespace of the resource."""

    claim_name: ObjectName
    """Name of the claim. It has to exist and to be writable by the pod's user or fsGroup."""


class SecretReference(Model):
    """A Secret in the namespace of the resource. Only the pods of its Jobs read it."""

    name: ObjectName
    """Name of the Secret."""


class CredentialsFrom(Model):
    """Credentials that are kept in a Secret."""

    secret_ref: SecretReference
    """Secret with the keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if need be, AWS_SESSION_TOKEN."""


class S3(Model):
    """A bucket, in AWS or in anything that speaks its language."""

    bucket: Annotated[str, Field(min_length=3, max_length=63, pattern=r"^[a-z0-9][-a-z0-9.]+[a-z0-9]$")]
    """Name of the bucket."""
    prefix: Annotated[str, Field(max_length=256, pattern=r"^([-A-Za-z0-9._=]+(/[-A-Za-z0-9._=]+)*)?$")] = ""
    """Where in the bucket, without slashes at its ends. Empty: at its root."""
    region: Region | None = None
    """Region of the bucket. Absent: that of the pod's environment."""
    endpoint: Annotated[str, Field(alias="endpointURL", max_length=512, pattern=r"^(https?://[^\s@]+)?$")] = (
        ""
    )
    """Address of a service other than AWS, such as https://minio.storage:9000. Empty: AWS."""
    credentials_from: CredentialsFrom | None = None
    """Absent: those of the pod's service account (IRSA, EKS Pod Identity) or of its node."""
    kms_key: Annotated[str, Field(alias="kmsKeyID", max_length=512, pattern=_KMS_KEY)] = ""
    """Key that the bucket encrypts with (SSE-KMS). Empty: whatever the bucket does by itself."""


class PgDump(Model):
    """A restore point made with pg_dump. Exactly one of persistentVolumeClaim and s3."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("persistentVolumeClaim", "s3"))

    persistent_volume_claim: ClaimReference | None = None
    """Keep the dump on a volume."""
    s3: S3 | None = None
    """Keep the dump in a bucket. It is dumped into the pod's own storage first."""
    client_images: Annotated[
        Mapping[str, ImageReference],
        Field(
            default_factory=dict,
            min_length=1,
            max_length=4,
            json_schema_extra=rules(
                rule(
                    "self.all(major, major in ['15', '16', '17', '18'])",
                    "keys must be the server's major versions 15, 16, 17, 18",
                )
            ),
        ),
    ]
    """Image with pg_dump and pg_restore by the server's major version. Absent: the operator's defaults."""
    jobs: Annotated[int, Field(ge=1, le=32)] = 2
    """How many tables are dumped at the same time; each takes a connection."""


class RDS(Model):
    """A snapshot of the RDS instance, or of the Aurora cluster that it is a member of.

    The operator takes it. Its installation has to allow this namespace to use this instance and role.
    """

    instance: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9])*$")
    ]
    """Identifier of the DB instance."""
    region: Region
    """Region of the instance."""
    role: Annotated[
        str,
        Field(alias="roleARN", max_length=256, pattern=r"^(arn:[-a-z0-9]+:iam::[0-9]{12}:role/[^\s]+)?$"),
    ] = ""
    """Role that the operator assumes for it. Empty: the one that the installation names."""
    tags: Annotated[
        Mapping[
            str,
            Annotated[str, Field(max_length=256)],
        ],
        Field(
            default_factory=dict,
            max_length=30,
            json_schema_extra=rules(
                rule(
                    "self.all(key, key.size() > 0 && key.size() <= 128 && "
                    "!key.startsWith('aws:') && !key.startsWith('switchback.dev/'))",
                    "keys must have 1 to 128 characters and not begin with aws: or switchback.dev/",
                )
            ),
        ),
    ]
    """Tags of the snapshot, beside those that say whose it is. Those of the instance are not copied."""


class VolumeSnapshot(Model):
    """A VolumeSnapshot of the volume that the server keeps its data on."""

    persistent_volume_claim: ClaimReference
    """Claim of the volume. The pod that serves the database has to mount it."""
    class_name: Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """VolumeSnapshotClass. Empty: the driver's default."""
    wait_for: WaitFor = WaitFor.RESTORABLE
    """Restorable: until it is ready to use. Captured: until its content is fixed."""
    allow_delete_policy: bool = False
    """Accept a class with deletionPolicy Delete: then the snapshot goes when its namespace goes."""
    other_volumes: OtherVolumes = OtherVolumes.REFUSE
    """When the serving pod mounts further claims, which are not in the snapshot: Refuse, or Ignore them."""


class CloudNativePG(Model):
    """A Backup of a CloudNativePG Cluster, by volume snapshots or by a plugin."""

    cluster_name: ObjectName
    """Name of the Cluster, in the namespace of the resource."""
    plugin: Annotated[
        str, Field(alias="pluginName", max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")
    ] = ""
    """Backup plugin, such as barman-cloud.cloudnative-pg.io. Empty: volume snapshots."""


class SnapshotJob(Model):
    """A restore point that a container of yours takes. Its exit code and its result are believed."""

    image: ImageReference
    """Image of the container."""
    command: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64, json_schema_extra=ATOMIC)]
    """What runs. It gets the connection like every Job, and SWITCHBACK_SNAPSHOT_NAME among others."""
    persistent_volume_claim: ClaimReference | None = None
    """A volume for it, mounted at /snapshots."""


class NoSnapshot(Model):
    """Go on without a restore point."""

    acknowledge: Annotated[
        bool,
        Field(
            json_schema_extra=rules(
                rule(
                    "self",
                    "must be true: what a rollback without a restore point destroys cannot be brought back",
                )
            )
        ),
    ]
    """Must be true: what is destroyed cannot be brought back."""


class Fence(Model):
    """Keeps writers out from before the restore point until the operation ends, by a command of yours."""

    image: ImageReference
    """Image of the container."""
    command: Annotated[
        tuple[Annotated[str, Field(max_length=512, pattern=_NO_NUL)], ...],
        Field(min_length=1, max_length=16, json_schema_extra=ATOMIC),
    ]
    """Runs with SWITCHBACK_FENCE=raise before, and =lower at every end. Either has to bear repetition."""
    deadline_seconds: Annotated[int, Field(ge=1, le=DAY)] = 120
    """Longest time for one of them."""


class Retention(Model):
    """What may be deleted: only what is beyond both."""

    minimum_count: Annotated[int, Field(ge=1, le=1000)] = 3
    """So many verified restore points of this resource stay in any case."""
    minimum_age_seconds: Annotated[int, Field(ge=0, le=10 * YEAR)] = WEEK
    """Whatever is younger stays."""


_PROVIDERS = ("pgDump", "rds", "volumeSnapshot", "cloudNativePG", "job", "none")


class Snapshot(Model):
    """The restore point before a rollback.

    Exactly one of pgDump, rds, volumeSnapshot, cloudNativePG, job, none.
    """

    model_config = ConfigDict(json_schema_extra=exactly_one_of(*_PROVIDERS))

    pg_dump: PgDump | None = None
    """Dump the database to a volume or a bucket."""
    rds: RDS | None = None
    """Snapshot of an Amazon RDS instance or Aurora cluster."""
    volume_snapshot: VolumeSnapshot | None = None
    """CSI snapshot of the server's volume."""
    cloud_native_pg: Annotated[CloudNativePG | None, Field(alias="cloudNativePG")] = None
    """Backup by CloudNativePG. Experimental."""
    job: SnapshotJob | None = None
    """A container of yours takes it."""
    none: NoSnapshot | None = None
    """Take none."""
    before_migrate_policy: BeforeMigratePolicy = BeforeMigratePolicy.NEVER
    """Whether a restore point is taken before migrations are applied: Never or Always."""
    migrate_failure_policy: MigrateFailurePolicy = MigrateFailurePolicy.ABORT
    """When that one fails: Abort, or Continue without. Before a rollback there is no choice."""
    deadline_seconds: Annotated[int, Field(ge=1, le=WEEK)] = 1800
    """Longest time that taking and verifying the restore point may take."""
    max_age_seconds: Annotated[int, Field(ge=60, le=WEEK)] = 1800
    """Oldest restore point that the next step relies on, from its completion; then another is taken."""
    retention: Retention = Retention()
    """What may be deleted after a new restore point is there and its operation has ended."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """When this resource is deleted: Retain its restore points, or Delete those beyond minimumCount."""
    fence: Fence | None = None
    """Keeps writers out. Absent: they write on, and the status says how much."""

    @property
    def chosen(self) -> str:
        """Which provider it is, as the field is written in YAML; empty when there is none."""
        fields = type(self).model_fields
        aliases = {field.alias: name for name, field in fields.items() if field.alias in _PROVIDERS}
        return next((alias for alias in _PROVIDERS if getattr(self, aliases[alias]) is not None), "")
