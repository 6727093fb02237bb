"""What has to hold whatever our status says: by the audit log, the pods, the volume and the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.snapshots.layout import MANIFEST
from tests.e2e.states import version

if TYPE_CHECKING:
    from tests.cluster.backends.base import Volume
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World


def restore_point_before_rollback(world: World, volume: Volume) -> None:
    """The snapshot's pod had ended well, its manifest was written, and only then the rollback Job came."""
    (snapshot,) = world.jobs_created("snapshot")
    (rollback,) = world.jobs_created("rollback")
    ended = first_end(world, snapshot.name)
    asked = datetime.fromisoformat(rollback.received)
    containers = ended["status"]["initContainerStatuses"] + ended["status"]["containerStatuses"]
    for one in containers:
        end = one["state"]["terminated"]
        assert end["exitCode"] == 0, f"{one['name']} of {snapshot.name}: {end}"
        assert datetime.fromisoformat(end["finishedAt"]) <= asked, one["name"]
    # Seconds are coarse: the order in which the API server stored the two is exact.
    assert version(ended) < version(rollback.response)
    if volume.files is None:
        return  # out of this machine's sight
    (manifest,) = volume.files.glob(f"*/{MANIFEST}")
    assert datetime.fromtimestamp(manifest.stat().st_mtime, UTC) < asked


def first_end(world: World, job: str) -> Object:
    """The first state of a Job's pod in which the container `switchback` has ended."""
    for pod in world.recorder.states("Pod", world.namespace):
        if pod["metadata"]["labels"].get("job-name") != job:
            continue
        for one in pod.get("status", {}).get("containerStatuses", []):
            if one["name"] == names.CONTAINER and "terminated" in one["state"]:
                return pod
    raise AssertionError(f"no pod of {job} was seen to end")


def reservations_kept(database: Database) -> int:
    """Between a reservation and its end nobody else is in the ledger. Gives how many there were."""
    holder, count = "", 0
    for event in database.events():
        whose = event.operation.partition("-")[0]
        assert holder in {"", whose}, f"{event} although {holder} had reserved the database"
        if event.kind == "Reserved":
            count += not holder
            holder = whose
        elif event.kind == "Released":
            holder = ""
    assert not holder, f"{holder} still holds its reservation"
    return count
