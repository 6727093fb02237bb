"""Pruning a store: whose a restore point is, and what becomes of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from switchback.contract.retention import Delete, Policy
from switchback.runner.errors import RunnerError
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.layout import KEEP, partial_name
from switchback.snapshots.manifest import Requester
from switchback.snapshots.prune import Wish, judged, prune
from tests.unit.snapshots.dumps import dump

if TYPE_CHECKING:
    from pathlib import Path

UID = "7c1d2f6e-0000-4000-8000-000000000001"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
WISH = Wish(UID, "3f2a91c0", policy=Policy(1, 86400))
OURS = Requester("3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0", UID, "west", "pre-rollback")


def taken(root: Path, name: str, days: float, requester: Requester = OURS) -> None:
    partial, manifest = dump(root, name=name)
    at = (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z")
    FolderStore(root).publish(partial, replace(manifest, requester=requester, restore_point=at))


def verdicts(root: Path, wish: Wish = WISH) -> dict[str, str]:
    """By name: empty when it may go, else why it stays."""
    lines = judged(FolderStore(root).content(), wish, NOW)
    return {
        line.point.name: "" if isinstance(line.verdict, Delete) else line.verdict.reason
        for line in lines
        if line.verdict is not None
    }


def test_the_oldest_go_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    for name, days in (("c", 10), ("a", 30), ("b", 20), ("d", 0.5)):
        taken(tmp_path, name, days)
    found = verdicts(tmp_path)
    assert [name for name, why in found.items() if not why] == ["a", "b", "c"]
    gone: list[str] = []
    kept = FolderStore(tmp_path)
    prune(kept, judged(kept.content(), WISH, NOW), WISH, gone.append, NOW)
    assert gone == ["a", "b", "c"]
    assert [point.name for point in kept.content().points] == ["d"]


@pytest.mark.parametrize(
    ("requester", "wish", "why"),
    [
        (replace(OURS, uid="other"), WISH, "not known to be of this resource"),
        (replace(OURS, uid="", uid_hash="3f2a91c0"), WISH, ""),
        (replace(OURS, uid="", uid_hash="99999999"), WISH, "not known to be of this resource"),
        (replace(OURS, uid="", uid_hash=""), replace(WISH, uid_hash=""), "not known to be of this resource"),
        (OURS, replace(WISH, uid=""), "not known to be of this resource"),
        (OURS, replace(WISH, installation="west"), ""),
        (OURS, replace(WISH, installation="east"), "not known to be of this resource"),
        (replace(OURS, installation=""), replace(WISH, installation="east"), ""),
        (OURS, replace(WISH, protect=frozenset({"a"})), "asked for"),
        (OURS, replace(WISH, unfinished=frozenset({"3f2a91c0-5b1e77"})), "has not ended well"),
    ],
)
def test_whose_it_is_and_who_needs_it(tmp_path: Path, requester: Requester, wish: Wish, why: str) -> None:
    taken(tmp_path, "a", 30, requester)
    for name in ("b", "c"):
        taken(tmp_path, name, 2, replace(OURS, operation_id="3f2a91c0-aaaaaa", installation=""))
    found = verdicts(tmp_path, wish)
    assert why in found["a"]
    assert bool(why) is bool(found["a"])


def test_marked_and_damaged_ones_stay(tmp_path: Path) -> None:
    for name, days in (("a", 30), ("b", 20), ("c", 10), ("d", 5)):
        taken(tmp_path, name, days)
    (tmp_path / "a" / KEEP).touch()
    (tmp_path / "b" / "toc.dat").unlink()
    found = verdicts(tmp_path)
    assert "keep mark" in found["a"]
    assert "toc.dat is missing" in found["b"]
    assert found["c"] == ""
    assert found["d"] == "it is the newest one"


def test_what_is_damaged_does_not_count_among_those_that_stay(tmp_path: Path) -> None:
    for name, days in (("a", 30), ("b", 20), ("c", 10)):
        taken(tmp_path, name, days)
    (tmp_path / "c" / "toc.dat").write_bytes(b"")
    found = verdicts(tmp_path, replace(WISH, policy=Policy(2, 0)))
    assert all(found.values())


def test_what_tries_have_left_goes_after_a_day(tmp_path: Path) -> None:
    taken(tmp_path, "a", 30)
    name = partial_name("pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77")
    (tmp_path / name).mkdir()
    kept = FolderStore(tmp_path)
    gone: list[str] = []
    now = datetime.now(UTC)
    prune(kept, judged(kept.content(), WISH, now), WISH, gone.append, now + timedelta(hours=23))
    assert gone == []
    prune(kept, judged(kept.content(), WISH, now), WISH, gone.append, now + timedelta(hours=25))
    assert gone == [name]


def test_one_that_cannot_go_ends_it_there(tmp_path: Path) -> None:
    for name, days in (("a", 30), ("b", 20), ("c", 10)):
        taken(tmp_path, name, days)
    kept = FolderStore(tmp_path)
    gone: list[str] = []
    lines = judged(kept.content(), WISH, NOW)
    (tmp_path / "a" / KEEP).touch()
    with pytest.raises(RunnerError, match="keep mark"):
        prune(kept, lines, WISH, gone.append, NOW)
    assert gone == []
    assert len(kept.content().points) == 3
