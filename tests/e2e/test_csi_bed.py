"""VolumeSnapshots of the test bed: the real controllers, on a driver that fails as it is told to."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.csi import NEVER
from tests.e2e.csi_server import start_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.csi import Claim, Csi
    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

SECONDS = 20.0


class Snapshots:
    """VolumeSnapshots in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def take(self, name: str, claim: Claim, kind: str) -> None:
        snapshot = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"name": name},
            "spec": {"volumeSnapshotClassName": kind, "source": {"persistentVolumeClaimName": claim.name}},
        }
        self.cluster.apply(snapshot, namespace=self.namespace)

    def status(self, name: str) -> dict[str, Any]:
        found = self.cluster.kubectl("get", "volumesnapshot", name, "-n", self.namespace, json=True)
        return dict(found.get("status", {}))

    def until(self, name: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while not wanted(status := self.status(name)):
            assert time.monotonic() < deadline, json.dumps(status, indent=1)
            time.sleep(0.1)
        return status

    def ready(self, name: str) -> dict[str, Any]:
        return self.until(name, lambda status: status.get("readyToUse") is True)

    def remove(self, name: str, *, wait: bool = True) -> None:
        patience = "--timeout=20s" if wait else "--wait=false"
        self.cluster.kubectl("delete", "volumesnapshot", name, "-n", self.namespace, patience)


@pytest.fixture
def snapshots(bare_cluster: Cluster, namespace: str) -> Snapshots:
    return Snapshots(bare_cluster, namespace)


@pytest.fixture
def claim(csi: Csi, namespace: str) -> Claim:
    return csi.claim(namespace)


def test_a_snapshot_holds_what_was_in_the_volume(csi: Csi, snapshots: Snapshots, claim: Claim) -> None:
    (claim.files / "word").write_text("before")
    snapshots.take("first", claim, csi.retain)

    status = snapshots.ready("first")
    assert status["creationTime"]
    assert status["restoreSize"] == "1Gi"
    assert "error" not in status

    (claim.files / "word").write_text("after")
    restored = csi.claim(claim.namespace, "restored", snapshot="first")
    assert (restored.files / "word").read_text() == "before"


def test_a_slow_snapshot_has_a_time_before_it_is_ready(csi: Csi, snapshots: Snapshots, claim: Claim) -> None:
    csi.fault(claim, ready_after=2)
    snapshots.take("slow", claim, csi.retain)

    taken = snapshots.until("slow", lambda status: "creationTime" in status)
    ready = snapshots.ready("slow")

    assert taken["readyToUse"] is False
    assert taken["creationTime"] == ready["creationTime"]


def test_one_that_is_never_ready_is_ready_after_the_fault(
    csi: Csi, snapshots: Snapshots, claim: Claim
) -> None:
    csi.fault(claim, ready_after=NEVER)
    snapshots.take("stuck", claim, csi.retain)
    snapshots.until("stuck", lambda status: "creationTime" in status and len(csi.calls(claim)) > 1)

    status = snapshots.status("stuck")
    csi.mend(claim)

    assert status["readyToUse"] is False
    assert "error" not in status
    snapshots.ready("stuck")


def test_one_that_is_held_has_no_time_yet(csi: Csi, snapshots: Snapshots, claim: Claim) -> None:
    csi.fault(claim, hold=6)  # longer than one call may take
    snapshots.take("held", claim, csi.retain)

    failed = snapshots.until("held", lambda status: "error" in status)
    ready = snapshots.ready("held")

    assert "DeadlineExceeded" in failed["error"]["message"]
    assert "creationTime" not in failed
    assert "error" not in ready


def test_failures_that_pass_are_told_and_forgotten(csi: Csi, snapshots: Snapshots, claim: Claim) -> None:
    csi.fault(claim, error="the array is busy", times=2)
    snapshots.take("late", claim, csi.retain)

    failed = snapshots.until("late", lambda status: "error" in status)
    ready = snapshots.ready("late")

    assert "the array is busy" in failed["error"]["message"]
    assert "error" not in ready
    assert [call["error"] for call in csi.calls(claim)][:3] == ["the array is busy"] * 2 + [""]


def test_a_failure_for_ever_stays_in_the_status(csi: Csi, snapshots: Snapshots, claim: Claim) -> None:
    csi.fault(claim, error="snapshot limit reached, maximum (3)")
    snapshots.take("lost", claim, csi.delete)

    snapshots.until("lost", lambda status: "error" in status and len(csi.calls(claim)) > 2)
    status = snapshots.status("lost")

    assert "maximum (3)" in status["error"]["message"]
    assert status["readyToUse"] is False
    assert csi.stored(claim) == []
    snapshots.remove("lost")


def test_the_class_decides_whether_a_snapshot_goes_with_its_object(
    csi: Csi, snapshots: Snapshots, claim: Claim
) -> None:
    snapshots.take("kept", claim, csi.retain)
    snapshots.take("gone", claim, csi.delete)
    snapshots.ready("kept")
    snapshots.ready("gone")
    kept, gone = (csi.handle(claim.namespace, name) for name in ("kept", "gone"))
    assert csi.stored(claim) == sorted([kept, gone])

    snapshots.remove("kept")
    snapshots.remove("gone")

    assert csi.stored(claim) == [kept]


def test_without_the_controller_nothing_happens(csi: Csi, snapshots: Snapshots, claim: Claim) -> None:
    with csi.frozen("snapshot-controller"):
        snapshots.take("unseen", claim, csi.retain)
        time.sleep(1)
        assert snapshots.status("unseen") == {}
    snapshots.ready("unseen")


def test_a_snapshot_that_the_storage_does_not_remove_stays(
    bare_cluster: Cluster, csi: Csi, snapshots: Snapshots, claim: Claim
) -> None:
    snapshots.take("used", claim, csi.delete)
    content = snapshots.ready("used")["boundVolumeSnapshotContentName"]
    csi.fault(claim, delete_error="a copy of it is in use")

    snapshots.remove("used", wait=False)
    event = ["--field-selector", f"involvedObject.name={content},reason=SnapshotDeleteError"]
    deadline = time.monotonic() + SECONDS
    while not bare_cluster.kubectl("get", "events", "-A", *event, json=True)["items"]:
        assert time.monotonic() < deadline, csi.calls(claim, "DeleteSnapshot")
        time.sleep(0.1)
    assert csi.calls(claim, "DeleteSnapshot")[0]["error"] == "a copy of it is in use"
    assert snapshots.status("used")
    assert len(csi.stored(claim)) == 1

    csi.mend(claim)
    bare_cluster.wait("volumesnapshot/used", "-n", claim.namespace, "--for=delete", timeout=SECONDS)
    assert csi.stored(claim) == []


def test_a_server_that_writes_is_snapshotted_at_one_moment(
    bare_cluster: Cluster, csi: Csi, snapshots: Snapshots, claim: Claim
) -> None:
    start_server(bare_cluster, claim, "db")
    inside = ["exec", "-n", claim.namespace, "db", "--"]
    psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-Atc"]
    bare_cluster.kubectl(*inside, *psql, "CREATE TABLE numbers AS SELECT 42 AS n; CHECKPOINT")
    # Between two of these files there is a large one to copy, so that they are not copied at the same moment.
    fill = "for d in a b c d; do mkdir /data/$d; head -c 16777216 /dev/zero > /data/$d/large; done"
    write = "while :; do for d in a b c d; do echo line >> /data/$d/lines; done; done"
    bare_cluster.kubectl(*inside, "sh", "-c", f"{fill}; ({write}) > /dev/null 2>&1 &")
    while not (claim.files / "d" / "lines").is_file():
        time.sleep(0.05)

    snapshots.take("running", claim, csi.retain)
    snapshots.ready("running")
    bare_cluster.kubectl("delete", "pod", "db", "-n", claim.namespace, "--wait=false")
    restored = csi.claim(claim.namespace, "restored", snapshot="running")
    start_server(bare_cluster, restored, "copy")

    written = [(restored.files / name / "lines").read_text().count("\n") for name in "abcd"]
    assert max(written) - min(written) <= 1, written
    inside[3] = "copy"
    assert bare_cluster.kubectl(*inside, *psql, "SELECT n FROM numbers") == "42\n"
