"""A copy of a snapshot bears all of its tags. It is somebody's own: neither counted nor deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.snapshots.rds_names import identifier
from tests.unit.snapshots.rds_rig import OWNER, RDSRig, fake, intent, rig

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]


def manual(fake: FakeAws) -> list[dict[str, Any]]:
    return [one for one in fake.snapshots() if one["type"] == "manual"]


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", [False, True])
async def test_a_copy_with_our_tags_is_not_ours(fake: FakeAws, *, cluster: bool) -> None:
    rig = RDSRig(fake, cluster=cluster)
    await rig.provider.request(intent())
    (made,) = manual(fake)
    source = "shop" if cluster else "shop-prod"
    fake.make_snapshots(source, "before-the-audit", tags=made["tags"])
    listed = await rig.provider.list_owned(OWNER)
    assert [one.observation.name for one in listed.points] == [intent().name]
    assert (listed.complete, listed.foreign) == (True, 1)


@pytest.mark.asyncio
async def test_a_copy_whose_original_is_gone_is_no_restore_point(rig: RDSRig, fake: FakeAws) -> None:
    """Else it would be the oldest one, found again and again, and never there to be deleted."""
    await rig.provider.request(intent())
    (made,) = manual(fake)
    fake.make_snapshots("shop-prod", "before-the-audit", tags=made["tags"])
    fake.lose_snapshot(identifier(intent().name))
    assert (await rig.provider.list_owned(OWNER)).points == ()


@pytest.mark.asyncio
async def test_the_name_of_another_restore_point_on_it_leads_to_nothing(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    await rig.provider.request(intent(2))
    first = next(one for one in manual(fake) if one["tags"]["switchback.dev/attempt"] == "1")
    arn = fake.rds().describe_db_snapshots(DBSnapshotIdentifier=first["name"])["DBSnapshots"][0]
    forged = [{"Key": "switchback.dev/restore-point", "Value": intent(2).name}]
    fake.rds().add_tags_to_resource(ResourceName=arn["DBSnapshotArn"], Tags=forged)  # type: ignore[arg-type]
    listed = await rig.provider.list_owned(OWNER)
    assert [one.ownership.attempt for one in listed.points] == [2]
