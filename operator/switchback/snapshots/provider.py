"""What a snapshot provider is: it describes the pod of the snapshot Job. Pure; nothing here calls anything.

A new provider is one file with a class that has the shape of `SnapshotProvider`, and one line in `registry`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from switchback.contract.result import DEFAULT_BUDGET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.api.reasons import OperatorReason
    from switchback.api.spec import Snapshot

PodObject = dict[str, Any]
"""A container, volume or environment variable in the JSON of Kubernetes' API."""


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """Which restore point is to be taken of which database, for which operation.

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


class SnapshotProvider(Protocol):
    """One way of taking a restore point. Has no state; every method is pure."""

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
