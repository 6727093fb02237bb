"""The pod of `spec.snapshot.fence`: a command of the tenant's keeps writers out, or lets them in again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from switchback.contract.result import DEFAULT_BUDGET
from switchback.snapshots.command import FENCE, answering, tenants
from switchback.snapshots.login import with_login
from switchback.snapshots.provider import PodParts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.snapshots.provider import PodObject, SnapshotSettings

RAISE = "raise"
LOWER = "lower"
"""Values of SWITCHBACK_FENCE."""


class Fence(Protocol):
    """What the pod needs to know: `spec.snapshot.fence`, or what the status has kept of it."""

    @property
    def image(self) -> str:
        """Image of the container."""
        ...

    @property
    def command(self) -> Sequence[str]:
        """What runs in it."""
        ...


@dataclass(frozen=True, slots=True)
class FenceRequest:
    """For which operation of which resource a fence is raised or lowered.

    Attributes:
        operation_id: id of the operation that asks for it.
        namespace: of the resource.
        resource: its name.
        database_env: environment that names the database, as every Job gets it.
        snapshot_name: name of the restore point, if it has one already.
        result_budget: most bytes of the result.
    """

    operation_id: str
    namespace: str
    resource: str
    database_env: tuple[PodObject, ...]
    snapshot_name: str = ""
    result_budget: int = DEFAULT_BUDGET


def fence_pod(fence: Fence, request: FenceRequest, settings: SnapshotSettings, *, raising: bool) -> PodParts:
    """The pod that raises the fence, or lowers it. `fence` runs the command; `switchback` answers for it.

    The result's operation is `fence` when it was raised and `unfence` when it was lowered. When the command
    fails there is no result: the pod tells (`FenceCommandFailed`).

    Args:
        fence: image and command.
        request: for whom.
        settings: what the operator was started with.
        raising: whether writers are to be kept out; else they are let in again.
    """
    word = RAISE if raising else LOWER
    told = {
        "SWITCHBACK_FENCE": word,
        "SWITCHBACK_OPERATION_ID": request.operation_id,
        "SWITCHBACK_SNAPSHOT_NAME": request.snapshot_name,
        "SWITCHBACK_NAMESPACE": request.namespace,
        "SWITCHBACK_RESOURCE": request.resource,
    }
    theirs = tenants(FENCE, fence.image, fence.command, database_env=request.database_env, told=told)
    ours = answering(
        settings,
        [
            *("--fence", word, "--operation-id", request.operation_id),
            *("--result-budget", str(request.result_budget)),
        ],
    )
    return with_login(PodParts((theirs,), (ours,), ()), request.database_env, settings)
