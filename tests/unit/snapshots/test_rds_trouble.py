"""What the provider does about each error of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.api.reasons import OperatorReason
from switchback.aws.caller import Caller
from switchback.aws.client import Aws
from switchback.contract.points import ErrorClass, Phase
from switchback.snapshots.rds_kinds import INSTANCE
from switchback.snapshots.rds_memory import Memory
from switchback.snapshots.rds_names import identifier
from switchback.snapshots.rds_source import Source
from tests.unit.snapshots.rds_rig import OWNER, REGION, RDSRig, fake, intent, provider, rig, wish

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

RETRY, HUMAN, TERMINAL = ErrorClass.RETRY, ErrorClass.NEEDS_HUMAN, ErrorClass.TERMINAL


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", [False, True])
async def test_a_name_that_is_taken_by_this_very_work_is_adopted(fake: FakeAws, *, cluster: bool) -> None:
    rig = RDSRig(fake, cluster=cluster)
    await rig.slow()
    first = await rig.provider.request(intent())
    again = await rig.provider.request(intent())
    assert (again.phase, again.failure, again.provider_id) == (Phase.CREATING, None, first.provider_id)


@pytest.mark.asyncio
async def test_a_name_that_is_gone_again_is_asked_for_again(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("CreateDBSnapshot", error="DBSnapshotAlreadyExists")
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert asked.failure.kind is RETRY
    assert asked.failure.retry_after > 0
    assert (await rig.provider.request(intent())).failure is None


@pytest.mark.asyncio
@pytest.mark.parametrize("state_first", [False, True])
async def test_a_lost_answer_is_adopted_whatever_aws_looks_at_first(
    rig: RDSRig, fake: FakeAws, *, state_first: bool
) -> None:
    """The source is busy with the snapshot whose name is taken; what AWS says first is not documented."""
    fake.settings(snapshot_seconds=3600.0, backing_up=True, state_before_name=state_first)
    await rig.lose_next_answer()
    first = await rig.provider.request(intent())
    assert first.failure is not None
    assert first.failure.kind is RETRY
    again = await rig.provider.request(intent())
    assert (again.phase, again.failure) == (Phase.CREATING, None)
    assert await rig.count() == 1


@pytest.mark.asyncio
async def test_botocores_own_second_try_is_adopted_too(rig: RDSRig, fake: FakeAws) -> None:
    """With more attempts than one, the lost answer and the name that is taken then happen in one call."""
    retrying = provider(Aws(attempts=3))
    await rig.lose_next_answer()
    asked = await retrying.request(intent())
    assert (asked.phase, asked.failure) == (Phase.AVAILABLE, None)
    assert await rig.count() == 1
    assert fake.counts()["CreateDBSnapshot"] == 2


@pytest.mark.asyncio
async def test_three_throttled_calls_are_nothing(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("CreateDBSnapshot", times=3, error="Throttling")
    asked = await provider(Aws()).request(intent())
    assert asked.failure is None
    assert fake.counts()["CreateDBSnapshot"] == 4


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", [False, True])
async def test_a_source_that_is_not_there_is_not_waited_for(fake: FakeAws, *, cluster: bool) -> None:
    rig = RDSRig(fake, cluster=cluster)
    gone = provider(rig.aws, spec=wish("shop-old"))
    (finding,) = await gone.preflight(intent())
    asked = await gone.request(intent())
    for failure in (finding.failure, asked.failure):
        assert failure is not None
        assert (failure.kind, failure.reason) == (TERMINAL, OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND)
        assert "shop-old" in failure.message


@pytest.mark.asyncio
async def test_a_source_that_is_gone_at_the_moment_of_asking(rig: RDSRig, fake: FakeAws) -> None:
    assert await rig.provider.preflight(intent()) == ()
    fake.fault("CreateDBSnapshot", error="DBInstanceNotFound")
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert asked.failure.reason == OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND
    fake.forget_calls()
    assert (await rig.provider.request(intent())).failure is None
    assert fake.counts()["DescribeDBInstances"] == 1, "what was known of it is looked at again"


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", [False, True])
async def test_a_full_account_is_told_by_whom(fake: FakeAws, *, cluster: bool) -> None:
    rig = RDSRig(fake, cluster=cluster)
    assert await rig.provider.preflight(intent(3)) == ()
    source = "shop" if cluster else "shop-prod"
    fake.settings(cluster_quota=3, instance_quota=3)
    fake.make_snapshots(source, "theirs-1", "theirs-2")
    await rig.provider.request(intent(1))
    asked = await rig.provider.request(intent(2))
    assert asked.failure is not None
    assert (asked.failure.kind, asked.failure.reason) == (HUMAN, OperatorReason.SNAPSHOT_QUOTA_EXCEEDED)
    kind = "cluster" if cluster else "instance"
    assert f"eu-central-1 holds 3 of 3 manual {kind} snapshots" in asked.failure.message
    assert "1 of this installation and 2 of others" in asked.failure.message
    assert await rig.count() == 3, "nobody's snapshot was deleted"


@pytest.mark.asyncio
async def test_an_instance_that_has_become_a_member_of_a_cluster(rig: RDSRig, fake: FakeAws) -> None:
    fake.make_cluster("shop-cluster", members=1)
    moved = "shop-cluster-instance-1"
    as_it_was = Source(INSTANCE, moved, REGION, "123456789012", "db-ONE", "available", encrypted=True)
    rig.aws.kept(Memory).sources.put((Caller(REGION), moved), as_it_was)
    asked = await provider(rig.aws, spec=wish(moved)).request(intent())
    assert (asked.phase, asked.failure) == (Phase.AVAILABLE, None)
    assert fake.counts()["CreateDBSnapshot"] == 1
    assert fake.counts()["CreateDBClusterSnapshot"] == 1


@pytest.mark.asyncio
async def test_a_request_that_aws_finds_wrong_is_told_and_not_repeated(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("CreateDBSnapshot", error="InvalidParameterValue", text="The parameter X is not valid.")
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert (asked.failure.kind, asked.failure.reason) == (TERMINAL, OperatorReason.SNAPSHOT_REFUSED)
    assert "The parameter X is not valid." in asked.failure.message
    assert fake.counts()["CreateDBSnapshot"] == 1


@pytest.mark.asyncio
async def test_tags_that_aws_would_refuse_are_told_before(rig: RDSRig, fake: FakeAws) -> None:
    odd = provider(rig.aws, spec=wish(tags={"team": "shop;"}))
    (finding,) = await odd.preflight(intent())
    assert (finding.failure.kind, finding.failure.reason) == (TERMINAL, OperatorReason.SNAPSHOT_REFUSED)
    assert "the value of the tag team" in finding.failure.message
    assert fake.counts() == {}
    asked = await odd.request(intent())
    assert asked.failure is not None
    assert asked.failure.kind is TERMINAL, "and AWS does refuse them"


@pytest.mark.asyncio
async def test_the_right_to_tag_is_missing(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("CreateDBSnapshot", error="AccessDenied", denies="AddTagsToResource")
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert (asked.failure.kind, asked.failure.retry_after) == (HUMAN, 300)
    assert "rds:AddTagsToResource" in asked.failure.message
    assert "assumed-role/switchback" in asked.failure.message


@pytest.mark.asyncio
async def test_a_key_that_cannot_be_used(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("CreateDBSnapshot", error="KMSKeyNotAccessibleFault", text="Key k-1 is disabled.")
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert (asked.failure.kind, asked.failure.reason) == (TERMINAL, OperatorReason.SNAPSHOT_KEY_UNUSABLE)
    assert "k-1" in asked.failure.message


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", [False, True])
async def test_one_in_the_making_is_deleted_later(fake: FakeAws, *, cluster: bool) -> None:
    rig = RDSRig(fake, cluster=cluster)
    await rig.slow()
    await rig.provider.request(intent())
    refused = await rig.provider.delete(intent().name, OWNER)
    assert refused.failure is not None
    assert refused.failure.kind is RETRY
    assert refused.failure.retry_after > 0
    await rig.finish()
    assert (await rig.provider.delete(intent().name, OWNER)).failure is None
    assert await rig.count() == 0


@pytest.mark.asyncio
async def test_one_that_is_gone_when_it_is_to_be_deleted(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    fake.fault("DeleteDBSnapshot", before=lambda _: fake.lose_snapshot(identifier(intent().name)))
    deleted = await rig.provider.delete(intent().name, OWNER)
    assert (deleted.phase, deleted.failure) == (Phase.ABSENT, None)


@pytest.mark.asyncio
async def test_one_that_somebody_keeps_is_not_deleted(rig: RDSRig, fake: FakeAws) -> None:
    asked = await rig.provider.request(intent())
    keep = [{"Key": "switchback.dev/keep", "Value": "legal"}]
    fake.rds().add_tags_to_resource(ResourceName=asked.provider_id, Tags=keep)  # type: ignore[arg-type]
    (listed,) = (await rig.provider.list_owned(OWNER)).points
    assert listed.protected
    deleted = await rig.provider.delete(intent().name, OWNER)
    assert deleted.failure is not None
    assert deleted.failure.reason == OperatorReason.SNAPSHOT_REFUSED
    assert await rig.count() == 1


@pytest.mark.asyncio
async def test_one_that_is_being_deleted_is_not_deleted_twice(rig: RDSRig, fake: FakeAws) -> None:
    fake.settings(delete_seconds=3600.0)
    await rig.provider.request(intent())
    first = await rig.provider.delete(intent().name, OWNER)
    again = await rig.provider.delete(intent().name, OWNER)
    assert (first.phase, first.failure) == (again.phase, again.failure) == (Phase.DELETING, None)
    assert fake.counts()["DeleteDBSnapshot"] == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
async def test_credentials_that_have_expired_are_read_again_once(
    rig: RDSRig, fake: FakeAws, code: str
) -> None:
    fake.fault("CreateDBSnapshot", error=code)
    assert (await rig.provider.request(intent())).failure is None
    fake.fault("DescribeDBSnapshots", times=None, error=code)
    fake.forget_calls()
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.failure is not None
    assert (found.failure.kind, found.failure.reason) == (HUMAN, OperatorReason.SNAPSHOT_ACCESS_DENIED)
    assert fake.counts()["DescribeDBSnapshots"] == 2


@pytest.mark.asyncio
async def test_credentials_that_were_replaced_meanwhile_are_used(
    rig: RDSRig, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.provider.observe([intent()])

    def replaced(_call: object) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANEWFORTESTS00000")

    fake.fault("CreateDBSnapshot", error="ExpiredToken", before=replaced)
    assert (await rig.provider.request(intent())).failure is None
    keys = [call["key"] for call in fake.calls("CreateDBSnapshot")]
    assert len(keys) == 2
    assert keys[0] != keys[1] == "AKIANEWFORTESTS00000"


@pytest.mark.asyncio
async def test_a_proxy_that_answers_in_place_of_aws(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("*", times=None, body="<html>Bad gateway", status=502)
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.failure is not None
    assert (found.failure.kind, found.failure.reason) == (
        RETRY,
        OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE,
    )
    fake.heal()
    fake.fault("*", times=None, body="<html>Log in first", status=200)
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.failure is not None
    assert found.failure.kind is RETRY


@pytest.mark.asyncio
async def test_an_answer_that_does_not_come_is_not_waited_for(rig: RDSRig, fake: FakeAws) -> None:
    impatient = provider(Aws(attempts=1, patience=0.3))
    fake.fault("Describe*", times=None, delay=1.5)
    (finding,) = await impatient.preflight(intent())
    assert finding.failure.kind is RETRY
    assert "no answer within" in finding.failure.message
