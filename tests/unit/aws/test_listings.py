"""Listings of snapshots: pages, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.aws.refused import refused

if TYPE_CHECKING:
    from tests.aws.server import FakeAws


def test_a_listing_comes_in_pages_of_at_most_a_hundred(aws: FakeAws) -> None:
    aws.make_instance("shop", backup_retention_period=0)
    aws.make_snapshots("shop", *(f"s{n:03}" for n in range(130)))
    rds = aws.rds()
    first = rds.describe_db_snapshots(DBInstanceIdentifier="shop")
    assert len(first["DBSnapshots"]) == 100
    rest = rds.describe_db_snapshots(DBInstanceIdentifier="shop", Marker=first["Marker"])
    assert len(rest["DBSnapshots"]) == 30
    assert not rest.get("Marker")
    pages = rds.get_paginator("describe_db_snapshots").paginate(PaginationConfig={"PageSize": 20})
    names = [[one["DBSnapshotIdentifier"] for one in page["DBSnapshots"]] for page in pages]
    assert [len(page) for page in names] == [20] * 6 + [10]
    assert len({name for page in names for name in page}) == 130


def test_a_listing_of_cluster_snapshots_comes_in_pages_too(aws: FakeAws) -> None:
    aws.make_cluster("orders")
    aws.make_snapshots("orders", *(f"c{n:03}" for n in range(45)))
    rds = aws.rds()
    first = rds.describe_db_cluster_snapshots(SnapshotType="manual", MaxRecords=20)
    second = rds.describe_db_cluster_snapshots(SnapshotType="manual", MaxRecords=20, Marker=first["Marker"])
    third = rds.describe_db_cluster_snapshots(SnapshotType="manual", MaxRecords=20, Marker=second["Marker"])
    assert [len(page["DBClusterSnapshots"]) for page in (first, second, third)] == [20, 20, 5]
    assert not third.get("Marker")


def test_what_is_deleted_between_two_pages_hides_nothing(aws: FakeAws) -> None:
    aws.make_instance("shop", backup_retention_period=0)
    aws.make_snapshots("shop", *(f"s{n:03}" for n in range(30)))
    rds = aws.rds()
    first = rds.describe_db_snapshots(MaxRecords=20)
    for name in ("s003", "s019"):
        aws.lose_snapshot(name)
    rest = rds.describe_db_snapshots(MaxRecords=20, Marker=first["Marker"])
    assert [one["DBSnapshotIdentifier"] for one in rest["DBSnapshots"]] == [f"s{n:03}" for n in range(20, 30)]


@pytest.mark.parametrize("size", [5, 19, 101])
def test_a_page_of_another_size_is_refused(aws: FakeAws, size: int) -> None:
    rds = aws.rds()
    words = f"Invalid value {size} for MaxRecords. Must be between 20 and 100"
    with refused("InvalidParameterValue", words):
        rds.describe_db_snapshots(MaxRecords=size)
    with refused("InvalidParameterValue", words):
        rds.describe_db_cluster_snapshots(MaxRecords=size)
    with refused("InvalidParameterValue", words):
        rds.describe_db_instances(MaxRecords=size)


def test_a_marker_that_nobody_gave_is_refused(aws: FakeAws) -> None:
    with refused("InvalidParameterValue", "Marker"):
        aws.rds().describe_db_snapshots(Marker="!")


def test_snapshots_are_found_by_the_identity_of_their_source(aws: FakeAws) -> None:
    ids = [aws.make_instance(name)["resource_id"] for name in ("shop", "cart")]
    assert len(set(ids)) == 2
    aws.make_snapshots("shop", "of-shop")
    aws.make_snapshots("cart", "of-cart")
    rds = aws.rds()
    found = rds.describe_db_snapshots(DbiResourceId=ids[0], SnapshotType="manual")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in found] == ["of-shop"]
    assert rds.describe_db_snapshots(DbiResourceId="db-NOBODY")["DBSnapshots"] == []
    cluster = aws.make_cluster("orders")["resource_id"]
    aws.make_snapshots("orders", "of-orders")
    clusters = rds.describe_db_cluster_snapshots(DbClusterResourceId=cluster, SnapshotType="manual")
    assert [one["DBClusterSnapshotIdentifier"] for one in clusters["DBClusterSnapshots"]] == ["of-orders"]
    nobody = rds.describe_db_cluster_snapshots(DbClusterResourceId="cluster-NOBODY")
    assert nobody["DBClusterSnapshots"] == []


def test_a_missing_snapshot_is_an_error_alone_and_an_empty_list_beside_an_instance(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_cluster("orders")
    rds = aws.rds()
    with refused("DBSnapshotNotFound", status=404):
        rds.describe_db_snapshots(DBSnapshotIdentifier="no")
    found = rds.describe_db_snapshots(DBInstanceIdentifier="shop", DBSnapshotIdentifier="no")
    assert found["DBSnapshots"] == []
    with refused("DBClusterSnapshotNotFoundFault", status=404):
        rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="no")
    clusters = rds.describe_db_cluster_snapshots(
        DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="no"
    )
    assert clusters["DBClusterSnapshots"] == []
