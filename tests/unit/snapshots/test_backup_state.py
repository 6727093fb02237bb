from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import Phase
from switchback.snapshots import backup_state
from switchback.snapshots.volume_state import PATIENCE

NOW = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def backup(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "point", "namespace": "shop", "creationTimestamp": "2026-03-01T10:00:00Z"},
        "spec": {"method": "volumeSnapshot"},
        "status": status,
    }


def test_completed_without_any_snapshot_is_no_restore_point() -> None:
    target = backup(phase="completed", startedAt="2026-03-01T10:00:01Z")
    seen = backup_state.state(target, "Point", NOW, PATIENCE)
    assert seen.phase is Phase.AVAILABLE
    counted = backup_state.counted(seen, target, [])
    assert counted.phase is Phase.FAILED
    assert counted.failure is not None
    assert counted.failure.reason == OperatorReason.SNAPSHOT_INCOMPLETE


def test_a_word_of_any_length_fits_into_a_status() -> None:
    seen = backup_state.state(backup(phase="x" * 4000), "Point", NOW, PATIENCE)
    assert seen.phase is Phase.UNKNOWN
    assert len(seen.raw_status) <= 128


@pytest.mark.parametrize(
    ("begin", "end", "fine"),
    [
        ("0/3000028", "0/3000158", True),
        ("0/3000028", "0/3000028", True),
        ("0/FFFFFFFF", "1/0", True),
        ("1/0", "0/FFFFFFFF", False),
        ("", "0/1", False),
        ("0/1", "", False),
        ("0", "1", False),
        ("x/y", "0/1", False),
    ],
)
def test_positions_in_the_wal_have_an_order(begin: str, end: str, *, fine: bool) -> None:
    assert backup_state.in_lsn_order(begin, end) is fine


@pytest.mark.parametrize(
    ("spec", "annotations", "archives"),
    [
        ({}, {}, False),
        ({"plugins": [{"name": "a", "isWALArchiver": True}]}, {}, True),
        ({"plugins": [{"name": "a"}]}, {}, False),
        ({"backup": {"barmanObjectStore": {"destinationPath": "s3://b"}}}, {}, True),
        ({"plugins": [{"name": "a", "isWALArchiver": True}]}, {"cnpg.io/skipWalArchiving": "enabled"}, False),
    ],
)
def test_whether_a_cluster_archives(
    spec: dict[str, Any], annotations: dict[str, str], *, archives: bool
) -> None:
    cluster = {"metadata": {"annotations": annotations}, "spec": spec}
    assert backup_state.archives(cluster) is archives
