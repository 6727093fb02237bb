"""Restore points that a listing cannot hold are not judged by it: the spec named another place when taken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from switchback.api.status import SnapshotPhase, SnapshotState
from switchback.contract.points import Phase
from tests.property.keeping import Artifact
from tests.unit.controller.test_restore_points import asked, settle


@pytest.mark.parametrize(
    ("provider", "source", "stays"),
    [
        ("pgDump", "", True),  # another provider
        ("volumeSnapshot", "uid-of-claim", True),
        ("rds", "db-elsewhere", True),  # another region or account, where nobody has looked
        ("rds", "", False),  # of what is looked at, and not there any more
    ],
)
def test_an_entry_of_another_place_is_not_taken_for_deleted(
    provider: str, source: str, *, stays: bool
) -> None:
    there = asked(retention={"minimumCount": 1, "minimumAgeSeconds": 60})
    gone = SnapshotState(
        name="pre-rollback-elsewhere", provider=provider, source_id=source, phase=SnapshotPhase.READY,
        verified="Metadata", completion_time="2025-12-01T00:00:00Z",
    )  # fmt: skip
    known = gone.model_copy(update={"name": "pre-rollback-here", "provider": "rds", "source_id": ""})
    there.keeping.artifacts[known.name] = Artifact(
        "aa-bb", ((), "", 0), there.now - timedelta(days=30), Phase.AVAILABLE
    )
    there.status = there.status.model_copy(update={"snapshots": (gone, known, *there.status.snapshots)})
    there.keeping.go_on(Phase.AVAILABLE)
    settle(there)
    retention = there.status.retention
    assert retention is not None
    assert known.name in retention.deleted, "the rules were followed where somebody has looked"
    assert (gone.name in {one.name for one in there.status.snapshots}) == stays
    assert (gone.name in retention.deleted) != stays
