"""What stands in the way of a VolumeSnapshot is found before one is asked for."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass
from tests.cluster_snapshots.ground import intent, subject
from tests.cluster_snapshots.rights import ABSENT
from tests.cluster_snapshots.volumes import spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.api.snapshots import Snapshot
    from switchback.contract.points import Finding, Subject
    from tests.cluster.backends.base import Volume
    from tests.cluster_snapshots.ground import Ground
    from tests.cluster_snapshots.volumes import VolumeRig, Volumes

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio]

R = OperatorReason


@pytest_asyncio.fixture
async def rig(volume_rig: VolumeRig) -> VolumeRig:
    return volume_rig


async def findings(rig: VolumeRig, snapshot: Snapshot, seen: Subject | None = None) -> list[Finding]:
    where = seen or subject(rig.volumes.address)
    return list(await rig.made(snapshot).preflight(intent(rig.ground.namespace, where)))


async def obstacle(rig: VolumeRig, snapshot: Snapshot, seen: Subject | None = None) -> tuple[str, str]:
    """Reason and message of the only thing that is in the way."""
    (found,) = await findings(rig, snapshot, seen)
    assert not found.warning
    return found.failure.reason, found.failure.message


@contextmanager
def classes(ground: Ground, *some: dict[str, Any]) -> Iterator[list[str]]:
    """VolumeSnapshotClasses of the whole cluster, for a moment."""
    names = [f"points-{secrets.token_hex(3)}" for _ in some]
    bodies = [
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "driver": "csi.test.switchback.dev",
            "deletionPolicy": "Retain",
            **one,
            "metadata": {"name": name, **one.get("metadata", {})},
        }
        for name, one in zip(names, some, strict=True)
    ]
    ground.cluster.apply(*bodies)
    yield names
    ground.cluster.kubectl("delete", "volumesnapshotclass", *names)


DEFAULT = {"metadata": {"annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"}}}


async def test_a_claim_that_is_not_there(rig: VolumeRig) -> None:
    reason, message = await obstacle(rig, spec("nowhere"))
    assert reason == R.SNAPSHOT_SOURCE_NOT_FOUND
    assert f"PersistentVolumeClaim {rig.ground.namespace}/nowhere does not exist" in message


async def test_a_claim_without_a_volume(rig: VolumeRig) -> None:
    waiting = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "waiting"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "there-is-none",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    rig.ground.cluster.apply(waiting, namespace=rig.ground.namespace)
    reason, message = await obstacle(rig, spec("waiting"))
    assert reason == R.SNAPSHOT_SOURCE_UNFIT
    assert "is Pending and not Bound" in message


async def test_a_server_elsewhere_is_told_with_who_mounts_the_claim(rig: VolumeRig) -> None:
    reason, message = await obstacle(rig, spec(), subject("10.255.255.1"))
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH
    assert "10.255.255.1" in message
    assert "data is mounted by db-0" in message


async def test_a_pod_that_answers_without_the_claim(rig: VolumeRig) -> None:
    address = rig.ground.pod("pooler")
    reason, message = await obstacle(rig, spec(), subject(address))
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH
    assert "pod pooler, which mounts no claim and not data" in message


async def test_a_server_that_does_not_know_its_address_is_found_by_its_name(rig: VolumeRig) -> None:
    for own in ("", "127.0.0.1"):
        seen = subject(own, addresses=(rig.volumes.address,))
        assert await findings(rig, spec(), seen) == []
    reason, _ = await obstacle(rig, spec(), subject("", addresses=()))
    assert reason == R.SNAPSHOT_SOURCE_MISMATCH


async def test_a_pod_that_has_ended_serves_nothing(rig: VolumeRig) -> None:
    rig.ground.pod("done", "data", address=False, activeDeadlineSeconds=1, restartPolicy="Never")
    rig.ground.until("pod", "done", lambda pod: pod["status"].get("phase") == "Failed")
    assert await findings(rig, spec()) == []


async def test_files_on_other_volumes_are_refused_or_told(rig: VolumeRig, volumes: Volumes) -> None:
    volumes.csi.claim(rig.ground.namespace, "split-data")
    volumes.csi.claim(rig.ground.namespace, "split-wal")
    address = rig.ground.pod("split-0", "split-data", "split-wal")
    reason, message = await obstacle(rig, spec("split-data"), subject(address))
    assert reason == R.SNAPSHOT_SPLIT_VOLUMES
    assert "split-wal" in message
    (told,) = await findings(rig, spec("split-data", otherVolumes="Ignore"), subject(address))
    assert told.warning
    assert told.failure.reason == R.SNAPSHOT_SPLIT_VOLUMES


async def test_a_class_that_is_not_there(rig: VolumeRig) -> None:
    reason, message = await obstacle(rig, spec(className="nowhere"))
    assert reason == R.SNAPSHOT_CLASS_PROBLEM
    assert "switchback-test-delete, switchback-test-retain" in message


async def test_a_class_of_another_driver(rig: VolumeRig) -> None:
    with classes(rig.ground, {"driver": "other.example.com"}) as (name,):
        reason, message = await obstacle(rig, spec(className=name))
    assert reason == R.SNAPSHOT_CLASS_PROBLEM
    assert "other.example.com" in message


async def test_without_a_name_there_has_to_be_one_default(rig: VolumeRig) -> None:
    reason, message = await obstacle(rig, spec(className=""))
    assert reason == R.SNAPSHOT_CLASS_PROBLEM
    assert "No VolumeSnapshotClass is the default of csi.test.switchback.dev" in message
    with classes(rig.ground, DEFAULT, {**DEFAULT, "driver": "other.example.com"}):
        assert await findings(rig, spec(className="")) == []
    with classes(rig.ground, DEFAULT, DEFAULT) as names:
        reason, message = await obstacle(rig, spec(className=""))
    assert reason == R.SNAPSHOT_CLASS_PROBLEM
    assert ", ".join(sorted(names)) in message


async def test_a_class_that_deletes_is_refused_unless_wanted(rig: VolumeRig, volumes: Volumes) -> None:
    reason, message = await obstacle(rig, spec(className=volumes.csi.delete))
    assert reason == R.UNSAFE_DELETION_POLICY
    assert "switchback-test-delete" in message
    assert await findings(rig, spec(className=volumes.csi.delete, allowDeletePolicy=True)) == []
    # Nor is one asked for, if the class has changed since the preflight.
    asked = await rig.made(spec(className=volumes.csi.delete)).request(rig.intent())
    assert asked.failure is not None
    assert asked.failure.reason == R.UNSAFE_DELETION_POLICY
    assert await rig.count() == 0


async def test_a_volume_that_no_csi_driver_serves(rig: VolumeRig, volume: Callable[[], Volume]) -> None:
    local = volume()
    rig.ground.cluster.apply(local.claim("local"), namespace=rig.ground.namespace)
    address = rig.ground.pod("local-0", "local")
    reason, message = await obstacle(rig, spec("local"), subject(address))
    assert reason == R.SNAPSHOT_CLASS_PROBLEM
    assert "no CSI driver" in message


async def test_a_cluster_that_does_not_know_the_kind(rig: VolumeRig) -> None:
    rig.line.rename = ("snapshot.storage.k8s.io", ABSENT)
    (found,) = await rig.provider.preflight(rig.intent())
    observed = (await rig.provider.observe([rig.intent()]))[rig.intent().name]
    rig.line.rename = ("/", "/")
    assert observed.failure == found.failure
    assert found.failure.kind is ErrorClass.NEEDS_HUMAN
    assert found.failure.reason == R.SNAPSHOT_PROVIDER_MISSING
    assert "volumesnapshots.snapshot.storage.k8s.io" in found.failure.message


async def test_a_missing_right_is_named(rig: VolumeRig) -> None:
    async with rig.denied():
        (found,) = await rig.provider.preflight(rig.intent())
    assert found.failure.reason == R.SNAPSHOT_ACCESS_DENIED
    assert "The operator may not list volumesnapshots.snapshot.storage.k8s.io" in found.failure.message
    assert found.failure.retry_after == 300


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_a_busy_api_server(rig: VolumeRig, code: int) -> None:
    rig.line.answer_instead = code
    (found,) = await rig.provider.preflight(rig.intent())
    rig.line.answer_instead = 0
    assert found.failure.kind is ErrorClass.RETRY
    assert found.failure.reason == R.SNAPSHOT_PROVIDER_UNAVAILABLE
