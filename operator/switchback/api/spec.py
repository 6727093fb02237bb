"""`spec` of a DatabaseMigration: what is wished for. Defaults and bounds here are those of the CRD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from switchback.api.base import (
    ATOMIC,
    DataKey,
    ImageReference,
    Model,
    ObjectName,
    exactly_one_of,
    list_map,
    rule,
    rules,
)
from switchback.api.checks import Check
from switchback.api.cutover import Cutover
from switchback.api.job_template import JobTemplate
from switchback.api.policies import (
    AdoptionPolicy,
    AheadPolicy,
    ApprovalPolicy,
    AutomaticRollback,
    DataLossPolicy,
    DownSource,
    OutOfOrderPolicy,
    PullPolicy,
    ReasonPolicy,
    RollbackPolicy,
    SSLMode,
)
from switchback.api.snapshots import Region, Snapshot
from switchback.contract.words import SourceFormat

if TYPE_CHECKING:
    from switchback.contract.words import CheckStage

DAY = 24 * 60 * 60
WEEK = 7 * DAY

_NAME = r"^[^\x00\n\"]*$"

SchemaName = Annotated[str, Field(min_length=1, max_length=63, pattern=_NAME)]


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


class ConfigMapKeyRef(Model):
    """One key of one ConfigMap in the namespace of the resource."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: DataKey
    """Key in the ConfigMap's data."""


class CertificateAuthority(Model):
    """Certificates in PEM format. Exactly one of secretKeyRef and configMapKeyRef."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("secretKeyRef", "configMapKeyRef"))

    secret_key_ref: SecretKeyRef | None = None
    """Secret that holds them."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """ConfigMap that holds them."""


class IAM(Model):
    """Log in with a short-lived token of AWS, which RDS takes in place of a password."""

    region: Region
    """Region of the instance."""


class Connection(Model):
    """The parts of a connection. Exactly one of passwordFrom and iam."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *exactly_one_of("passwordFrom", "iam")["x-kubernetes-validations"],
            rule(
                "!has(self.iam) || self.sslMode in ['require', 'verify-ca', 'verify-full']",
                "sslMode has to be require, verify-ca or verify-full with iam: "
                "a token is never sent in the clear",
            ),
        )
    )

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s/,@]+$")]
    """Host name or address of the primary."""
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    """Port of the server itself, not of a transaction pooler."""
    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the database."""
    ssl_mode: SSLMode = SSLMode.PREFER
    """TLS mode as libpq names it. verify-full without caFrom trusts the public authorities."""
    username_from: FromSecret
    """Where the user's name is kept."""
    password_from: FromSecret | None = None
    """Where the password is kept."""
    iam: IAM | None = None
    """No password: the pod makes a token right before it connects, as its service account's AWS role."""


class Database(Model):
    """Which database is changed. Exactly one of urlFrom and connection."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *exactly_one_of("urlFrom", "connection")["x-kubernetes-validations"],
            rule(
                "!has(self.connection) || self.connection.sslMode != 'verify-ca' || has(self.caFrom)",
                "sslMode verify-ca needs caFrom",
            ),
        )
    )

    url_from: FromSecret | None = None
    """Secret that holds a whole URL, such as postgresql://user:password@host:5432/database."""
    connection: Connection | None = None
    """The connection in parts."""
    ca_from: CertificateAuthority | None = None
    """Who may sign the server's certificate, for the verifying TLS modes."""
    role: Annotated[str, Field(max_length=63, pattern=_NAME)] = ""
    """Role that does the work, by SET ROLE: it owns what is created. Empty: the user that logs in."""
    ledger_schema: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            pattern=_NAME,
            json_schema_extra=rules(
                rule(
                    "!self.startsWith('pg_') && !(self in ['public', 'information_schema'])",
                    "must be a schema of its own: not public, information_schema or pg_*",
                )
            ),
        ),
    ] = "switchback"
    """Schema of the ledger. Another name lets two applications share a database. It cannot be moved later."""
    search_path: Annotated[tuple[SchemaName, ...], Field(max_length=16, json_schema_extra=ATOMIC)] = ()
    """Schemas in which names without one are looked up, and the first created. Empty: the role's own."""


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
    format: SourceFormat = SourceFormat.AUTO
    """How the files are named and laid out. Auto looks."""
    ahead_policy: AheadPolicy = AheadPolicy.REFUSE
    """For target latest, when the database is ahead of the source: Refuse, Keep it so, or Rollback."""
    out_of_order_policy: OutOfOrderPolicy = OutOfOrderPolicy.REFUSE
    """What to do with a pending migration whose place is before an applied one: Refuse, or Allow it."""
    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """Whether to begin with the history of another tool (golang-migrate, dbmate, goose, Flyway, Drizzle;
    yoyo and Alembic where their ids were kept): Never, or IfNoLedger is there yet. What does not fit is
    refused."""


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
    automatic: AutomaticRollback = AutomaticRollback.NEVER
    """What failing checks undo: nothing, the Traffic, or TrafficAndSchema. A switch that was not verified in
    time is undone in any case."""
    data_loss_policy: DataLossPolicy = DataLossPolicy.REQUIRE_APPROVAL
    """A rollback that destroys data, or might: RequireApproval waits for a person, Allow goes on."""
    reason_policy: ReasonPolicy = ReasonPolicy.OPTIONAL
    """Required: a rollback needs a spec.reason."""
    down_source: DownSource = DownSource.AUTO
    """Whose way back runs when file and ledger differ: Auto refuses, Ledger runs what was applied."""


