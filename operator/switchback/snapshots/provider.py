"""What a snapshot provider is. A new one is one file with a class of this shape and one line in `registry`.

Two kinds differ in who does the work (`Capabilities.place`):

- **calls** (`CallProvider`): the operator itself asks an interface (AWS, Kubernetes). Every method is one
  short exchange; nothing sleeps, nothing waits for an end. The pace is the caller's: `retry_after` says what
  makes sense.
- **jobs** (`JobProvider`): a Job in the tenant's namespace does it. The provider describes its pod, purely;
  what the pod says at its end is the same as for every other Job (`contract.result`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from switchback.contract.result import DEFAULT_BUDGET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.api.reasons import OperatorReason
    from switchback.api.snapshots import Snapshot
    from switchback.contract.points import (
        Capabilities,
        Finding,
        Intent,
        Level,
        Listing,
        Observation,
        Ownership,
        Verification,
    )

PodObject = dict[str, Any]
"""A container, volume or environment variable in the JSON of Kubernetes' API."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one namespace may do with Amazon RDS. Patterns are shell-like; an empty list allows nothing.

    Attributes:
        namespaces: patterns of namespaces that this is for.
        instances: patterns of instances.
        roles: patterns of role ARNs that `spec.snapshot.rds.roleARN` may name.
        role: ARN of the role that is assumed when it names none; empty: the operator's own.
        external_id: handed over when the role is assumed.
    """

    namespaces: tuple[str, ...]
    instances: tuple[str, ...]
    roles: tuple[str, ...] = ()
    role: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the operator gives to providers that make calls.

    Attributes:
        client: Kubernetes' API.
        installation: id of this installation.
        allow: the allow-list for Amazon RDS.
        aws: how long clients of AWS are kept, and the like (`switchback.aws`); None where it is not needed.
    """

    client: Any
    installation: str = ""
    allow: tuple[Allowance, ...] = ()
    aws: Any = None


@runtime_checkable
class CallProvider(Protocol):
    """One way of taking restore points by calls, made for one `spec.snapshot` of one namespace.

    No method raises for what goes wrong outside: that is a `Failure` in what it returns. `asyncio` only:
    whatever blocks runs in a thread.
    """

    capabilities: Capabilities

    async def preflight(self, intent: Intent) -> tuple[Finding, ...]:
        """What stands in the way, before anything is asked for. Only reads.

        Proves that what would be kept is `intent.subject` (`SnapshotSourceMismatch`), that it is in a state
        to be kept, and that there is room.
        """
        ...

    async def request(self, intent: Intent) -> Observation:
        """Ask for the restore point, or adopt the one of this very intent. It may be repeated at will.

        An artifact of that name that is not `intent.ownership`'s is a `CONFLICT`.
        """
        ...

    async def observe(self, intents: Sequence[Intent]) -> Mapping[str, Observation]:
        """Each restore point as it is now, by its name; as few calls as the interface allows.

        One that is not there is `Absent`. One that is `Available` has its metadata compared with the intent.
        """
        ...

    async def list_owned(self, ownership: Ownership) -> Listing:
        """Every restore point of the resource `ownership.uid`, from all pages, without those of others."""
        ...

    async def verify(self, intent: Intent, level: Level) -> Verification:
        """Whether the artifact is what it should be: identity, ownership, completeness."""
        ...

    async def delete(self, name: str, expect: Ownership) -> Observation:
        """Delete one artifact, after its ownership was read again. `Absent` when it is gone already."""
        ...


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """Which restore point a Job is to take of which database, for which operation.

    Attributes:
        name: name of the restore point, fixed once in status (`api.names.snapshot_name`).
        operation_id: id of the operation that asks for it.
        namespace: namespace of the resource.
        resource: name of the resource.
        uid_hash: `api.names.uid_hash` of the resource.
        database: name of the database that inspect saw; the pod refuses any other.
        system_identifier: of the server that inspect saw; the pod refuses any other.
        server_major: major version of the server, such as 15.
        database_env: environment that names the database, as the runner's Jobs get it (DATABASE_URL, or
            PGHOST, PGPASSWORD, ...). Only the container that prepares the connection files receives it.
        ledger_schema: schema of the ledger.
        role: that reads the database; empty: the user that logs in.
        result_budget: most bytes of the result.
        seconds: the longest that the restore point may take (spec.snapshot.deadlineSeconds).
        uid: UID of the resource.
        installation: id of the operator's installation.
        purpose: what it is taken for (`contract.points.Purpose`).
        attempt: number of the try, from 1.
        schema_version: where the migrations stand.
        fenced: whether writers are kept out meanwhile.
    """

    name: str
    operation_id: str
    namespace: str
    resource: str
    uid_hash: str
    database: str
    system_identifier: str
    server_major: int
    database_env: tuple[PodObject, ...]
    ledger_schema: str = "switchback"
    role: str = ""
    result_budget: int = DEFAULT_BUDGET
    seconds: int = 1800
    uid: str = ""
    installation: str = ""
    purpose: str = "pre-rollback"
    attempt: int = 1
    schema_version: str = ""
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """What the operator's own settings add: its image, and client images by major version such as `"15"`."""

    image: str
    client_images: Mapping[str, str] = field(default_factory=dict)
    image_pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class PodParts:
    """Parts of a pod template. The caller makes the Job around them.

    The caller adds to every container, init containers too: the restricted security context (not root,
    read-only root file system, no capabilities, RuntimeDefault seccomp) and the resources. To the pod:
    `restartPolicy: Never`, the deadline, and `fsGroup`, without which the volume may not be writable. The
    containers share one user id. The container named `switchback` is the only one whose result is read.
    """

    init_containers: tuple[PodObject, ...]
    containers: tuple[PodObject, ...]
    volumes: tuple[PodObject, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no pod can be described: a person has to change something."""

    reason: OperatorReason
    message: str


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """Which restore points of which resource a Job is to look at, and by which rules some may go.

    Attributes:
        operation_id: the operation after which it is done.
        uid: UID of the resource.
        uid_hash: `api.names.uid_hash` of it.
        minimum_count: so many verified ones stay in any case.
        minimum_age_seconds: whatever is younger stays.
        protect: names that stay.
        unfinished: ids of operations whose restore points stay.
        dry_run: only tell.
        result_budget: most bytes of the result.
    """

    operation_id: str
    uid: str
    uid_hash: str
    minimum_count: int
    minimum_age_seconds: int
    protect: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    dry_run: bool = False
    result_budget: int = DEFAULT_BUDGET


@runtime_checkable
class Pruner(Protocol):
    """A `JobProvider` whose restore points can be listed and deleted, by a Job as well."""

    def prune(
        self, snapshot: Snapshot, request: PruneRequest, settings: SnapshotSettings
    ) -> PodParts | Refusal:
        """The pod that looks at all restore points of the resource and deletes those that may go."""
        ...


@runtime_checkable
class JobProvider(Protocol):
    """One way of taking restore points by a Job. Has no state; every method is pure."""

    capabilities: Capabilities

    def pod(
        self, snapshot: Snapshot, request: SnapshotRequest, settings: SnapshotSettings
    ) -> PodParts | Refusal:
        """The pod that takes the restore point, or why there can be none.

        Args:
            snapshot: `spec.snapshot`, in which this provider's own field is set.
            request: what is asked for.
            settings: what the operator was started with.
        """
        ...
