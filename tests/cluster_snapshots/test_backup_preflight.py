"""What stands in the way of a Backup by CloudNativePG is found before one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass
from tests.cluster_snapshots.backups import spec
from tests.cluster_snapshots.ground import SYSTEM, intent, subject
from tests.cluster_snapshots.player import PLUGIN, PRIMARY
from tests.cluster_snapshots.rights import ABSENT

if TYPE_CHECKING:
    from switchback.api.snapshots import Snapshot
    from switchback.contract.points import Finding, Subject
    from tests.cluster_snapshots.backups import BackupRig

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio]

R = OperatorReason


@pytest_asyncio.fixture
async def rig(backup_rig: BackupRig) -> BackupRig:
    backup_rig.player.mode = "away"
    return backup_rig


async def findings(rig: BackupRig, snapshot: Snapshot, seen: Subject | None = None) -> list[Finding]:
    where = seen or subject(rig.play.address)
    return list(await rig.made(snapshot).preflight(intent(rig.ground.namespace, where)))


async def obstacle(
    rig: BackupRig, snapshot: Snapshot | None = None, seen: Subject | None = None
) -> tuple[str, str]:
    """Reason and message of the only thing that is in the way."""
    (found,) = await findings(rig, snapshot or spec(), seen)
    assert not found.warning
    return found.failure.reason, found.failure.message


async def warning(rig: BackupRig) -> tuple[str, str]:
    """Reason and message of the only thing that is told, and in nobody's way."""
    (found,) = await findings(rig, spec())
    assert found.warning
    return found.failure.reason, found.failure.message


async def test_a_cluster_that_is_not_there(rig: BackupRig) -> None:
    reason, message = await obstacle(rig, spec("nowhere"))
    assert reason == R.SNAPSHOT_SOURCE_NOT_FOUND
    assert f"Cluster {rig.ground.namespace}/nowhere does not exist" in message


async def test_a_database_on_another_server(rig: BackupRig) -> None:
    reason, message = await obstacle(rig, seen=subject(rig.play.address, system_identifier="7001"))
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH
    assert SYSTEM in message
    assert "7001" in message


async def test_a_cluster_that_does_not_tell_its_identifier(rig: BackupRig) -> None:
    rig.play.status(systemID=None)
    reason, message = await obstacle(rig)
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH
    assert "status.systemID" in message


async def test_a_database_that_a_replica_answers_for(rig: BackupRig) -> None:
    reason, message = await obstacle(rig, seen=subject("10.255.255.1"))
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH
    assert f"pod {PRIMARY} ({rig.play.address})" in message
    assert "10.255.255.1" in message


@pytest.mark.parametrize("primary", [None, "shop-2"])
async def test_a_cluster_without_a_primary(rig: BackupRig, primary: str | None) -> None:
    rig.play.status(currentPrimary=primary)
    reason, message = await obstacle(rig)
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH
    assert "has no primary now" in message


async def test_a_cluster_that_is_not_set_up_for_volume_snapshots(rig: BackupRig) -> None:
    rig.play.cluster(backup={"volumeSnapshot": None})
    reason, message = await obstacle(rig)
    assert reason == R.SNAPSHOT_REFUSED
    assert "spec.backup.volumeSnapshot" in message


@pytest.mark.parametrize("plugins", [[], [{"name": PLUGIN, "enabled": False}]])
async def test_a_plugin_that_is_not_loaded(rig: BackupRig, plugins: list[dict[str, Any]]) -> None:
    rig.play.cluster(plugins=plugins)
    reason, message = await obstacle(rig, spec(pluginName=PLUGIN))
    assert reason == R.SNAPSHOT_REFUSED
    assert f"does not load plugin {PLUGIN}" in message


async def test_a_plugin_that_is_loaded(rig: BackupRig) -> None:
    assert await findings(rig, spec(pluginName=PLUGIN)) == []


@pytest.mark.parametrize("phase", ["", "pending", "started", "running", "finalizing", "walArchivingFailing"])
async def test_a_backup_that_is_not_finished_is_waited_for(rig: BackupRig, phase: str) -> None:
    other = rig.intent(2)
    await rig.provider.request(other)
    if phase:
        rig.play.tell(other.name.lower(), phase=phase)
    (found,) = await findings(rig, spec())
    assert found.failure.kind is ErrorClass.RETRY
    assert found.failure.reason == R.SNAPSHOT_SOURCE_BUSY
    assert other.name.lower() in found.failure.message
    # Its own is not in its way.
    assert await rig.provider.preflight(other) == ()


@pytest.mark.parametrize("phase", ["completed", "failed"])
async def test_a_backup_that_is_finished_is_in_nobody_s_way(rig: BackupRig, phase: str) -> None:
    other = rig.intent(2)
    await rig.provider.request(other)
    rig.play.tell(other.name.lower(), phase=phase)
    assert await findings(rig, spec()) == []


async def test_no_archive_is_told(rig: BackupRig) -> None:
    rig.play.cluster(plugins=[])
    reason, message = await warning(rig)
    assert reason == R.SNAPSHOT_INCOMPLETE
    assert "archives no WAL" in message


async def test_snapshots_that_go_with_the_cluster_are_told(rig: BackupRig) -> None:
    rig.play.cluster(backup={"volumeSnapshot": {"snapshotOwnerReference": "cluster"}})
    reason, message = await warning(rig)
    assert reason == R.UNSAFE_DELETION_POLICY
    assert "deleted with the cluster" in message


async def test_a_class_that_deletes_is_told(rig: BackupRig) -> None:
    rig.play.cluster(backup={"volumeSnapshot": {"walClassName": rig.play.csi.delete}})
    reason, message = await warning(rig)
    assert reason == R.UNSAFE_DELETION_POLICY
    assert rig.play.csi.delete in message


@pytest.mark.parametrize("group", ["postgresql.cnpg.io", "snapshot.storage.k8s.io"])
async def test_a_cluster_that_does_not_know_the_kinds(rig: BackupRig, group: str) -> None:
    rig.line.rename = (group, ABSENT)
    (found,) = await findings(rig, spec())
    rig.line.rename = ("/", "/")
    assert found.failure.kind is ErrorClass.NEEDS_HUMAN
    assert found.failure.reason == R.SNAPSHOT_PROVIDER_MISSING
    assert ABSENT not in found.failure.message


async def test_what_is_in_the_way_comes_before_what_is_told(rig: BackupRig) -> None:
    rig.play.cluster(plugins=[])
    await rig.provider.request(rig.intent(2))
    found = await findings(rig, spec())
    assert [one.warning for one in found] == [False, True]
