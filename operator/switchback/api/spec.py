"""`spec` of a DatabaseMigration: what is wished for. Defaults and bounds here are those of the CRD."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from switchback.api.base import (
    DataKey,
    ImageReference,
    Model,
    ObjectName,
    exactly_one_of,
    list_map,
    rule,
    rules,
)
from switchback.api.job_template import JobTemplate

DAY = 24 * 60 * 60
WEEK = 7 * DAY


class SSLMode(StrEnum):
    """`sslmode` of libpq, as far as it needs no file. The verifying modes belong in a URL for now."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"


class PullPolicy(StrEnum):
    """When the kubelet pulls an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class AheadPolicy(StrEnum):
    """What to do when target is latest and the database is ahead of the source."""

    REFUSE = "Refuse"


class RollbackPolicy(StrEnum):
    """Whether this resource may roll back."""

    ALLOW = "Allow"
    DENY = "Deny"


class DataLossPolicy(StrEnum):
    """What to do with a rollback that destroys data, or might."""

    REQUIRE_APPROVAL = "RequireApproval"
    ALLOW = "Allow"
    DENY = "Deny"


class SecretKeyRef(Model):
    """One key of one Secret in the namespace of the resource. Only the pods of its Jobs read it."""

    name: ObjectName
    """Name of the Secret."""
    key: DataKey
    """Key in the Secret's data."""


class FromSecret(Model):
    """A value that is kept in a Secret."""

    secret_key_ref: SecretKeyRef
    """Where the value is kept."""


class Connection(Model):
    """The parts of a connection, for Secrets that hold user and password each on their own."""

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s/,@]+$")]
    """Host name or address of the primary."""
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    """Port of the server itself, not of a transaction pooler."""
    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the database."""
    ssl_mode: SSLMode = SSLMode.PREFER
    """TLS mode as libpq names it. For verify-ca and verify-full use urlFrom with sslrootcert in the URL."""
    username_from: FromSecret
    """Where the user's name is kept."""
    password_from: FromSecret
    """Where the password is kept."""


class Database(Model):
    """Which database is changed. Exactly one of urlFrom and connection."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("urlFrom", "connection"))

    url_from: FromSecret | None = None
    """Secret that holds a whole URL, such as postgresql://user:password@host:5432/database."""
    connection: Connection | None = None
    """The connection in parts."""


class ImageSource(Model):
    """A folder of migrations in a container image. The image needs `cp`."""

    reference: ImageReference
    """The image, by tag or digest."""
    path: Annotated[
        str,
        Field(
            max_length=512,
            json_schema_extra=rules(
                rule(
                    r"self.matches('^/[^/]') && !self.matches('(^|/)[.][.](/|$)')",
                    "must be an absolute path below / and without ..",
                )
            ),
        ),
    ] = "/migrations"
    """Folder in the image that holds the migration files."""
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    """When the kubelet pulls the image."""


class ConfigMapRef(Model):
    """One ConfigMap in the namespace of the resource."""

    name: ObjectName
    """Name of the ConfigMap."""


class Source(Model):
    """Where the migration files are. Exactly one of image and configMapRefs."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("image", "configMapRefs"))

    image: ImageSource | None = None
    """A folder in a container image."""
    config_map_refs: Annotated[
        tuple[ConfigMapRef, ...], Field(min_length=1, max_length=16, json_schema_extra=list_map("name"))
    ] = ()
    """ConfigMaps whose keys are the file names; together they are one flat folder."""
    ahead_policy: AheadPolicy = AheadPolicy.REFUSE
    """For target latest, when the database is ahead of the source. Refuse stops; to go back, name the id."""


class Execution(Model):
    """Limits of a run."""

    lock_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 2
    """Longest wait for a table lock per attempt: the application waits behind whatever waits for a lock."""
    statement_timeout_seconds: Annotated[int | None, Field(ge=1, le=WEEK)] = None
    """Longest time for one statement. Absent: no limit."""
    advisory_lock_timeout_seconds: Annotated[int, Field(ge=0, le=DAY)] = 60
    """Longest wait of a run for another run on the same database; the operator tries again later."""
    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a run is repeated after trouble with connection or node. Waiting for locks does not count."""


class Rollback(Model):
    """Rules for going backward."""

    policy: RollbackPolicy = RollbackPolicy.ALLOW
    """Deny: a target below the current version is refused."""
    data_loss_policy: DataLossPolicy = DataLossPolicy.REQUIRE_APPROVAL
    """A rollback that destroys data, or might: RequireApproval waits for a person, Allow goes on."""


class Approval(Model):
    """How a person says yes."""

    timeout_seconds: Annotated[int, Field(ge=1, le=30 * DAY)] = DAY
    """Longest wait for an approval; then the operation ends with ApprovalExpired, nothing has changed."""
    approved_plan: Annotated[str, Field(max_length=128, pattern=r"^[-A-Za-z0-9:._]*$")] = ""
    """The token from status.approval, for approval by commit; or set annotation switchback.dev/approve."""


class ClaimReference(Model):
    """A PersistentVolumeClaim in the namespace of the resource."""

    claim_name: ObjectName
    """Name of the claim. It has to exist and to be writable by the pod's user or fsGroup."""


class PgDump(Model):
    """A restore point made with pg_dump and kept on a volume."""

    persistent_volume_claim: ClaimReference
    """Where the dump is kept."""
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


class NoSnapshot(Model):
    """Roll back without a restore point."""

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


class Snapshot(Model):
    """The restore point before a rollback. Exactly one of pgDump and none."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("pgDump", "none"))

    pg_dump: PgDump | None = None
    """Dump the database to a volume."""
    none: NoSnapshot | None = None
    """Take none."""
    deadline_seconds: Annotated[int, Field(ge=1, le=WEEK)] = 1800
    """Longest time that taking and verifying the restore point may take."""


class Spec(Model):
    """The wished schema version, and how to get there."""

    target: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            json_schema_extra=rules(
                rule(
                    r"!self.matches('^[-+~^@ ]') && !self.matches('[\\x00-\\x1f/\\x7f]')",
                    "must be latest, base or the id of a migration; nothing relative, no slash",
                )
            ),
        ),
    ]
    """The wished version: latest, base (nothing applied) or a migration's id. An older id: roll back."""
    reason: Annotated[str, Field(max_length=256, pattern=r"^[^\x00]*$")] = ""
    """Why, for the ledger and for people. Changing it starts nothing."""
    suspend: bool = False
    """Stop between steps. A running Job ends by itself."""
    operation_deadline_seconds: Annotated[int, Field(ge=1, le=WEEK)] = 7200
    """Longest time for the whole operation, without the time spent waiting for an approval."""
    database: Database
    """Which database is changed."""
    source: Source
    """Where the migration files are."""
    execution: Execution = Execution()
    """Limits of a run."""
    rollback: Rollback = Rollback()
    """Rules for going backward."""
    approval: Approval = Approval()
    """How a person says yes."""
    snapshot: Snapshot | None = None
    """The restore point before a rollback. Absent: a rollback is refused with SnapshotRequired."""
    job_template: JobTemplate | None = None
    """What the pods of the Jobs need from this cluster. Whoever writes it runs pods in this namespace."""
    job_history_limit: Annotated[int, Field(ge=0, le=100)] = 5
    """How many finished Jobs are kept."""
