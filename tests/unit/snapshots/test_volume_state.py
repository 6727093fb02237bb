from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Phase
from switchback.snapshots import volume_state

if TYPE_CHECKING:
    from switchback.contract.points import Observation

R = OperatorReason
CREATED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def snapshot(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "point",
            "namespace": "shop",
            "uid": "uid-1",
            "creationTimestamp": "2026-03-01T10:00:00Z",
        },
        "spec": {"source": {"persistentVolumeClaimName": "data"}},
        "status": status,
    }


def content(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "content-1"},
        "spec": {
            "volumeSnapshotRef": {"name": "point", "namespace": "shop", "uid": "uid-1"},
            "source": {"volumeHandle": "vol-1"},
            "deletionPolicy": "Retain",
            **spec,
        },
        "status": {"snapshotHandle": "snap-1", "readyToUse": True},
    }


BOUND = {"boundVolumeSnapshotContentName": "content-1"}
READY = {**BOUND, "creationTime": "2026-03-01T10:00:03Z", "readyToUse": True}


def seen(status: dict[str, Any], seconds: float) -> Observation:
    now = CREATED + timedelta(seconds=seconds)
    return volume_state.state(snapshot(**status), "Point", now, volume_state.PATIENCE)


@pytest.mark.parametrize(
    ("status", "seconds", "phase", "reason"),
    [
        ({}, 59, Phase.PENDING, None),
        ({}, 60, Phase.PENDING, R.SNAPSHOT_CLASS_PROBLEM),
        (BOUND, 599, Phase.CREATING, None),
        (BOUND, 600, Phase.CREATING, R.SNAPSHOT_LATE),
        ({**BOUND, "creationTime": "2026-03-01T10:00:03Z", "readyToUse": False}, 60, Phase.CAPTURED, None),
        ({**BOUND, "creationTime": "2026-03-01T10:00:03Z"}, 600, Phase.CAPTURED, R.SNAPSHOT_LATE),
        (READY, 6000, Phase.AVAILABLE, None),
        # What is ready has no trouble any more, whatever was told before.
        (
            {**READY, "error": {"message": "busy", "time": "2026-03-01T10:00:01Z"}},
            6000,
            Phase.AVAILABLE,
            None,
        ),
        # Readiness without a time is no restore point.
        ({**BOUND, "readyToUse": True}, 10, Phase.CREATING, None),
    ],
)
def test_every_row(status: dict[str, Any], seconds: float, phase: Phase, reason: str | None) -> None:
    found = seen(status, seconds)
    assert found.phase is phase
    assert (found.failure.reason if found.failure else None) == reason


@pytest.mark.parametrize(
    ("seconds", "phase", "kind"),
    [(601, Phase.CREATING, ErrorClass.RETRY), (700, Phase.FAILED, ErrorClass.TERMINAL)],
)
def test_an_error_has_ten_minutes_from_when_it_was_first_told(
    seconds: float, phase: Phase, kind: ErrorClass
) -> None:
    error = {"message": "no space", "time": "2026-03-01T10:01:40Z"}
    found = seen({**BOUND, "error": error}, seconds)
    assert found.phase is phase
    assert found.failure is not None
    assert found.failure.kind is kind
    assert "no space" in found.failure.message


def test_an_error_before_anything_is_bound_is_an_error() -> None:
    found = seen({"error": {"message": "no class", "time": "2026-03-01T10:00:10Z"}}, 120)
    assert found.phase is Phase.PENDING
    assert found.failure is not None
    assert found.failure.reason == R.SNAPSHOT_PROVIDER_UNAVAILABLE


def test_an_error_is_as_old_as_the_first_one_that_was_seen() -> None:
    error = {"message": "no space", "time": "2026-03-01T10:20:00Z"}
    target, now = snapshot(**BOUND, error=error), CREATED + timedelta(minutes=20)
    first = "2026-03-01T10:09:59Z"
    assert volume_state.state(target, "Point", now, volume_state.PATIENCE).phase is Phase.CREATING
    since = volume_state.state(target, "Point", now, volume_state.PATIENCE, since=first)
    assert since.phase is Phase.FAILED


def test_a_long_error_is_cut() -> None:
    found = seen({"error": {"message": "x" * 5000, "time": "2026-03-01T10:00:10Z"}}, 20)
    assert found.failure is not None
    assert len(found.failure.message) < 700


def test_both_have_to_point_at_each_other() -> None:
    target = snapshot(**READY)
    assert volume_state.content_failure(target, content(), handle="vol-1", delete_allowed=False) is None
    ref = {"name": "point", "namespace": "shop", "uid": "uid-1"}
    for wrong in ({"uid": "uid-0"}, {"name": "other"}, {"namespace": "other"}):
        other = content(volumeSnapshotRef={**ref, **wrong})
        failure = volume_state.content_failure(target, other, handle="", delete_allowed=False)
        assert failure is not None
        assert failure.reason == R.SNAPSHOT_INCOMPLETE
        assert failure.kind is ErrorClass.TERMINAL


def test_a_content_of_another_volume_or_of_none() -> None:
    target = snapshot(**READY)
    other = volume_state.content_failure(target, content(), handle="vol-2", delete_allowed=False)
    assert other is not None
    assert other.reason == R.SNAPSHOT_SOURCE_MISMATCH
    brought = content(source={"snapshotHandle": "snap-9"})
    outside = volume_state.content_failure(target, brought, handle="vol-1", delete_allowed=False)
    assert outside is not None
    assert outside.reason == R.SNAPSHOT_INCOMPLETE
    empty = copy.deepcopy(content())
    empty["status"] = {}
    nothing = volume_state.content_failure(target, empty, handle="vol-1", delete_allowed=False)
    assert nothing is not None
    assert nothing.reason == R.SNAPSHOT_INCOMPLETE
    gone = volume_state.content_failure(target, None, handle="vol-1", delete_allowed=False)
    assert gone is not None
    assert gone.reason == R.SNAPSHOT_LOST


def test_a_driver_at_work_is_known_by_its_mark() -> None:
    busy = content()
    busy["metadata"]["annotations"] = {volume_state.BEING_CREATED: "yes"}
    assert volume_state.in_flight(snapshot(**BOUND), busy)
    assert not volume_state.in_flight(snapshot(**BOUND), content())
    assert not volume_state.in_flight(snapshot(**BOUND), None)
    assert not volume_state.in_flight(snapshot(**READY), busy)
