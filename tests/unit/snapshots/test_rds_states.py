"""The states of RDS and what is done about each: of the source before, of the snapshot after."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Level, Phase
from switchback.snapshots import rds_state
from switchback.snapshots.rds_names import identifier
from tests.unit.snapshots.rds_rig import RDSRig, fake, intent, rig

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

WHAT = "the instance shop-prod in eu-central-1"
PASSING = (
    "backing-up", "modifying", "rebooting", "starting", "maintenance", "upgrading", "renaming",
    "configuring-enhanced-monitoring", "configuring-log-exports", "configuring-iam-database-auth",
    "resetting-master-credentials", "moving-to-vpc",
)  # fmt: skip
ENDED = {
    "stopping": OperatorReason.SNAPSHOT_SOURCE_STOPPED,
    "stopped": OperatorReason.SNAPSHOT_SOURCE_STOPPED,
    "storage-full": OperatorReason.SNAPSHOT_SOURCE_FULL,
    "failed": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "restore-error": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "incompatible-network": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "incompatible-parameters": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "inaccessible-encryption-credentials": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "inaccessible-encryption-credentials-recoverable": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "insufficient-capacity": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "deleting": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
    "delete-precheck": OperatorReason.SNAPSHOT_SOURCE_UNFIT,
}


@pytest.mark.parametrize("status", ["available", "storage-optimization"])
def test_a_ready_source_is_in_nobodys_way(status: str) -> None:
    assert rds_state.source_trouble(WHAT, status) is None


@pytest.mark.parametrize("status", PASSING)
def test_a_busy_source_is_waited_for(status: str) -> None:
    found = rds_state.source_trouble(WHAT, status)
    assert found is not None
    assert (found.kind, found.reason) == (ErrorClass.RETRY, OperatorReason.SNAPSHOT_SOURCE_BUSY)
    assert 30 <= found.retry_after <= 60
    assert WHAT in found.message
    assert status in found.message
    assert "not known" not in found.message


@pytest.mark.parametrize(("status", "reason"), ENDED.items())
def test_a_source_that_does_not_come_back_ends_it(status: str, reason: OperatorReason) -> None:
    found = rds_state.source_trouble(WHAT, status)
    assert found is not None
    assert (found.kind, found.reason, found.code) == (ErrorClass.TERMINAL, reason, status)
    assert WHAT in found.message
    if reason is OperatorReason.SNAPSHOT_SOURCE_UNFIT:
        assert status in found.message


@pytest.mark.parametrize("status", ["pondering", "storage-initialization", ""])
def test_an_unknown_state_of_the_source_never_ends_anything(status: str) -> None:
    found = rds_state.source_trouble(WHAT, status)
    assert found is not None
    assert (found.kind, found.reason) == (ErrorClass.RETRY, OperatorReason.SNAPSHOT_SOURCE_BUSY)
    assert (status or "(none)") in found.message
    assert "not known here" in found.message


@pytest.mark.asyncio
@pytest.mark.parametrize("status", ["backing-up", "stopped", "storage-full", "incompatible-network", "odd"])
async def test_the_state_is_told_before_anything_is_asked_for(
    rig: RDSRig, fake: FakeAws, status: str
) -> None:
    fake.set_source("shop-prod", status=status)
    (found,) = await rig.provider.preflight(intent())
    expected = rds_state.source_trouble(WHAT, status)
    assert (found.failure, found.warning) == (expected, False)
    assert set(fake.counts()) == {"DescribeDBInstances"}


@pytest.mark.asyncio
async def test_a_source_that_becomes_busy_meanwhile_is_waited_for(rig: RDSRig, fake: FakeAws) -> None:
    assert await rig.provider.preflight(intent()) == ()
    fake.set_source("shop-prod", status="modifying")
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert (asked.failure.kind, asked.failure.reason) == (
        ErrorClass.RETRY,
        OperatorReason.SNAPSHOT_SOURCE_BUSY,
    )
    fake.set_source("shop-prod", status="available")
    assert (await rig.provider.request(intent())).failure is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("creating", Phase.CREATING),
        ("copying", Phase.CREATING),
        ("upgrading", Phase.CREATING),
        ("available", Phase.AVAILABLE),
        ("deleting", Phase.DELETING),
        ("failed", Phase.FAILED),
        ("incompatible-restore", Phase.FAILED),
        ("incompatible-parameters", Phase.FAILED),
        ("dreaming", Phase.UNKNOWN),
    ],
)
async def test_each_state_of_a_snapshot(rig: RDSRig, fake: FakeAws, status: str, phase: Phase) -> None:
    await rig.provider.request(intent())
    fake.set_snapshot(identifier(intent().name), status)
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert (found.phase, found.raw_status) == (phase, status)
    verified = await rig.provider.verify(intent(), Level.METADATA)
    if phase is Phase.FAILED:
        assert found.failure is not None
        assert found.failure.kind is ErrorClass.TERMINAL
        assert found.failure.reason == OperatorReason.SNAPSHOT_ATTEMPT_FAILED
        assert status in found.failure.message
        assert verified.failure == found.failure
    elif phase is Phase.AVAILABLE:
        assert found.failure is None
        assert verified.failure is None
    else:
        assert found.failure is None, "only what is known to be wrong is"
        assert found.retry_after > 0
        assert verified.failure is not None
        assert verified.failure.kind is (ErrorClass.TERMINAL if phase is Phase.DELETING else ErrorClass.RETRY)


@pytest.mark.asyncio
async def test_one_that_was_deleted_is_lost_and_not_made_again_by_looking(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    fake.lose_snapshot(identifier(intent().name))
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert (found.phase, found.failure) == (Phase.ABSENT, None)
    verified = await rig.provider.verify(intent(), Level.METADATA)
    assert verified.failure is not None
    assert (verified.failure.kind, verified.failure.reason) == (
        ErrorClass.TERMINAL,
        OperatorReason.SNAPSHOT_LOST,
    )
    assert await rig.count() == 0


@pytest.mark.asyncio
async def test_one_that_is_not_shown_yet_is_asked_for_again_under_the_same_name(
    rig: RDSRig, fake: FakeAws
) -> None:
    await rig.slow()
    first = await rig.provider.request(intent())
    fake.lose_snapshot(identifier(intent().name))
    again = await rig.provider.request(intent())
    assert (again.phase, again.failure) == (Phase.CREATING, None)
    assert again.provider_id == first.provider_id, "the ARN holds the name"
    assert await rig.count() == 1


@pytest.mark.asyncio
async def test_progress_and_times_are_told(rig: RDSRig, fake: FakeAws) -> None:
    fake.settings(snapshot_seconds=100.0, capture_share=0.5, database_lag=7.0)
    asked = await rig.provider.request(intent())
    assert (asked.phase, asked.progress, asked.restore_point_time) == (Phase.CREATING, 0, "")
    fake.advance(60)
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.progress is not None
    assert 55 <= found.progress <= 65
    fake.advance(60)
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert (found.phase, found.progress) == (Phase.AVAILABLE, 100)
    # RDS tells of the last transaction in it, which is before the moment at which it was taken.
    assert found.restore_point_time < found.capture_time
    assert found.restore_point_time.endswith("Z")
    assert found.encrypted is True
    assert found.kms_key.startswith("arn:aws:kms:")
    assert found.size_bytes == 20 * 1024**3


@pytest.mark.asyncio
async def test_without_the_last_transaction_the_moment_of_asking_counts(fake: FakeAws) -> None:
    rig = RDSRig(fake, cluster=True)
    await rig.provider.request(intent())
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.restore_point_time == found.capture_time != ""
    assert found.size_bytes is None, "Aurora does not tell"


@pytest.mark.asyncio
async def test_another_source_of_the_same_name_is_noticed(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    fake.set_snapshot(identifier(intent().name), dbi_resource_id="db-ANOTHER")
    for failure in (
        (await rig.provider.observe([intent()]))[intent().name].failure,
        (await rig.provider.verify(intent(), Level.METADATA)).failure,
    ):
        assert failure is not None
        assert (failure.kind, failure.reason) == (
            ErrorClass.TERMINAL,
            OperatorReason.SNAPSHOT_SOURCE_MISMATCH,
        )
        assert "db-ANOTHER" in failure.message
    asked = await rig.provider.request(intent())
    assert asked.failure is not None
    assert asked.failure.kind is ErrorClass.CONFLICT, "it is not adopted"


@pytest.mark.asyncio
async def test_a_snapshot_that_is_not_encrypted_like_its_source_is_not_used(
    rig: RDSRig, fake: FakeAws
) -> None:
    await rig.provider.request(intent())
    fake.set_snapshot(identifier(intent().name), encrypted=False)
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.failure is not None
    assert (found.failure.kind, found.failure.reason) == (
        ErrorClass.TERMINAL,
        OperatorReason.SNAPSHOT_INCOMPLETE,
    )
    assert (
        "is not encrypted, and the instance shop-prod in eu-central-1 is encrypted" in found.failure.message
    )


@pytest.mark.asyncio
async def test_one_that_is_automated_is_never_ours(rig: RDSRig, fake: FakeAws) -> None:
    await rig.provider.request(intent())
    fake.set_snapshot(identifier(intent().name), snapshot_type="automated")
    found = (await rig.provider.observe([intent()]))[intent().name]
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.CONFLICT
    deleted = await rig.provider.delete(intent().name, intent().ownership)
    assert deleted.failure is not None
    assert deleted.failure.kind is ErrorClass.CONFLICT
    assert "DeleteDBSnapshot" not in fake.counts()


@pytest.mark.asyncio
async def test_only_metadata_can_be_verified(rig: RDSRig) -> None:
    await rig.provider.request(intent())
    for level in (Level.FULL_READ, Level.RESTORE_AND_QUERY):
        found = await rig.provider.verify(intent(), level)
        assert found.failure is not None
        assert (found.level, found.failure.reason) == (Level.METADATA, OperatorReason.SNAPSHOT_REFUSED)


def test_looks_become_rarer_and_not_rarer_than_half_a_minute() -> None:
    age, pauses = 0.0, []
    while age < 300:
        pauses.append(rds_state.pace(age))
        age += pauses[-1]
    assert pauses[0] == 5
    for before, after in itertools.pairwise(pauses):
        assert after == pytest.approx(min(30, before * 1.5))
    assert rds_state.pace(-3600) == 5, "a clock that is behind"
