"""Room in the account: counted before, warned of when it gets short, and never made by deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass
from tests.unit.snapshots.rds_rig import OWNER, RDSRig, fake, intent, provider, rig, wish

if TYPE_CHECKING:
    from switchback.contract.points import Finding
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

ATTRIBUTES = """<DescribeAccountAttributesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
<DescribeAccountAttributesResult><AccountQuotas>
<AccountQuota><AccountQuotaName>ManualSnapshots</AccountQuotaName><Used>{used}</Used><Max>{most}</Max></AccountQuota>
<AccountQuota><AccountQuotaName>ManualClusterSnapshots</AccountQuotaName><Used>1</Used><Max>7</Max></AccountQuota>
</AccountQuotas></DescribeAccountAttributesResult></DescribeAccountAttributesResponse>"""
OURS = {"switchback.dev/uid": "u", "switchback.dev/installation": OWNER.installation}
OTHERS = {"switchback.dev/uid": "u", "switchback.dev/installation": "cluster-two"}


def filled(fake: FakeAws, theirs: int, ours: int = 0) -> None:
    fake.settings(instance_quota=10_000)
    fake.make_snapshots("shop-prod", *(f"theirs-{number}" for number in range(theirs)))
    fake.make_snapshots("shop-prod", *(f"ours-{number}" for number in range(ours)), tags=OURS)


def quota(fake: FakeAws, used: int, most: int) -> None:
    fake.fault(
        "DescribeAccountAttributes", times=None, body=ATTRIBUTES.format(used=used, most=most), status=200
    )


def unknown_quota(fake: FakeAws) -> None:
    fake.fault("DescribeAccountAttributes", times=None, error="AccessDenied")


async def found(rig: RDSRig) -> tuple[Finding, ...]:
    return await provider(rig.aws).preflight(intent())


@pytest.mark.asyncio
async def test_plenty_of_room_takes_one_call_and_is_remembered_for_a_minute(
    rig: RDSRig, fake: FakeAws
) -> None:
    filled(fake, 80)
    fake.forget_calls()
    assert await found(rig) == ()
    assert fake.counts() == {"DescribeDBInstances": 1, "DescribeDBSnapshots": 1}
    assert await found(rig) == ()
    assert fake.counts() == {"DescribeDBInstances": 2, "DescribeDBSnapshots": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(("theirs", "ours"), [(88, 2), (90, 9)])
async def test_from_ninety_percent_on_it_is_a_warning(
    rig: RDSRig, fake: FakeAws, theirs: int, ours: int
) -> None:
    filled(fake, theirs, ours)
    unknown_quota(fake)
    (one,) = await found(rig)
    assert one.warning
    assert one.failure.reason == OperatorReason.SNAPSHOT_QUOTA_NEAR
    assert one.failure.message == (
        f"eu-central-1 holds {theirs + ours} of 100 manual instance snapshots, "
        f"{ours} of this installation and {theirs} of others"
    )


@pytest.mark.asyncio
async def test_no_room_at_all_stands_in_the_way(rig: RDSRig, fake: FakeAws) -> None:
    filled(fake, 97, 2)
    fake.make_snapshots("shop-prod", "of-another-installation", tags=OTHERS)
    unknown_quota(fake)
    (one,) = await found(rig)
    assert not one.warning
    assert (one.failure.kind, one.failure.reason) == (
        ErrorClass.NEEDS_HUMAN,
        OperatorReason.SNAPSHOT_QUOTA_EXCEEDED,
    )
    assert (
        "100 of 100 manual instance snapshots, 2 of this installation and 98 of others" in one.failure.message
    )
    assert not {name for name in fake.counts() if name.startswith("Delete")}


@pytest.mark.asyncio
async def test_a_quota_that_was_raised_is_asked_for(rig: RDSRig, fake: FakeAws) -> None:
    filled(fake, 95)
    quota(fake, 95, 300)
    assert await found(rig) == ()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("most", "reason"),
    [(300, None), (155, "SnapshotQuotaNear"), (150, "SnapshotQuotaExceeded")],
)
async def test_many_snapshots_are_counted_by_aws(
    rig: RDSRig, fake: FakeAws, most: int, reason: str | None
) -> None:
    filled(fake, 120, 30)
    quota(fake, 150, most)
    fake.forget_calls()
    findings = await found(rig)
    assert [str(one.failure.reason) for one in findings] == ([reason] if reason else [])
    pages = fake.counts()["DescribeDBSnapshots"]
    assert pages == (1 if reason is None else 3), "all pages are read only when it matters whose they are"
    if findings:
        assert "30 of this installation and 120 of others" in findings[0].failure.message


@pytest.mark.asyncio
async def test_more_than_the_usual_and_no_word_from_aws_is_nobodys_business(
    rig: RDSRig, fake: FakeAws
) -> None:
    """The quota was raised, nobody knows to what: AWS says itself when it is reached."""
    filled(fake, 130)
    unknown_quota(fake)
    assert await found(rig) == ()


@pytest.mark.asyncio
async def test_automated_snapshots_do_not_count(rig: RDSRig, fake: FakeAws) -> None:
    filled(fake, 80)
    fake.make_snapshots("shop-prod", *(f"auto-{number}" for number in range(40)), automated=True)
    assert await found(rig) == ()


@pytest.mark.asyncio
async def test_clusters_have_a_quota_of_their_own(rig: RDSRig, fake: FakeAws) -> None:
    filled(fake, 100)
    fake.make_cluster("shop-cluster", address="shop-cluster.example")
    rds = provider(rig.aws, spec=wish("shop-cluster-instance-1"))
    assert await rds.preflight(intent(host="shop-cluster.example")) == ()


@pytest.mark.asyncio
async def test_a_listing_goes_through_all_pages(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    filled(fake, 230)
    listed = await rig.provider.list_owned(OWNER)
    assert [one.observation.name for one in listed.points] == [intent().name]
    assert (listed.complete, listed.foreign) == (True, 230)
    fake.fault("DescribeDBSnapshots", skip=2, error="Throttling")
    listed = await rig.provider.list_owned(OWNER)
    assert not listed.complete, "nothing is deleted by half a listing"
    assert listed.failure is not None
