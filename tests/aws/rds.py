"""RDS as moto answers it, and what moto lacks: states, quotas, pages, rules for names and tags."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from moto.core.responses import ActionResult
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBSnapshot
from moto.rds.responses import RDSResponse
from typing_extensions import override

from tests.aws import gates, life
from tests.aws.pages import page, page_size
from tests.aws.shown import Shown, held, shown

if TYPE_CHECKING:
    from tests.aws.life import Snapshot
    from tests.aws.world import World


# moto's own limit counts automated snapshots too; ours is looked at before (`gates.quota`).
os.environ["MOTO_RDS_SNAPSHOT_LIMIT"] = "1000000"


class Answers(RDSResponse):
    """What is asked of RDS. Each action is moto's, with its checks before and its states after."""

    world: ClassVar[World]

    @override
    def call_action(self) -> Any:
        """Any action: the states are brought up to date with the clock first."""
        life.refresh(self.world, self.backend)
        return super().call_action()

    # --- instances ------------------------------------------------------------------------------------------

    @override
    def create_db_snapshot(self) -> ActionResult:
        backend, wanted = self.backend, self.params
        backend.validate_db_snapshot_identifier(wanted["DBSnapshotIdentifier"], "DBSnapshotIdentifier")
        gates.tags(wanted.get("Tags"))
        database = gates.instance(backend, wanted["DBInstanceIdentifier"])
        gates.no_member(database)
        gates.free_and_ready(self.world, backend.database_snapshots, wanted["DBSnapshotIdentifier"], database)
        gates.quota(backend.database_snapshots, self.world.settings.instance_quota)
        result = super().create_db_snapshot()
        life.begin(self.world, _snapshot(result), database)
        return result

    @override
    def copy_db_snapshot(self) -> ActionResult:
        backend, wanted = self.backend, self.params
        gates.tags(wanted.get("Tags"))
        source = backend.get_db_snapshot(wanted["SourceDBSnapshotIdentifier"])
        gates.usable(source)
        gates.quota(backend.database_snapshots, self.world.settings.instance_quota)
        result = super().copy_db_snapshot()
        life.begin(self.world, _snapshot(result), copied=source)
        return result

    @override
    def delete_db_snapshot(self) -> ActionResult:
        snapshot = self.backend.get_db_snapshot(self.params["DBSnapshotIdentifier"])
        return self._deleted(snapshot)

    @override
    def describe_db_snapshots(self) -> ActionResult:
        size = page_size(self.params)
        (found,) = held(super().describe_db_snapshots()).values()
        wanted = self.params.get("DbiResourceId")
        if wanted is not None:
            found = [snapshot for snapshot in found if snapshot.dbi_resource_id == wanted]
        return _paged("DBSnapshots", found, size, self.params.get("Marker"))

    @override
    def restore_db_instance_from_db_snapshot(self) -> ActionResult:
        backend = self.backend
        gates.tags(self.params.get("Tags"))
        gates.usable(backend.get_db_snapshot(self.params["DBSnapshotIdentifier"]))
        result = super().restore_db_instance_from_db_snapshot()
        return self._born(result, "DBInstance")

    @override
    def restore_db_instance_to_point_in_time(self) -> ActionResult:
        gates.tags(self.params.get("Tags"))
        return self._born(super().restore_db_instance_to_point_in_time(), "DBInstance")

    @override
    def describe_db_instances(self) -> ActionResult:
        page_size(self.params)
        return shown(self.world, super().describe_db_instances(), "DBInstances")

    # --- clusters -------------------------------------------------------------------------------------------

    @override
    def create_db_cluster_snapshot(self) -> ActionResult:
        backend, wanted = self.backend, self.params
        name = wanted["DBClusterSnapshotIdentifier"]
        gates.cluster_snapshot_name(self.world, backend, name, "DBClusterSnapshotIdentifier")
        gates.tags(wanted.get("Tags"))
        cluster = gates.cluster(backend, wanted["DBClusterIdentifier"])
        gates.free_and_ready(self.world, backend.cluster_snapshots, name, cluster)
        gates.quota(backend.cluster_snapshots, self.world.settings.cluster_quota)
        result = super().create_db_cluster_snapshot()
        life.begin(self.world, _snapshot(result), cluster)
        return result

    @override
    def copy_db_cluster_snapshot(self) -> ActionResult:
        backend, wanted = self.backend, self.params
        name = wanted["TargetDBClusterSnapshotIdentifier"]
        gates.cluster_snapshot_name(self.world, backend, name, "TargetDBClusterSnapshotIdentifier")
        gates.tags(wanted.get("Tags"))
        source = backend.get_db_cluster_snapshot(wanted["SourceDBClusterSnapshotIdentifier"])
        gates.usable(source)
        gates.quota(backend.cluster_snapshots, self.world.settings.cluster_quota)
        result = super().copy_db_cluster_snapshot()
        life.begin(self.world, _snapshot(result), copied=source)
        return result

    @override
    def delete_db_cluster_snapshot(self) -> ActionResult:
        snapshot = self.backend.get_db_cluster_snapshot(self.params["DBClusterSnapshotIdentifier"])
        return self._deleted(snapshot)

    @override
    def describe_db_cluster_snapshots(self) -> ActionResult:
        size = page_size(self.params)
        (found,) = held(super().describe_db_cluster_snapshots()).values()
        wanted = self.params.get("DbClusterResourceId")
        if wanted is not None:
            found = [snapshot for snapshot in found if snapshot.db_cluster_resource_id == wanted]
        return _paged("DBClusterSnapshots", found, size, self.params.get("Marker"))

    @override
    def restore_db_cluster_from_snapshot(self) -> ActionResult:
        backend, wanted = self.backend, self.params
        gates.tags(wanted.get("Tags"))
        snapshot = backend.get_db_cluster_snapshot(wanted["SnapshotIdentifier"])
        gates.usable(snapshot)
        if wanted["DBClusterIdentifier"] in backend.clusters:
            raise RDSClientError("DBClusterAlreadyExistsFault", "DB Cluster already exists")
        wanted["SnapshotIdentifier"] = snapshot.db_cluster_snapshot_identifier
        return self._born(super().restore_db_cluster_from_snapshot(), "DBCluster")

    @override
    def describe_db_clusters(self) -> ActionResult:
        page_size(self.params)
        return shown(self.world, super().describe_db_clusters(), "DBClusters")

    # --- tags -----------------------------------------------------------------------------------------------

    @override
    def add_tags_to_resource(self) -> ActionResult:
        gates.tags(self.params.get("Tags"), self.backend.list_tags_for_resource(self.params["ResourceName"]))
        return super().add_tags_to_resource()

    # --- both -----------------------------------------------------------------------------------------------

    def _deleted(self, snapshot: Snapshot) -> ActionResult:
        gates.deletable(snapshot)
        life.remove(self.world, self.backend, snapshot)
        kind = "DBSnapshot" if isinstance(snapshot, DBSnapshot) else "DBClusterSnapshot"
        # The answer says so also while the snapshot is still `deleting`.
        return ActionResult({kind: Shown(snapshot, status="deleted")})

    def _born(self, result: ActionResult, kind: str) -> ActionResult:
        born = held(result)[kind]
        if kind == "DBInstance":
            born.dbi_resource_id = gates.resource_id("db")
        self.world.births[born.arn] = self.world.now() + self.world.settings.restore_seconds
        born.status = "creating"
        return ActionResult({kind: Shown(born, status="creating", endpoint=None)})


def answering(world: World) -> type[Answers]:
    """The answers of one fake AWS."""
    return type("BoundAnswers", (Answers,), {"world": world})


def _snapshot(result: ActionResult) -> Snapshot:
    (snapshot,) = held(result).values()
    return snapshot  # type: ignore[no-any-return]


def _paged(kind: str, found: list[Snapshot], size: int, marker: str | None) -> ActionResult:
    chosen, following = page(found, size, marker)
    return ActionResult({kind: chosen, "Marker": following})
