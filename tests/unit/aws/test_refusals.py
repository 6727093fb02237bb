"""What RDS refuses and moto does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.aws.refused import refused

if TYPE_CHECKING:
    from tests.aws.server import FakeAws


def test_only_an_instance_that_is_available_may_be_asked_for_a_snapshot(aws: FakeAws) -> None:
    aws.make_instance("shop")
    rds = aws.rds()
    aws.settings(snapshot_seconds=0)
    for status in ("stopped", "modifying", "storage-full", "incompatible-network", "what-nobody-knows"):
        aws.set_source("shop", status=status)
        (seen,) = rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"]
        assert seen["DBInstanceStatus"] == status
        with refused("InvalidDBInstanceState", "shop"):
            rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="no")
    for status in ("available", "storage-optimization"):
        aws.set_source("shop", status=status)
        rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier=f"of-{status}")


def test_only_a_cluster_that_is_available_may_be_asked_for_a_snapshot(aws: FakeAws) -> None:
    aws.make_cluster("orders")
    aws.set_source("orders", status="failing-over")
    with refused("InvalidDBClusterStateFault", "orders"):
        aws.rds().create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="no")


def test_a_source_that_is_not_there_is_not_found(aws: FakeAws) -> None:
    rds = aws.rds()
    with refused("DBInstanceNotFound", status=404):
        rds.create_db_snapshot(DBInstanceIdentifier="nobody", DBSnapshotIdentifier="no")
    with refused("DBClusterNotFoundFault", status=404):
        rds.create_db_cluster_snapshot(DBClusterIdentifier="nobody", DBClusterSnapshotIdentifier="no")


def test_a_member_of_a_cluster_has_no_snapshots_of_its_own(aws: FakeAws) -> None:
    (member, *_) = aws.make_cluster("orders")["members"]
    with refused("InvalidParameterValue", "is a member of a cluster", "CreateDBClusterSnapshot"):
        aws.rds().create_db_snapshot(DBInstanceIdentifier=member, DBSnapshotIdentifier="no")


def test_whether_the_name_or_the_state_is_looked_at_first_is_a_setting(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_snapshots("shop", "taken")
    aws.set_source("shop", status="backing-up")
    with refused("DBSnapshotAlreadyExists"):
        aws.rds().create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="TAKEN")
    aws.settings(state_before_name=True)
    with refused("InvalidDBInstanceState"):
        aws.rds().create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="TAKEN")


def test_a_hundred_manual_snapshots_of_instances_and_a_hundred_of_clusters(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_cluster("orders")
    rds = aws.rds()
    aws.settings(snapshot_seconds=0, backing_up=False)
    aws.make_snapshots("shop", *(f"rds:shop-{n}" for n in range(20)), automated=True)
    aws.make_snapshots("shop", *(f"s{n}" for n in range(99)))
    aws.make_snapshots("orders", *(f"c{n}" for n in range(99)))
    rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="the-last")
    rds.create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="the-last")
    with refused("SnapshotQuotaExceeded"):
        rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="one-more")
    with refused("SnapshotQuotaExceeded"):
        rds.copy_db_snapshot(SourceDBSnapshotIdentifier="s1", TargetDBSnapshotIdentifier="one-more")
    with refused("SnapshotQuotaExceeded"):
        rds.create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="one-more")
    aws.settings(instance_quota=101)
    rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="one-more")


@pytest.mark.parametrize("name", ["1abc", "a--b", "a-", "a_b", "ä", "a" * 64])
def test_the_name_of_a_cluster_snapshot_follows_the_rules(aws: FakeAws, name: str) -> None:
    aws.make_cluster("orders")
    with refused("InvalidParameterValue"):
        aws.rds().create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier=name)


def test_how_long_the_name_of_a_cluster_snapshot_may_be_is_a_setting(aws: FakeAws) -> None:
    aws.make_cluster("orders")
    aws.settings(cluster_snapshot_id_length=255)
    rds = aws.rds()
    made = rds.create_db_cluster_snapshot(
        DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="A" + "b" * 254
    )
    assert made["DBClusterSnapshot"]["DBClusterSnapshotIdentifier"] == "a" + "b" * 254
    with refused("InvalidParameterValue"):
        rds.create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="a" * 256)


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({f"k{n}": "v" for n in range(51)}, "at most 50"),
        ({"aws:mine": "v"}, "aws:"),
        ({"AWS:mine": "v"}, "aws:"),
        ({"k" * 129: "v"}, "128"),
        ({"k": "v" * 257}, "256"),
        ({"k": "off(M-F,18)"}, "Tag values may only contain"),
    ],
)
def test_tags_follow_the_rules(aws: FakeAws, tags: dict[str, str], word: str) -> None:
    aws.make_instance("shop")
    aws.make_cluster("orders")
    rds = aws.rds()
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    with refused("InvalidParameterValue", word):
        rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="no", Tags=given)  # type: ignore[arg-type]  # a list of dicts
    with refused("InvalidParameterValue", word):
        rds.create_db_cluster_snapshot(
            DBClusterIdentifier="orders",
            DBClusterSnapshotIdentifier="no",
            Tags=given,  # type: ignore[arg-type]  # a list of dicts
        )
    assert "no" not in [one["name"] for one in aws.snapshots()]


def test_tags_that_are_there_already_count(aws: FakeAws) -> None:
    aws.make_instance("shop")
    (arn,) = aws.make_snapshots("shop", "one", tags={f"k{n}": "v" for n in range(49)})
    rds = aws.rds()
    rds.add_tags_to_resource(
        ResourceName=arn, Tags=[{"Key": "k1", "Value": "w"}, {"Key": "k49", "Value": ""}]
    )
    with refused("InvalidParameterValue", "at most 50"):
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "k50", "Value": "v"}])
