"""Which objects are restore points of ours, and which of those may be deleted. Objects in, calls out."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.reasons import OperatorReason
from switchback.api.snapshots import Snapshot
from switchback.contract.points import ErrorClass, Intent, Ownership, Phase, Subject
from switchback.controller.kube.errors import NotFoundError, Refusal
from switchback.snapshots import marks
from switchback.snapshots.provider import Tools
from switchback.snapshots.volume_snapshot import VolumeSnapshots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchback.controller.kube.kinds import Kind

OWNER = Ownership("prod", "6a5f2f0e", "shop", "shop", operation_id="3f2a-5b1e")
POINT = Intent("pre-rollback-20260301t101500z-shop-3f2a-5b1e", "shop", Subject(database="shop"), OWNER)


class Objects:
    """VolumeSnapshots by name, and their contents; nothing else is there."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Any] = {}
        self.deleted: list[str] = []

    def add(self, name: str, **annotations: str) -> None:
        self.snapshots[name] = {
            "metadata": {
                "name": name, "namespace": "shop", "uid": f"uid-of-{name}",
                "creationTimestamp": "2026-03-01T10:15:00Z", "labels": marks.labels(OWNER),
                "annotations": {**marks.annotate(POINT, "uid-of-claim"), **annotations},
            },
            "spec": {"source": {"persistentVolumeClaimName": "data"}},
            "status": {
                "creationTime": "2026-03-01T10:15:01Z", "readyToUse": True,
                "boundVolumeSnapshotContentName": f"content-of-{name}",
            },
        }  # fmt: skip

    async def get(self, kind: Kind, namespace: str, name: str) -> Any:
        found = self.snapshots.get(name.removeprefix("content-of-"))
        if found is None or kind.plural not in {"volumesnapshots", "volumesnapshotcontents"}:
            path = kind.path(namespace, name)
            raise NotFoundError(f"GET {path}", Refusal(404, "NotFound", f"{path} is not there"))
        if kind.plural == "volumesnapshots":
            return copy.deepcopy(found)
        back = {key: found["metadata"][key] for key in ("name", "namespace", "uid")}
        spec = {"volumeSnapshotRef": back, "source": {"volumeHandle": "one"}, "deletionPolicy": "Retain"}
        return {"metadata": {"name": name}, "spec": spec, "status": {"snapshotHandle": "two"}}

    async def pages(self, _kind: Kind, _namespace: str, labels: str = "") -> AsyncIterator[list[Any]]:
        assert labels
        yield [copy.deepcopy(one) for one in self.snapshots.values()]

    async def request(self, method: str, path: str, **_more: Any) -> Any:
        assert method == "DELETE"
        self.deleted.append(path.rpartition("/")[2])
        del self.snapshots[self.deleted[-1]]


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def provider(objects: Objects) -> VolumeSnapshots:
    wish = {"volumeSnapshot": {"persistentVolumeClaim": {"claimName": "data"}}}
    return VolumeSnapshots(Snapshot.model_validate(wish), "shop", Tools(objects, "prod"))


def test_a_copy_with_our_marks_is_not_ours(objects: Objects, provider: VolumeSnapshots) -> None:
    """As after `kubectl get -o yaml`, another name and `kubectl apply`."""
    objects.add(POINT.name)
    objects.add("before-the-audit")
    listed = asyncio.run(provider.list_owned(OWNER))
    assert [one.observation.name for one in listed.points] == [POINT.name]
    assert (listed.complete, listed.foreign) == (True, 1)
    del objects.snapshots[POINT.name]
    assert asyncio.run(provider.list_owned(OWNER)).points == ()


def test_a_keep_mark_that_came_after_the_listing_counts(objects: Objects, provider: VolumeSnapshots) -> None:
    objects.add(POINT.name)
    (listed,) = asyncio.run(provider.list_owned(OWNER)).points
    assert not listed.protected
    objects.add(POINT.name, **{marks.KEEP: ""})
    refused = asyncio.run(provider.delete(POINT.name, OWNER))
    assert refused.failure is not None
    assert (refused.failure.kind, refused.failure.reason) == (
        ErrorClass.TERMINAL,
        OperatorReason.SNAPSHOT_REFUSED,
    )
    assert "switchback.dev/keep" in refused.failure.message
    assert objects.deleted == []


def test_one_of_ours_is_deleted(objects: Objects, provider: VolumeSnapshots) -> None:
    objects.add(POINT.name)
    assert asyncio.run(provider.delete(POINT.name, OWNER)).phase is Phase.DELETING
    assert objects.deleted == [POINT.name]
