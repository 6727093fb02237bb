"""Everything that a VolumeSnapshot can be seen as, on the real controllers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Level, Phase
from switchback.controller.kube.client import Client
from switchback.snapshots import marks
from switchback.snapshots.kube_kinds import VOLUME_SNAPSHOTS
from switchback.snapshots.kube_objects import removed
from switchback.snapshots.volume_state import Patience
from tests.cluster.run import wait_for
from tests.cluster_snapshots.volumes import KIND, QUICK, spec
from tests.conformance.suite import made, seen

if TYPE_CHECKING:
    from switchback.contract.points import Intent, Observation
    from switchback.snapshots.provider import CallProvider
    from tests.cluster_snapshots.volumes import VolumeRig, Volumes

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio]

R = OperatorReason
PATIENT = Patience()


@pytest_asyncio.fixture
async def rig(volume_rig: VolumeRig) -> VolumeRig:
    return volume_rig


async def told(
    rig: VolumeRig, intent: Intent, reason: str, provider: CallProvider | None = None, seconds: float = 20
) -> Observation:
    """The restore point once this is told about it."""
    async with asyncio.timeout(seconds):
        while True:
            found = (await (provider or rig.provider).observe([intent]))[intent.name]
            if found.failure is not None and found.failure.reason == reason:
                return found
            await asyncio.sleep(0.1)


def body(rig: VolumeRig, intent: Intent) -> dict[str, Any]:
    return rig.ground.get(KIND, marks.object_name(intent.name))


async def test_the_object_says_whose_it_is_and_is_owned_by_nobody(rig: VolumeRig) -> None:
    intent = rig.intent()
    found = await made(rig, intent)
    metadata = body(rig, intent)["metadata"]
    assert metadata["name"] == intent.name.lower()
    assert "ownerReferences" not in metadata
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "switchback",
        "switchback.dev/uid-hash": names.uid_hash(intent.ownership.uid),
        "switchback.dev/operation": intent.ownership.operation_id,
        "switchback.dev/attempt": "1",
        "switchback.dev/purpose": "pre-rollback",
    }
    claim = rig.ground.get("pvc", "data")
    assert found.source_id == claim["metadata"]["uid"]
    assert found.provider_id == metadata["uid"]
    assert found.size_bytes == 1024**3
    assert found.restore_point_time == found.capture_time == body(rig, intent)["status"]["creationTime"]


async def test_nothing_takes_it_up(rig: VolumeRig) -> None:
    intent = rig.intent()
    with rig.volumes.csi.frozen("snapshot-controller"):
        await rig.provider.request(intent)
        fresh = (await rig.provider.observe([intent]))[intent.name]
        assert (fresh.phase, fresh.failure) == (Phase.PENDING, None)
        about = {"kind": "VolumeSnapshot", "uid": fresh.provider_id, "namespace": rig.ground.namespace}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "told"},
            "involvedObject": about,
            "type": "Warning",
            "reason": "SnapshotContentMissing",
            "message": "the class has gone",
            "lastTimestamp": "2026-03-01T10:15:00Z",
        }
        rig.ground.cluster.apply(event, namespace=rig.ground.namespace)
        found = await told(rig, intent, R.SNAPSHOT_CLASS_PROBLEM)
    assert found.phase is Phase.PENDING
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.NEEDS_HUMAN
    assert "Nothing has taken up VolumeSnapshot" in found.failure.message
    assert "Newest event: the class has gone" in found.failure.message
    # It goes on by itself.
    await seen(rig, intent, Phase.AVAILABLE)


async def test_an_error_is_shown_and_is_not_the_end(rig: VolumeRig, volumes: Volumes) -> None:
    provider = rig.made(spec(), PATIENT)
    volumes.csi.fault(volumes.claim, error="snapshot limit reached, maximum (3)")
    intent = rig.intent()
    await provider.request(intent)
    found = await told(rig, intent, R.SNAPSHOT_PROVIDER_UNAVAILABLE, provider)
    assert found.failure is not None
    assert found.phase is Phase.CREATING
    assert found.failure.kind is ErrorClass.RETRY
    assert found.failure.reason == R.SNAPSHOT_PROVIDER_UNAVAILABLE
    assert "maximum (3)" in found.failure.message
    volumes.csi.mend(volumes.claim)
    assert (await seen(rig, intent, Phase.AVAILABLE)).failure is None


async def test_an_error_whose_text_changes_is_the_same_trouble(rig: VolumeRig, volumes: Volumes) -> None:
    rig.provider = rig.made(spec(), Patience(error=4))
    intent = rig.intent()
    volumes.csi.fault(volumes.claim, error="request 1 failed")
    await rig.provider.request(intent)
    await told(rig, intent, R.SNAPSHOT_PROVIDER_UNAVAILABLE)
    async with asyncio.timeout(20):
        for number in range(2, 99):
            await asyncio.sleep(1)
            volumes.csi.fault(volumes.claim, error=f"request {number} failed")
            if (await rig.provider.observe([intent]))[intent.name].phase is Phase.FAILED:
                break
    error = body(rig, intent)["status"]["error"]
    assert "request 1 failed" not in error["message"]


async def test_one_that_is_not_captured_is_not_verified(rig: VolumeRig) -> None:
    intent = rig.intent()
    await rig.slow()
    await rig.provider.request(intent)
    checked = await rig.provider.verify(intent, Level.METADATA)
    assert checked.failure is not None
    assert checked.failure.kind is ErrorClass.RETRY


async def test_an_error_that_lasts_is_the_end_and_the_object_is_kept(rig: VolumeRig) -> None:
    await rig.fail()
    intent = rig.intent()
    await rig.provider.request(intent)
    found = await seen(rig, intent, Phase.FAILED)
    assert found.failure is not None
    assert found.failure.reason == R.SNAPSHOT_ATTEMPT_FAILED
    assert "the array is full" in found.failure.message
    assert await rig.count() == 1


async def test_a_storage_that_is_asked_too_often(rig: VolumeRig, volumes: Volumes) -> None:
    provider = rig.made(spec(), PATIENT)
    volumes.csi.fault(volumes.claim, error="SnapshotCreationPerVolumeRateExceeded: wait 30 seconds")
    intent = rig.intent()
    await provider.request(intent)
    found = await told(rig, intent, R.SNAPSHOT_PROVIDER_UNAVAILABLE, provider)
    assert found.failure is not None
    assert (found.failure.kind, found.retry_after) == (ErrorClass.RETRY, 30)


async def test_captured_is_told_with_its_time_and_may_be_verified(rig: VolumeRig) -> None:
    rig.captured_only()
    intent = rig.intent()
    await rig.provider.request(intent)
    found = await seen(rig, intent, Phase.CAPTURED)
    assert found.failure is None
    assert found.restore_point_time
    # It is what it should be; whether that is enough is said by spec.snapshot.volumeSnapshot.waitFor.
    assert (await rig.provider.verify(intent, Level.METADATA)).failure is None


async def test_one_that_is_stuck_is_told_and_kept(rig: VolumeRig) -> None:
    rig.captured_only()
    rig.provider = rig.made(spec(), Patience(silent=2))
    intent = rig.intent()
    await rig.provider.request(intent)
    found = await told(rig, intent, R.SNAPSHOT_LATE)
    assert found.phase is Phase.CAPTURED
    assert found.failure is not None
    assert found.failure.kind is ErrorClass.RETRY
    assert await rig.count() == 1


async def test_what_is_being_made_is_deleted_once_that_has_an_outcome(
    rig: VolumeRig, volumes: Volumes
) -> None:
    rig.provider = rig.made(spec(className=volumes.csi.delete, allowDeletePolicy=True))
    intent = rig.intent()
    await rig.slow()
    await rig.provider.request(intent)
    await seen(rig, intent, Phase.CREATING)
    await asyncio.sleep(1)  # the driver is asked
    refused = await rig.provider.delete(intent.name, intent.ownership)
    assert refused.failure is not None
    assert refused.failure.kind is ErrorClass.RETRY
    assert refused.failure.reason == R.SNAPSHOT_SOURCE_BUSY
    assert "deletionTimestamp" not in body(rig, intent)["metadata"]
    await rig.finish()
    await seen(rig, intent, Phase.AVAILABLE)
    handle = volumes.csi.handle(rig.ground.namespace, marks.object_name(intent.name))
    assert handle in volumes.csi.stored(volumes.claim)
    assert (await rig.provider.delete(intent.name, intent.ownership)).failure is None
    await seen(rig, intent, Phase.ABSENT)
    gone = lambda: handle not in volumes.csi.stored(volumes.claim)  # noqa: E731
    wait_for("the storage to delete it", gone, timeout=20)


async def test_finalizers_of_others_are_left_alone(rig: VolumeRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    name = marks.object_name(intent.name)
    held = body(rig, intent)["metadata"].get("finalizers", [])
    hold = json.dumps({"metadata": {"finalizers": [*held, "example.com/hold"]}})
    rig.ground.patch(KIND, name, hold)
    for _ in range(2):
        assert (await rig.provider.delete(intent.name, intent.ownership)).phase is Phase.DELETING
    assert "example.com/hold" in body(rig, intent)["metadata"]["finalizers"]
    found = (await rig.provider.observe([intent]))[intent.name]
    assert (found.phase, found.failure) == (Phase.DELETING, None)
    rig.ground.patch(KIND, name, '{"metadata": {"finalizers": null}}')
    await seen(rig, intent, Phase.ABSENT)


async def test_a_snapshot_of_an_earlier_claim_of_that_name_is_not_verified(rig: VolumeRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    earlier = json.dumps({"metadata": {"annotations": {marks.SOURCE: "another-uid"}}})
    rig.ground.patch(KIND, marks.object_name(intent.name), earlier)
    checked = await rig.provider.verify(intent, Level.METADATA)
    assert checked.failure is not None
    assert checked.failure.reason == R.SNAPSHOT_SOURCE_MISMATCH


async def test_ours_of_another_claim_is_not_adopted(rig: VolumeRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    asked = await rig.made(spec("other")).request(intent)
    assert asked.failure is not None
    assert asked.failure.kind is ErrorClass.CONFLICT
    assert "is of claim data, not of other" in asked.failure.message


async def test_what_is_behind_it_has_to_be_kept(rig: VolumeRig, volumes: Volumes) -> None:
    intent = rig.intent()
    taken = rig.made(spec(className=volumes.csi.delete, allowDeletePolicy=True))
    await taken.request(intent)
    found = await told(rig, intent, R.UNSAFE_DELETION_POLICY)
    assert found.phase is Phase.AVAILABLE
    rig.provider = taken
    await rig.provider.delete(intent.name, intent.ownership)


async def test_a_content_that_is_lost_is_no_restore_point(rig: VolumeRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    content = body(rig, intent)["status"]["boundVolumeSnapshotContentName"]
    kubectl = rig.ground.cluster.kubectl
    with rig.volumes.csi.frozen("snapshot-controller"), rig.volumes.csi.frozen("csi-snapshotter"):
        kubectl("delete", "volumesnapshotcontent", content, "--wait=false")
        kubectl(
            "patch",
            "volumesnapshotcontent",
            content,
            "--type=merge",
            "-p",
            '{"metadata": {"finalizers": null}}',
        )
        found = (await rig.provider.observe([intent]))[intent.name]
        checked = await rig.provider.verify(intent, Level.METADATA)
        # What the controller writes when it looks again, which it does every 15 minutes; long ago.
        error = {"message": "VolumeSnapshotContent is missing", "time": "2026-01-01T00:00:00Z"}
        missed = json.dumps({"status": {"readyToUse": False, "error": error}})
        rig.ground.patch(KIND, marks.object_name(intent.name), missed, "--subresource=status")
        later = (await rig.made(spec(), PATIENT).observe([intent]))[intent.name]
        (one,) = (await rig.provider.list_owned(intent.ownership)).points
    assert found.phase is later.phase is Phase.FAILED
    assert found.failure is not None
    assert found.failure.reason == R.SNAPSHOT_LOST
    assert later.failure == one.observation.failure == found.failure
    assert checked.failure == found.failure


async def test_another_object_of_that_name_is_not_deleted(rig: VolumeRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    earlier = body(rig, intent)
    earlier["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    await removed(rig.client, VOLUME_SNAPSHOTS, earlier)
    assert (await rig.provider.observe([intent]))[intent.name].phase is Phase.AVAILABLE


async def test_a_quota_is_told(rig: VolumeRig) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"count/volumesnapshots.snapshot.storage.k8s.io": "0"}},
    }
    rig.ground.cluster.apply(quota, namespace=rig.ground.namespace)
    rig.ground.until("resourcequota", "none", lambda one: "hard" in one.get("status", {}))
    asked = await rig.provider.request(rig.intent())
    rig.ground.delete("resourcequota", "none")
    assert asked.failure is not None
    assert asked.failure.kind is ErrorClass.NEEDS_HUMAN
    assert asked.failure.reason == R.SNAPSHOT_QUOTA_EXCEEDED


async def test_a_listing_is_of_all_pages(rig: VolumeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client.pages.__kwdefaults__ is not None
    monkeypatch.setitem(Client.pages.__kwdefaults__, "limit", 2)
    intents = [rig.intent(number) for number in range(1, 6)]
    for intent in intents:
        await rig.provider.request(intent)
    keep = json.dumps({"metadata": {"annotations": {marks.KEEP: ""}}})
    rig.ground.patch(KIND, marks.object_name(intents[3].name), keep)
    spoilt = json.dumps({"metadata": {"annotations": {"switchback.dev/uid": None}}})
    rig.ground.patch(KIND, marks.object_name(intents[4].name), spoilt)
    elsewhere = json.dumps({"metadata": {"annotations": {"switchback.dev/installation": "another"}}})
    rig.ground.patch(KIND, marks.object_name(intents[2].name), elsewhere)
    before = rig.calls()
    listed = await rig.provider.list_owned(intents[0].ownership)
    assert rig.calls() - before >= 3
    assert listed.complete
    assert listed.foreign == 2
    assert {one.observation.name for one in listed.points} == {
        intent.name for intent in (intents[0], intents[1], intents[3])
    }
    assert [one.observation.name for one in listed.points if one.protected] == [intents[3].name]


async def test_what_is_not_ours_is_seen_among_others(rig: VolumeRig) -> None:
    mine, taken, none = (rig.intent(number) for number in (1, 2, 3))
    await made(rig, mine)
    await rig.occupy(taken.name)
    found = await rig.provider.observe([mine, taken, none])
    assert found[mine.name].phase is Phase.AVAILABLE
    assert found[none.name].phase is Phase.ABSENT
    failure = found[taken.name].failure
    assert failure is not None
    assert failure.kind is ErrorClass.CONFLICT


async def test_the_answer_to_a_deletion_may_be_lost(rig: VolumeRig) -> None:
    intent = rig.intent()
    await made(rig, intent)
    async with rig.unavailable():
        lost = await rig.provider.delete(intent.name, intent.ownership)
    assert lost.failure is not None
    assert lost.failure.kind is ErrorClass.RETRY
    assert (await rig.provider.delete(intent.name, intent.ownership)).failure is None
    await seen(rig, intent, Phase.ABSENT)


async def test_patience_is_longer_outside_of_tests() -> None:
    assert (PATIENT.unbound, PATIENT.error, PATIENT.silent) == (60, 600, 600)
    assert QUICK.error < PATIENT.error
