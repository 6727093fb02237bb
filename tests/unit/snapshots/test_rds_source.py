"""Is it this very database? By the names that AWS gives, and by addresses where it goes by another name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.reasons import OperatorReason
from switchback.aws.client import Aws
from switchback.contract.points import ErrorClass, Subject
from switchback.snapshots import rds_source
from switchback.snapshots.rds_kinds import INSTANCE
from switchback.snapshots.rds_source import Source
from tests.unit.snapshots.rds_rig import HOST, RDSRig, fake, intent, provider, rig, wish

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

SOURCE = Source(
    INSTANCE,
    "shop-prod",
    "eu-central-1",
    "1",
    "db-ONE",
    "available",
    encrypted=True,
    endpoints=(HOST,),
    port=5432,
)
ALIAS = Subject(database="shop", host="db.shop.example", port=5432)


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}."])
def test_the_instances_own_name_is_enough(host: str) -> None:
    assert rds_source.named(SOURCE, Subject(host=host, port=5432))


@pytest.mark.parametrize(
    ("host", "port"), [(HOST, 5433), (HOST, 0), ("", 5432), ("shop-prod", 5432), (f"x{HOST}", 5432)]
)
def test_any_other_name_is_not(host: str, port: int) -> None:
    assert not rds_source.named(SOURCE, Subject(host=host, port=port))


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (replace(ALIAS, server_address="10.0.1.5"), ["10.0.1.5"]),
        (replace(ALIAS, server_address="10.0.1.5/32"), ["10.0.1.5"]),
        (replace(ALIAS, addresses=("10.0.9.9", "10.0.1.5")), ["10.0.1.5"]),
        (replace(ALIAS, addresses=("::ffff:10.0.1.5",)), ["10.0.1.5"]),
        (replace(ALIAS, addresses=("2001:db8:0:0::1",)), ["2001:db8::1", "10.0.1.5"]),
        (replace(ALIAS, host="10.0.1.5", addresses=("10.0.1.5",)), ["10.0.1.5"]),
        (replace(ALIAS, host="", server_address="10.0.1.5"), ["10.0.1.5"]),
    ],
)
def test_another_name_that_leads_there_is_accepted(subject: Subject, found: list[str]) -> None:
    assert rds_source.elsewhere(SOURCE, subject, found) is None


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (replace(ALIAS, addresses=("10.0.1.6",)), ["10.0.1.5"]),
        (replace(ALIAS, port=6432, server_address="10.0.1.5"), ["10.0.1.5"]),
        (replace(ALIAS, addresses=("10.0.1.5",)), []),
        (ALIAS, ["10.0.1.5"]),
        (Subject(database="shop"), ["10.0.1.5"]),
        (replace(ALIAS, server_address="nonsense", addresses=("",)), ["nonsense", ""]),
    ],
)
def test_whatever_cannot_be_shown_to_be_it_is_another_one(subject: Subject, found: list[str]) -> None:
    failure = rds_source.elsewhere(SOURCE, subject, found)
    assert failure is not None
    assert (failure.kind, failure.reason) == (
        ErrorClass.TERMINAL,
        OperatorReason.SNAPSHOT_SOURCE_MISMATCH,
    )


def test_a_mismatch_names_both_with_their_addresses() -> None:
    failure = rds_source.elsewhere(SOURCE, replace(ALIAS, addresses=("10.0.1.6",)), ["10.0.1.5"])
    assert failure is not None
    assert failure.message == (
        f"the instance shop-prod in eu-central-1 listens at {HOST}:5432 (10.0.1.5); the database shop is at "
        "db.shop.example:5432 (10.0.1.6)"
    )


class Names:
    """A resolver that knows some names, and remembers which it was asked for."""

    def __init__(self, **known: str) -> None:
        self.known = {name.replace("_", "."): address for name, address in known.items()}
        self.asked: list[str] = []

    def __call__(self, host: str) -> frozenset[str]:
        self.asked.append(host)
        if host == HOST:
            return frozenset(("10.0.1.5",))
        raise OSError("no such name")


async def reasons(rds: Any, asked: Any) -> list[str]:
    return [str(one.failure.reason) for one in await rds.preflight(asked)]


def at(host: str, **more: Any) -> Any:
    asked = intent()
    return replace(asked, subject=replace(asked.subject, host=host, **more))


@pytest.mark.asyncio
async def test_names_are_looked_up_only_when_they_differ(rig: RDSRig) -> None:
    names = Names()
    rds = provider(Aws(attempts=1, resolve=names))
    assert await reasons(rds, at(HOST)) == []
    assert names.asked == []
    assert await reasons(rds, at("db.shop.example", server_address="10.0.1.5")) == []
    assert names.asked == [HOST]
    assert await reasons(rds, at("db.shop.example", addresses=("10.0.1.6",))) == ["SnapshotSourceMismatch"]


@pytest.mark.asyncio
async def test_a_name_that_cannot_be_looked_up_now_proves_nothing_and_is_looked_up_again(
    rig: RDSRig, fake: FakeAws
) -> None:
    """A resolver that fails for a moment must not end a rollback."""
    fake.set_source("shop-prod", address="elsewhere.example")
    rds = provider(Aws(attempts=1, resolve=Names()))
    (finding,) = await rds.preflight(at("db.shop.example", server_address="10.0.1.5"))
    assert (finding.failure.kind, finding.failure.reason) == (
        ErrorClass.RETRY,
        OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE,
    )
    assert finding.failure.retry_after > 0
    assert "elsewhere.example" in finding.failure.message
    # Nothing that could be found there would make it the same.
    for asked in (at("db.shop.example"), at("db.shop.example", server_address="10.0.1.5", port=6432)):
        assert await reasons(rds, asked) == ["SnapshotSourceMismatch"]


@pytest.mark.asyncio
async def test_a_read_replica_is_the_wrong_source(rig: RDSRig, fake: FakeAws) -> None:
    replica = "shop-replica.c0ffee.eu-central-1.rds.amazonaws.com"
    fake.make_instance("shop-replica", address=replica, replica_of="shop-prod")
    (finding,) = await provider(rig.aws, spec=wish("shop-replica")).preflight(at(replica))
    assert finding.failure.reason == OperatorReason.SNAPSHOT_SOURCE_MISMATCH
    assert "is a replica of shop-prod" in finding.failure.message


@pytest.mark.asyncio
async def test_an_instance_that_does_not_listen_yet_is_busy_and_no_mismatch(
    rig: RDSRig, fake: FakeAws
) -> None:
    fake.settings(restore_seconds=3600.0)
    fake.rds().restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="shop-new",
        DBSnapshotIdentifier=fake.make_snapshots("shop-prod", "base")[0].split(":")[-1],
    )
    (finding,) = await provider(rig.aws, spec=wish("shop-new")).preflight(intent())
    assert finding.failure.reason == OperatorReason.SNAPSHOT_SOURCE_BUSY
    assert "creating" in finding.failure.message


WITHOUT_ENDPOINT = """<DescribeDBInstancesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
<DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceIdentifier>shop-prod</DBInstanceIdentifier>
<DbiResourceId>db-ONE</DbiResourceId><DBInstanceStatus>available</DBInstanceStatus></DBInstance></DBInstances>
</DescribeDBInstancesResult></DescribeDBInstancesResponse>"""


@pytest.mark.asyncio
async def test_an_instance_that_is_ready_and_listens_nowhere_proves_nothing(
    rig: RDSRig, fake: FakeAws
) -> None:
    fake.fault("DescribeDBInstances", times=None, body=WITHOUT_ENDPOINT, status=200)
    for asked in (at(HOST), at("", port=0), at(HOST, addresses=("10.0.1.5",))):
        (finding,) = await rig.provider.preflight(asked)
        assert finding.failure.reason == OperatorReason.SNAPSHOT_SOURCE_MISMATCH
        assert "listens at no place that is known" in finding.failure.message


@pytest.mark.asyncio
async def test_what_is_wrong_for_good_is_told_with_what_passes(rig: RDSRig, fake: FakeAws) -> None:
    fake.set_source("shop-prod", status="modifying")
    assert await reasons(rig.provider, rig.intent_of_other_database()) == [
        "SnapshotSourceMismatch",
        "SnapshotSourceBusy",
    ]


# --- clusters -----------------------------------------------------------------------------------------------

WRITER = "shop-instance-1.c0ffee.eu-central-1.rds.amazonaws.com"
READER = "shop-instance-2.c0ffee.eu-central-1.rds.amazonaws.com"


@pytest.fixture
def cluster(fake: FakeAws) -> RDSRig:
    made = RDSRig(fake, cluster=True)
    fake.set_source("shop-instance-1", address=WRITER)
    fake.set_source("shop-instance-2", address=READER)
    return made


@pytest.mark.asyncio
@pytest.mark.parametrize("instance", ["shop-instance-1", "shop-instance-2"])
@pytest.mark.parametrize(
    ("host", "expected"),
    [(HOST, []), (WRITER, []), (READER, ["SnapshotSourceMismatch"]), ("x", ["SnapshotSourceMismatch"])],
)
async def test_a_cluster_is_where_it_takes_writes(
    cluster: RDSRig, instance: str, host: str, expected: list[str]
) -> None:
    """Whichever member the spec names: the snapshot is of the cluster."""
    rds = provider(Aws(attempts=1, resolve=Names()), spec=wish(instance))
    assert await reasons(rds, at(host)) == expected


@pytest.mark.asyncio
async def test_the_state_of_the_cluster_counts(cluster: RDSRig, fake: FakeAws) -> None:
    fake.set_source("shop-instance-1", status="rebooting")
    assert await reasons(cluster.provider, intent()) == []
    fake.set_source("shop", status="upgrading")
    (finding,) = await cluster.provider.preflight(intent())
    assert finding.failure.reason == OperatorReason.SNAPSHOT_SOURCE_BUSY
    assert "the cluster shop in eu-central-1 is in the state upgrading" in finding.failure.message


def described(**more: Any) -> dict[str, Any]:
    return {
        "DBClusterIdentifier": "shop",
        "DBClusterArn": "arn:aws:rds:eu-central-1:123456789012:cluster:shop",
        "DbClusterResourceId": "cluster-ONE",
        "Status": "available",
        "Endpoint": HOST,
        "Port": 5432,
        "StorageEncrypted": True,
        "DBClusterMembers": [
            {"DBInstanceIdentifier": "a", "IsClusterWriter": False},
            {"DBInstanceIdentifier": "b", "IsClusterWriter": True},
        ],
        **more,
    }


def test_a_cluster_that_is_a_copy_of_another_is_the_wrong_source() -> None:
    assert rds_source.replica(rds_source.of_cluster(described(), "eu-central-1")) is None
    copy = rds_source.of_cluster(described(ReplicationSourceIdentifier="arn:x"), "eu-central-1")
    found = rds_source.replica(copy)
    assert found is not None
    assert "is a replica of arn:x" in found.message
    nobody = described(DBClusterMembers=[{"DBInstanceIdentifier": "a", "IsClusterWriter": False}])
    found = rds_source.replica(rds_source.of_cluster(nobody, "eu-central-1"))
    assert found is not None
    assert "no member that takes writes" in found.message
    assert rds_source.of_cluster(described(), "eu-central-1").account == "123456789012"
