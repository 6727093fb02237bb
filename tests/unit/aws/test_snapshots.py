"""Snapshots take time, as those of AWS do; moto's are there at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.aws.refused import refused

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

TIMES = ("SnapshotCreateTime", "OriginalSnapshotCreateTime", "SnapshotDatabaseTime")


def look(aws: FakeAws, name: str = "before") -> dict[str, Any]:
    (found,) = aws.rds().describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    return dict(found)


def create(aws: FakeAws, name: str = "before", of: str = "shop") -> dict[str, Any]:
    return dict(
        aws.rds().create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name)["DBSnapshot"]
    )


def test_a_snapshot_is_creating_and_tells_how_far_it_is_until_it_is_available(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.settings(snapshot_seconds=100)
    first = create(aws)
    assert (first["Status"], first["PercentProgress"]) == ("creating", 0)
    assert not any(name in first for name in TIMES)
    seen = []
    for _ in range(4):
        aws.advance(30)
        seen.append((look(aws)["Status"], look(aws)["PercentProgress"]))
    assert seen == [("creating", 30), ("creating", 60), ("creating", 90), ("available", 100)]


def test_its_moment_is_known_before_it_is_available_and_does_not_change(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.settings(snapshot_seconds=100, capture_share=0.2, database_lag=3)
    begun = aws.advance(0)
    create(aws)
    aws.advance(10)
    assert not any(name in look(aws) for name in TIMES)
    aws.advance(15)
    early = look(aws)
    assert early["Status"] == "creating"
    assert early["SnapshotCreateTime"].timestamp() == pytest.approx(begun + 20, abs=1)
    assert early["OriginalSnapshotCreateTime"] == early["SnapshotCreateTime"]
    assert early["SnapshotCreateTime"] - early["SnapshotDatabaseTime"] == timedelta(seconds=3)
    aws.advance(200)
    assert [look(aws)[name] for name in TIMES] == [early[name] for name in TIMES]


@pytest.mark.parametrize("outcome", ["failed", "incompatible-restore", "something-new"])
def test_a_snapshot_may_end_otherwise(aws: FakeAws, outcome: str) -> None:
    aws.make_instance("shop")
    aws.plan_snapshots(seconds=50, outcome=outcome, stops_at=37)
    create(aws)
    aws.advance(40)
    assert (look(aws)["Status"], look(aws)["PercentProgress"]) == ("creating", 37)
    aws.advance(20)
    assert (look(aws)["Status"], look(aws)["PercentProgress"]) == (outcome, 37)
    create(aws, "again")
    aws.advance(20)
    assert look(aws, "again")["Status"] == "available"


def test_the_snapshot_of_a_cluster_takes_time_too_and_has_its_time_at_once(aws: FakeAws) -> None:
    made = aws.make_cluster("orders")
    rds = aws.rds()
    aws.settings(snapshot_seconds=100)
    first = rds.create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="before")
    assert first["DBClusterSnapshot"]["Status"] == "creating"
    assert "SnapshotCreateTime" in first["DBClusterSnapshot"]
    aws.advance(60)
    (half,) = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="before")["DBClusterSnapshots"]
    assert (half["Status"], half["PercentProgress"]) == ("creating", 60)
    assert half["DbClusterResourceId"] == made["resource_id"]
    aws.advance(60)
    (full,) = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="before")["DBClusterSnapshots"]
    assert (full["Status"], full["PercentProgress"]) == ("available", 100)
    assert full["SnapshotCreateTime"] == first["DBClusterSnapshot"]["SnapshotCreateTime"]


def test_a_source_is_busy_while_a_snapshot_of_it_is_made(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_cluster("orders")
    rds = aws.rds()
    aws.settings(snapshot_seconds=100)
    create(aws)
    rds.create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="before")
    assert [aws.source(name)["status"] for name in ("shop", "orders")] == ["backing-up", "backing-up"]
    with refused("InvalidDBInstanceState", "database instance shop is not currently in the available state"):
        create(aws, "second")
    with refused("InvalidDBClusterStateFault", "database cluster orders isn't currently in the available"):
        rds.create_db_cluster_snapshot(DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="second")
    aws.advance(101)
    assert create(aws, "second")["Status"] == "creating"
    aws.settings(backing_up=False)
    aws.advance(101)
    create(aws, "third")
    assert create(aws, "fourth")["Status"] == "creating"


def test_a_deleted_snapshot_is_deleting_for_a_while_and_its_name_is_taken(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_snapshots("shop", "old")
    rds = aws.rds()
    aws.settings(delete_seconds=60)
    assert rds.delete_db_snapshot(DBSnapshotIdentifier="old")["DBSnapshot"]["Status"] == "deleted"
    assert look(aws, "old")["Status"] == "deleting"
    with refused("DBSnapshotAlreadyExists"):
        create(aws, "old")
    with refused("InvalidDBSnapshotState", "deleting"):
        rds.delete_db_snapshot(DBSnapshotIdentifier="old")
    aws.advance(61)
    with refused("DBSnapshotNotFound", status=404):
        look(aws, "old")
    create(aws, "old")


def test_one_that_is_being_made_cannot_be_deleted_and_an_automated_one_never(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_cluster("orders")
    rds = aws.rds()
    aws.settings(snapshot_seconds=100)
    create(aws)
    with refused("InvalidDBSnapshotState", "creating"):
        rds.delete_db_snapshot(DBSnapshotIdentifier="before")
    aws.advance(101)
    rds.delete_db_snapshot(DBSnapshotIdentifier="before")
    automated = [one for one in aws.snapshots() if one["type"] == "automated"]
    assert sorted(one["kind"] for one in automated) == ["cluster", "instance"]
    for one in automated:
        if one["kind"] == "instance":
            with refused("InvalidDBSnapshotState", "automated snapshots cannot be deleted"):
                rds.delete_db_snapshot(DBSnapshotIdentifier=one["name"])
        else:
            with refused("InvalidDBClusterSnapshotStateFault", "Only manual snapshots may be deleted"):
                rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=one["name"])


def test_a_failed_one_can_be_deleted(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_snapshots("shop", "broken")
    aws.set_snapshot("broken", "failed")
    aws.rds().delete_db_snapshot(DBSnapshotIdentifier="broken")
    assert "broken" not in [one["name"] for one in aws.snapshots()]


def test_a_copy_has_a_time_of_its_own_and_that_of_the_original(aws: FakeAws) -> None:
    aws.make_instance("shop")
    create(aws)
    rds = aws.rds()
    with refused("InvalidDBSnapshotState"):
        rds.copy_db_snapshot(SourceDBSnapshotIdentifier="before", TargetDBSnapshotIdentifier="copy")
    aws.advance(1000)
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier="before", TargetDBSnapshotIdentifier="copy")
    aws.advance(1000)
    original, copy = look(aws), look(aws, "copy")
    assert copy["SnapshotCreateTime"] - original["SnapshotCreateTime"] > timedelta(seconds=900)
    assert copy["OriginalSnapshotCreateTime"] == original["OriginalSnapshotCreateTime"]
    assert copy["SnapshotDatabaseTime"] == original["SnapshotDatabaseTime"]


def test_a_snapshot_can_be_lost_and_changed_behind_everybodys_back(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_snapshots("shop", "one", "two")
    aws.set_snapshot("one", encrypted=False)
    assert not look(aws, "one")["Encrypted"]
    aws.lose_snapshot("two")
    with refused("DBSnapshotNotFound", status=404):
        look(aws, "two")
