"""How many calls it takes, and that a crash at any of them makes no second snapshot."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from switchback.aws.client import Aws
from switchback.contract.points import ErrorClass, Level, Phase
from switchback.snapshots import rds_state
from switchback.snapshots.rds_names import identifier
from tests.unit.snapshots.rds_rig import OWNER, RDSRig, fake, intent, provider, rig, wish

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]


async def taken(rig: RDSRig, seconds: float, *, cluster: bool = False) -> tuple[int, float]:
    """Take a snapshot at the pace that the provider asks for: how often it was looked at, how late seen."""
    rig.fake.settings(snapshot_seconds=seconds)
    rig.fake.forget_calls()
    spec = wish("shop-instance-1") if cluster else wish()
    asked = intent()
    assert await provider(rig.aws, spec=spec).preflight(asked) == ()
    found = await provider(rig.aws, spec=spec).request(asked)
    age, looks = 0.0, 0
    while found.phase is not Phase.AVAILABLE:
        pause = rds_state.pace(age)
        assert found.retry_after > 0
        rig.fake.advance(pause)
        age, looks = age + pause, looks + 1
        found = (await provider(rig.aws, spec=spec).observe([asked]))[asked.name]
    assert found.failure is None
    assert (await provider(rig.aws, spec=spec).verify(asked, Level.METADATA)).failure is None
    return looks, age - seconds


@pytest.mark.asyncio
async def test_the_calls_of_one_snapshot_of_an_instance(rig: RDSRig, fake: FakeAws) -> None:
    looks, late = await taken(rig, 45)
    assert fake.counts() == {
        "DescribeDBInstances": 2,  # preflight and verification
        "CreateDBSnapshot": 1,
        "DescribeDBSnapshots": 1 + looks + 1,  # how many there are, the looks, verification
    }
    assert looks == 5
    assert late < 30


@pytest.mark.asyncio
async def test_the_calls_of_one_snapshot_of_a_cluster(fake: FakeAws) -> None:
    rig = RDSRig(fake, cluster=True)
    looks, _ = await taken(rig, 45, cluster=True)
    assert fake.counts() == {
        "DescribeDBInstances": 2,
        "DescribeDBClusters": 2,
        "CreateDBClusterSnapshot": 1,
        "DescribeDBClusterSnapshots": 1 + looks + 1,
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(("seconds", "most"), [(900, 34), (3600, 124)])
async def test_a_long_one_is_looked_at_twice_a_minute(rig: RDSRig, seconds: float, most: int) -> None:
    looks, late = await taken(rig, seconds)
    assert looks <= most
    assert late <= rds_state.SLOWEST


@pytest.mark.asyncio
async def test_after_a_restart_of_the_operator_one_call_more_is_enough(rig: RDSRig, fake: FakeAws) -> None:
    await rig.slow()
    await rig.provider.request(intent())
    fake.forget_calls()
    found = await provider(Aws(attempts=1)).observe([intent()])
    assert found[intent().name].phase is Phase.CREATING
    assert fake.counts() == {"DescribeDBInstances": 1, "DescribeDBSnapshots": 1}


@pytest.mark.asyncio
async def test_fifty_resources_that_look_at_the_same_moment_make_one_call(rig: RDSRig, fake: FakeAws) -> None:
    await rig.slow()
    asked = [intent(owner=replace(OWNER, name=f"shop-{number}", uid=f"uid-{number}")) for number in range(50)]
    await rig.provider.request(asked[0])
    fake.forget_calls()
    found = await asyncio.gather(*(provider(rig.aws).observe([one]) for one in asked))
    assert fake.counts() == {"DescribeDBSnapshots": 1}
    phases = [one[each.name].phase for one, each in zip(found, asked, strict=True)]
    assert phases == [Phase.CREATING, *[Phase.ABSENT] * 49]


@pytest.mark.asyncio
async def test_more_names_than_one_call_takes(rig: RDSRig, fake: FakeAws) -> None:
    asked = [intent(number) for number in range(1, 121)]
    for one in (asked[0], asked[60], asked[119]):
        assert (await rig.provider.request(one)).failure is None
    fake.forget_calls()
    found = await rig.provider.observe(asked)
    assert fake.counts() == {"DescribeDBSnapshots": 3}
    there = [number for number, one in enumerate(asked) if found[one.name].phase is Phase.AVAILABLE]
    assert there == [0, 60, 119]


@pytest.mark.asyncio
async def test_one_who_gives_up_takes_nobody_along(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    fake.fault("DescribeDBSnapshots", late=0.3)
    first = asyncio.create_task(provider(rig.aws).observe([intent()]))
    second = asyncio.create_task(provider(rig.aws).observe([intent()]))
    await asyncio.sleep(0.1)
    first.cancel()
    found = await second
    assert found[intent().name].phase is Phase.AVAILABLE


@pytest.mark.asyncio
async def test_trouble_is_told_to_all_who_looked_together_and_forgotten(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    fake.fault("DescribeDBSnapshots", error="Throttling")
    found = await asyncio.gather(*(provider(rig.aws).observe([intent()]) for _ in range(3)))
    kinds = {failure.kind for one in found if (failure := one[intent().name].failure)}
    assert kinds == {ErrorClass.RETRY}
    again = await rig.provider.observe([intent()])
    assert again[intent().name].failure is None


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", [False, True])
@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_crash_at_any_call_makes_no_second_snapshot(
    fake: FakeAws, *, cluster: bool, drop: str
) -> None:
    """Preflight, request and look, ended at each call in turn; then another process does it all again."""
    RDSRig(fake, cluster=cluster)
    spec = wish("shop-instance-1") if cluster else wish()
    met = 0
    for number in range(20):
        for one in fake.snapshots():
            fake.lose_snapshot(one["name"])
        rule = fake.fault("*", skip=number, drop=drop)
        first = provider(Aws(attempts=1), spec=spec)
        await first.preflight(intent())
        await first.request(intent())
        await first.observe([intent()])
        (told,) = [one for one in fake.faults() if one["id"] == rule]
        fake.heal()
        met += told["met"]
        second = provider(Aws(attempts=1), spec=spec)
        assert await second.preflight(intent()) == ()
        assert (await second.request(intent())).failure is None
        found = (await second.observe([intent()]))[intent().name]
        assert (found.phase, found.failure) == (Phase.AVAILABLE, None)
        assert [one["name"] for one in fake.snapshots() if one["type"] == "manual"] == [
            identifier(intent().name)
        ]
        if not told["met"]:
            break
    assert met >= 4


@pytest.mark.asyncio
async def test_sixteen_at_once_make_one(rig: RDSRig, fake: FakeAws) -> None:
    """Two operators for a moment, as when a lease changes hands: each with what it remembers."""
    ways = [Aws(attempts=1) for _ in range(4)]
    asked = await asyncio.gather(*(provider(ways[number % 4]).request(intent()) for number in range(16)))
    assert {one.failure for one in asked} == {None}
    assert len({one.provider_id for one in asked}) == 1
    assert await rig.count() == 1
    for way in ways:
        way.close()
