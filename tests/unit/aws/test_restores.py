"""Instances and clusters: those that are made for a test, and those that come from a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.aws.refused import refused

if TYPE_CHECKING:
    from tests.aws.server import FakeAws


def instance(aws: FakeAws, name: str) -> dict[str, Any]:
    (found,) = aws.rds().describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return dict(found)


def test_an_instance_is_as_it_was_made(aws: FakeAws) -> None:
    aws.make_instance(
        "shop",
        address="10.0.0.7",
        port=5433,
        resource_id="db-MINE",
        engine_version="15.13",
        multi_az=True,
        kms_key_id="arn:aws:kms:eu-central-1:123456789012:key/k",
        backup_retention_period=3,
        replica_of="other",
        tags={"team": "shop"},
    )
    found = instance(aws, "shop")
    assert (found["DBInstanceStatus"], found["Engine"], found["EngineVersion"]) == (
        "available",
        "postgres",
        "15.13",
    )
    assert (found["Endpoint"]["Address"], found["Endpoint"]["Port"]) == ("10.0.0.7", 5433)
    assert (found["DbiResourceId"], found["MultiAZ"]) == ("db-MINE", True)
    assert (found["StorageEncrypted"], found["KmsKeyId"][-6:]) == (True, ":key/k")
    assert (found["BackupRetentionPeriod"], found["ReadReplicaSourceDBInstanceIdentifier"]) == (3, "other")
    assert found["TagList"] == [{"Key": "team", "Value": "shop"}]
    aws.make_instance("plain", storage_encrypted=False, backup_retention_period=0)
    plain = instance(aws, "plain")
    assert (plain["StorageEncrypted"], plain["Endpoint"]["Address"][:6]) == (False, "plain.")
    assert [one["name"][:9] for one in aws.snapshots()] == ["rds:shop-"]


def test_a_cluster_has_members_which_know_it(aws: FakeAws) -> None:
    made = aws.make_cluster(
        "orders", members=3, address="10.0.0.8", port=5434, engine_version="16.9", resource_id="cluster-MINE"
    )
    (cluster,) = aws.rds().describe_db_clusters(DBClusterIdentifier="orders")["DBClusters"]
    assert (cluster["Endpoint"], cluster["Port"], cluster["Status"]) == ("10.0.0.8", 5434, "available")
    assert (cluster["EngineVersion"], cluster["DbClusterResourceId"]) == ("16.9", "cluster-MINE")
    members = {one["DBInstanceIdentifier"]: one["IsClusterWriter"] for one in cluster["DBClusterMembers"]}
    assert sorted(members) == made["members"]
    assert sorted(members.values()) == [False, False, True]
    assert instance(aws, made["members"][0])["DBClusterIdentifier"] == "orders"


def test_a_restored_instance_has_an_identity_of_its_own_and_takes_its_time(aws: FakeAws) -> None:
    identity = aws.make_instance("shop")["resource_id"]
    aws.make_snapshots("shop", "before")
    aws.settings(restore_seconds=100)
    rds = aws.rds()
    made = rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="beside", DBSnapshotIdentifier="before"
    )
    assert made["DBInstance"]["DBInstanceStatus"] == "creating"
    assert made["DBInstance"]["DbiResourceId"] not in (identity, "")
    assert "Endpoint" not in instance(aws, "beside")
    with refused("InvalidDBInstanceState", "beside"):
        rds.create_db_snapshot(DBInstanceIdentifier="beside", DBSnapshotIdentifier="no")
    aws.advance(101)
    there = instance(aws, "beside")
    assert there["DBInstanceStatus"] == "available"
    assert there["Endpoint"]["Address"].startswith("beside.")
    assert there["DbiResourceId"] == made["DBInstance"]["DbiResourceId"]
    assert instance(aws, "shop")["DbiResourceId"] == identity


def test_only_what_is_available_can_be_restored_and_only_to_a_new_name(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_cluster("orders")
    aws.make_snapshots("shop", "one")
    aws.make_snapshots("orders", "two")
    rds = aws.rds()
    with refused("DBInstanceAlreadyExists"):
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="one")
    with refused("DBClusterAlreadyExistsFault"):
        rds.restore_db_cluster_from_snapshot(
            DBClusterIdentifier="orders", SnapshotIdentifier="two", Engine="aurora-postgresql"
        )
    aws.set_snapshot("one", "failed")
    aws.set_snapshot("two", "creating")
    with refused("InvalidDBSnapshotState"):
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="new", DBSnapshotIdentifier="one")
    with refused("InvalidDBClusterSnapshotStateFault"):
        rds.restore_db_cluster_from_snapshot(
            DBClusterIdentifier="new", SnapshotIdentifier="two", Engine="aurora-postgresql"
        )
    with refused("DBSnapshotNotFound", status=404):
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="new", DBSnapshotIdentifier="no")


def test_a_restored_cluster_has_an_identity_of_its_own_and_no_members(aws: FakeAws) -> None:
    identity = aws.make_cluster("orders")["resource_id"]
    (arn,) = aws.make_snapshots("orders", "before")
    aws.settings(restore_seconds=100)
    rds = aws.rds()
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="beside", SnapshotIdentifier=arn, Engine="aurora-postgresql"
    )
    for _ in range(2):
        (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="beside")["DBClusters"]
        assert cluster["Status"] == "creating"
    aws.advance(101)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="beside")["DBClusters"]
    assert (cluster["Status"], cluster["DBClusterMembers"]) == ("available", [])
    assert cluster["DbClusterResourceId"] not in (identity, "")