class Approval(Model):
    """How a person says yes."""

    migrate_policy: ApprovalPolicy = ApprovalPolicy.AUTOMATIC
    """Manual: what is pending is applied after a person has seen the plan."""
    rollback_policy: ApprovalPolicy = ApprovalPolicy.AUTOMATIC
    """Manual: every rollback waits for a person, also one that loses nothing."""
    cutover_policy: ApprovalPolicy = ApprovalPolicy.AUTOMATIC
    """Manual: traffic moves to the other slot after a person has said yes."""
    timeout_seconds: Annotated[int, Field(ge=1, le=30 * DAY)] = DAY
    """Longest wait for an approval; then the operation ends with ApprovalExpired, nothing has changed."""
    approved_plan: Annotated[str, Field(max_length=128, pattern=r"^[-A-Za-z0-9:._]*$")] = ""
    """The token from status.approval, for approval by commit; or set annotation switchback.dev/approve."""


class Spec(Model):
    """The wished schema version, the wished live slot, or both, and how to get there."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.source) || has(self.cutover)", "set source, cutover or both"),
            rule(
                "!has(self.cutover) || self.cutover.soakPeriodSeconds + self.cutover.drainPeriodSeconds "
                "< self.operationDeadlineSeconds",
                "soakPeriodSeconds and drainPeriodSeconds together have to be less than "
                "operationDeadlineSeconds",
            ),
            rule("has(self.source) == has(self.target)", "target and source belong together"),
            rule("!has(self.source) || has(self.database)", "a source needs a database"),
            rule(
                "has(self.database) || !has(self.checks) || !self.checks.exists(c, has(c.sql))",
                "a check with sql needs a database",
            ),
            rule(
                "has(self.source) || !has(self.cutover) || !self.cutover.slots.exists(s, has(s.schema))",
                "slots[].schema needs a source",
            ),
            rule(
                "has(self.database) || !has(self.cutover) || "
                "!self.cutover.slots.exists(s, has(s.applicationName) && s.applicationName != '')",
                "slots[].applicationName needs a database",
            ),
        )
    )

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
    ] = ""
    """The wished version: latest, base (nothing applied) or a migration's id. An older id: roll back."""
    reason: Annotated[str, Field(max_length=256, pattern=r"^[^\x00]*$")] = ""
    """Why, for the ledger and for people. Changing it starts nothing."""
    suspend: bool = False
    """Stop between steps. A running Job ends by itself."""
    operation_deadline_seconds: Annotated[int, Field(ge=1, le=WEEK)] = 7200
    """Longest time for the whole operation, without the time spent waiting for an approval."""
    database: Database | None = None
    """Which database is changed."""
    source: Source | None = None
    """Where the migration files are. Absent: only traffic is moved."""
    cutover: Cutover | None = None
    """Which slot of a Service is live. Absent: only the schema is changed."""
    checks: Annotated[tuple[Check, ...], Field(max_length=16, json_schema_extra=list_map("name"))] = ()
    """What has to hold before and after schema and traffic are changed."""
    execution: Execution = Execution()
    """Limits of a run."""
    rollback: Rollback = Rollback()
    """Rules for going backward."""
    approval: Approval = Approval()
    """How a person says yes."""
    snapshot: Snapshot | None = None
    """How restore points are taken. Absent: a rollback is refused with SnapshotRequired."""
    job_template: JobTemplate | None = None
    """What the pods of the Jobs need from this cluster. Whoever writes it runs pods in this namespace."""
    job_history_limit: Annotated[int, Field(ge=0, le=100)] = 5
    """How many finished Jobs are kept."""

    @property
    def the_source(self) -> Source:
        """The source, where there is one: nothing is done to a schema without."""
        if self.source is None:
            raise LookupError("spec.source is not set")
        return self.source

    @property
    def the_database(self) -> Database:
        """The database, where there is one."""
        if self.database is None:
            raise LookupError("spec.database is not set")
        return self.database

    @property
    def config_maps(self) -> tuple[str, ...]:
        """Names of the ConfigMaps that hold the source."""
        return tuple(ref.name for ref in self.source.config_map_refs) if self.source is not None else ()

    def checks_at(self, stage: CheckStage) -> tuple[Check, ...]:
        """The checks of that stage."""
        return tuple(check for check in self.checks if stage in check.stages)
