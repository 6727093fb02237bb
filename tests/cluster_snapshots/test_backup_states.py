"""Everything that a Backup of CloudNativePG can be seen as: its status is played, its snapshots are real."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Level, Phase
from switchback.snapshots import marks
from tests.cluster.errors import BedError
from tests.cluster.run import wait_for
from tests.cluster_snapshots.backups import KIND, object_name, spec
from tests.cluster_snapshots.player import ARCHIVE, CLUSTER, PLUGIN, PRIMARY
from tests.conformance.suite import made, seen

if TYPE_CHECKING:
    from switchback.contract.points import Failure, Intent, Observation
    from tests.cluster_snapshots.backups import BackupRig

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio]

R = OperatorReason
SNAPSHOTS = "volumesnapshots"


@pytest_asyncio.fixture
async def rig(backup_rig: BackupRig) -> BackupRig:
    return backup_rig


def body(rig: BackupRig, intent: Intent) -> dict[str, Any]:
    return rig.ground.get(KIND, object_name(intent.name))


async def look(rig: BackupRig, intent: Intent) -> Observation:
    return (await rig.provider.observe([intent]))[intent.name]


async def lost(rig: BackupRig, intent: Intent) -> Failure:
    """Why a Backup that says it is completed is no restore point."""
    found = await look(rig, intent)
    assert found.phase is Phase.FAILED
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.TERMINAL
    return found.failure


@pytest.mark.parametrize(
    ("plugins", "backup", "waits"),
    [
        (ARCHIVE, {}, True),
        ([], {}, False),
        ([{"name": PLUGIN, "isWALArchiver": True, "enabled": False}], {}, False),
        ([], {"barmanObjectStore": {"destinationPath": "s3://backups/"}}, True),
    ],
)
async def test_what_is_asked_for(
    rig: BackupRig,
    plugins: list[dict[str, Any]],
    backup: dict[str, Any],
    waits: bool,  # noqa: FBT001 - pytest hands it over by name
) -> None:
    rig.player.mode = "away"
    rig.play.cluster(plugins=plugins, backup=backup)
    intent = rig.intent()
    await rig.provider.request(intent)
    asked = body(rig, intent)
    assert asked["spec"] == {
        "cluster": {"name": CLUSTER},
        "target": "primary",
        "method": "volumeSnapshot",
        "online": True,
        "onlineConfiguration": {"immediateCheckpoint": True, "waitForArchive": waits},
    }
    assert "ownerReferences" not in asked["metadata"]
    with pytest.raises(BedError, match="immutable"):  # hence another object for another try
        rig.ground.patch(KIND, object_name(intent.name), '{"spec": {"online": false}}')


async def test_what_is_asked_of_a_plugin(rig: BackupRig) -> None:
    rig.player.mode = "away"
    intent = rig.intent()
    await rig.made(spec(pluginName=PLUGIN)).request(intent)
    assert body(rig, intent)["spec"] == {
        "cluster": {"name": CLUSTER},
        "target": "primary",
        "method": "plugin",
        "pluginConfiguration": {"name": PLUGIN},
    }
    asked = await rig.provider.request(intent)
    assert asked.failure is not None
    assert asked.failure.kind is ErrorClass.CONFLICT


async def test_a_long_name_still_fits_a_label(rig: BackupRig) -> None:
    intent = rig.intent()
    long = replace(intent, name=intent.name.replace("shop", "s" * 40))
    found = await made(rig, long)
    assert found.name == long.name
    (name,) = [one["metadata"]["name"] for one in rig.ground.list(KIND)]
    assert len(name) == 63
    assert (await rig.provider.list_owned(intent.ownership)).points[0].observation.name == long.name


async def test_a_backup_says_how_far_it_is(rig: BackupRig) -> None:
    rig.player.mode = "away"
    intent = rig.intent()
    await rig.provider.request(intent)
    name = object_name(intent.name)
    assert (await look(rig, intent)).phase is Phase.PENDING
    for word, phase in (
        ("pending", Phase.PENDING),
        ("started", Phase.CREATING),
        ("running", Phase.CREATING),
        ("finalizing", Phase.CAPTURED),
        ("pondering", Phase.UNKNOWN),
    ):
        rig.play.tell(name, phase=word)
        found = await look(rig, intent)
        assert (found.phase, found.raw_status, found.failure) == (phase, word, None)
        checked = await rig.provider.verify(intent, Level.METADATA)
        assert (checked.failure is None) == (phase is Phase.CAPTURED)


async def test_nobody_takes_it_up(rig: BackupRig) -> None:
    rig.player.mode = "away"
    intent = rig.intent()
    await rig.provider.request(intent)
    await asyncio.sleep(2.5)
    found = await look(rig, intent)
    assert found.phase is Phase.PENDING
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.NEEDS_HUMAN
    assert found.failure.reason == R.SNAPSHOT_PROVIDER_UNAVAILABLE
    assert "has not taken up" in found.failure.message


async def test_an_archive_that_fails_is_told_and_is_not_the_end(rig: BackupRig) -> None:
    rig.player.mode = "away"
    intent = rig.intent()
    await rig.provider.request(intent)
    pod = {"podName": PRIMARY}
    rig.play.tell(object_name(intent.name), phase="walArchivingFailing", instanceID=pod)
    found = await look(rig, intent)
    assert found.phase is Phase.CREATING
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.NEEDS_HUMAN
    assert "cannot be archived" in found.failure.message
    rig.player.mode = "works"
    assert (await seen(rig, intent, Phase.AVAILABLE)).failure is None


async def test_an_error_on_the_way_is_told_and_is_not_the_end(rig: BackupRig) -> None:
    rig.player.mode = "away"
    intent = rig.intent()
    await rig.provider.request(intent)
    rig.play.tell(object_name(intent.name), phase="running", error="connection reset")
    found = await look(rig, intent)
    assert found.phase is Phase.CREATING
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.RETRY
    assert "connection reset" in found.failure.message


async def test_a_failed_one_is_kept_and_another_try_has_another_name(rig: BackupRig) -> None:
    await rig.fail()
    first = rig.intent()
    await rig.provider.request(first)
    failed = await seen(rig, first, Phase.FAILED)
    assert failed.failure is not None
    assert failed.failure.reason == R.SNAPSHOT_ATTEMPT_FAILED
    assert "cannot take the volume snapshot" in failed.failure.message
    await rig.finish()
    second = replace(first, name=f"{first.name}-2", ownership=replace(first.ownership, attempt=2))
    await made(rig, second)
    assert await rig.count() == 2
    assert (await look(rig, first)).phase is Phase.FAILED


async def test_a_completed_one_is_known_by_its_snapshots(rig: BackupRig) -> None:
    intent = rig.intent()
    found = await made(rig, intent)
    times = [one["status"]["creationTime"] for one in rig.ground.list(SNAPSHOTS)]
    assert found.restore_point_time == min(times)
    assert found.capture_time == body(rig, intent)["status"]["stoppedAt"]
    assert found.size_bytes == 2 * 1024**3
    assert found.source_id == rig.ground.get("clusters.postgresql.cnpg.io", CLUSTER)["metadata"]["uid"]
    checked = await rig.provider.verify(intent, Level.METADATA)
    assert checked.failure is None


async def test_one_without_the_wal_is_no_restore_point(rig: BackupRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    name = object_name(intent.name)
    rig.play.tell(name, snapshotBackupStatus={"elements": [{"name": name, "type": "PG_DATA"}]})
    failure = await lost(rig, intent)
    assert failure.reason == R.SNAPSHOT_INCOMPLETE
    assert "without a snapshot of PG_WAL" in failure.message
    rig.play.cluster(walStorage=None)
    assert (await look(rig, intent)).phase is Phase.AVAILABLE


async def test_one_without_a_tablespace_is_no_restore_point(rig: BackupRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    rig.play.cluster(tablespaces=[{"name": "archive", "storage": {"size": "1Gi"}}])
    failure = await lost(rig, intent)
    assert failure.reason == R.SNAPSHOT_INCOMPLETE
    assert "PG_TABLESPACE archive" in failure.message
    held = body(rig, intent)["status"]["snapshotBackupStatus"]["elements"]
    more = {"name": held[0]["name"], "type": "PG_TABLESPACE", "tablespaceName": "archive"}
    rig.play.tell(object_name(intent.name), snapshotBackupStatus={"elements": [*held, more]})
    assert (await look(rig, intent)).phase is Phase.AVAILABLE


async def test_one_whose_snapshot_somebody_deletes_is_lost(rig: BackupRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    rig.ground.delete(SNAPSHOTS, f"{object_name(intent.name)}-wal")
    failure = await lost(rig, intent)
    assert failure.reason == R.SNAPSHOT_LOST
    assert f"{object_name(intent.name)}-wal" in failure.message
    (one,) = (await rig.provider.list_owned(intent.ownership)).points
    assert one.observation.failure == failure


async def test_one_whose_snapshots_are_not_ready_is_not_available(rig: BackupRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    with rig.play.csi.frozen("snapshot-controller"):
        name = f"{object_name(intent.name)}-wal"
        rig.ground.patch(SNAPSHOTS, name, '{"status": {"readyToUse": false}}', "--subresource=status")
        found = await look(rig, intent)
    assert found.phase is Phase.CAPTURED
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.RETRY
    assert name in found.failure.message


async def test_one_of_an_instance_that_is_not_the_primary_is_no_restore_point(rig: BackupRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    rig.play.status(currentPrimary="shop-2")
    failure = await lost(rig, intent)
    assert failure.reason == R.SNAPSHOT_INCOMPLETE
    assert f"was taken of {PRIMARY}, and the primary is shop-2" in failure.message
    # An old one may be of an earlier primary.
    (one,) = (await rig.provider.list_owned(intent.ownership)).points
    assert (one.observation.phase, one.observation.failure) == (Phase.AVAILABLE, None)


@pytest.mark.parametrize(
    ("begin", "end"), [(None, None), ("0/3000158", "0/3000028"), ("1/0", "0/FFFFFFFF"), ("x", "0/1")]
)
async def test_one_without_a_range_of_wal_is_no_restore_point(
    rig: BackupRig, begin: str | None, end: str | None
) -> None:
    intent = rig.intent()
    await made(rig, intent)
    rig.play.tell(object_name(intent.name), beginLSN=begin, endLSN=end)
    assert (await lost(rig, intent)).reason == R.SNAPSHOT_INCOMPLETE


async def test_what_a_plugin_makes_has_no_snapshots(rig: BackupRig) -> None:
    rig.player.mode = "away"
    rig.provider = rig.made(spec(pluginName=PLUGIN))
    intent = rig.intent()
    await rig.provider.request(intent)
    rig.play.tell(
        object_name(intent.name),
        phase="completed",
        startedAt="2026-03-01T10:15:00Z",
        stoppedAt="2026-03-01T10:17:00Z",
        instanceID={"podName": PRIMARY},
    )
    found = await look(rig, intent)
    assert (found.phase, found.failure) == (Phase.AVAILABLE, None)
    assert found.restore_point_time == "2026-03-01T10:15:00Z"
    assert (await rig.provider.verify(intent, Level.METADATA)).failure is None
    assert (await rig.provider.delete(intent.name, intent.ownership)).failure is None
    await seen(rig, intent, Phase.ABSENT)


async def test_one_of_an_earlier_cluster_of_that_name_is_not_verified(rig: BackupRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    rig.play.status(systemID="7001")
    checked = await rig.provider.verify(intent, Level.METADATA)
    assert checked.failure is not None
    assert checked.failure.reason == R.SNAPSHOT_SOURCE_MISMATCH
    rig.play.reset()
    other = json.dumps({"metadata": {"annotations": {marks.SOURCE: "another-uid"}}})
    rig.ground.patch(KIND, object_name(intent.name), other)
    checked = await rig.provider.verify(intent, Level.METADATA)
    assert checked.failure is not None
    assert checked.failure.reason == R.SNAPSHOT_SOURCE_MISMATCH


async def test_deleting_one_deletes_its_snapshots_and_no_others(rig: BackupRig) -> None:
    mine, other = rig.intent(1), rig.intent(2)
    await made(rig, mine)
    await made(rig, other)
    assert (await rig.provider.delete(mine.name, mine.ownership)).failure is None
    await seen(rig, mine, Phase.ABSENT)
    left = {object_name(other.name), f"{object_name(other.name)}-wal"}

    def gone() -> bool:
        return {one["metadata"]["name"] for one in rig.ground.list(SNAPSHOTS)} == left

    wait_for("the snapshots to be gone", gone, timeout=20)
    assert (await look(rig, other)).phase is Phase.AVAILABLE


@pytest.mark.parametrize("phase", ["started", "running", "finalizing", "walArchivingFailing"])
async def test_what_is_being_made_is_not_deleted(rig: BackupRig, phase: str) -> None:
    rig.player.mode = "away"
    intent = rig.intent()
    await rig.provider.request(intent)
    rig.play.tell(object_name(intent.name), phase=phase)
    refused = await rig.provider.delete(intent.name, intent.ownership)
    assert refused.failure is not None
    assert refused.failure.kind is ErrorClass.RETRY
    assert "deletionTimestamp" not in body(rig, intent)["metadata"]
    rig.play.tell(object_name(intent.name), phase="failed")
    assert (await rig.provider.delete(intent.name, intent.ownership)).failure is None


async def test_an_unfinished_one_is_not_verified(rig: BackupRig) -> None:
    await rig.slow()
    intent = rig.intent()
    await rig.provider.request(intent)
    checked = await rig.provider.verify(intent, Level.METADATA)
    assert checked.failure is not None
    assert checked.failure.kind is ErrorClass.RETRY


async def test_one_that_is_gone_is_lost(rig: BackupRig) -> None:
    checked = await rig.provider.verify(rig.intent(), Level.METADATA)
    assert checked.failure is not None
    assert checked.failure.reason == R.SNAPSHOT_LOST


async def test_it_is_called_experimental(rig: BackupRig) -> None:
    assert "never run in our tests" in rig.provider.capabilities.experimental
