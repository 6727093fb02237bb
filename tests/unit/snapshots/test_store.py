from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import store
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.layout import is_partial_of, partial_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "reason", "word"),
    [
        (errno.ENOSPC, Reason.SNAPSHOT_VOLUME_FULL, "full"),
        (errno.EDQUOT, Reason.SNAPSHOT_VOLUME_FULL, "full"),
        (errno.EACCES, Reason.SNAPSHOT_FAILED, "fsGroup"),
        (errno.EROFS, Reason.SNAPSHOT_FAILED, "fsGroup"),
        (errno.EIO, Reason.SNAPSHOT_FAILED, "Input/output error"),
    ],
)
def test_what_a_volume_does_wrong_is_told(tmp_path: Path, number: int, reason: Reason, word: str) -> None:
    with pytest.raises(RunnerError) as told, store.telling(tmp_path, "It could not be done"):
        raise OSError(number, "Input/output error", str(tmp_path))
    assert told.value.reason is reason
    assert told.value.message.startswith("It could not be done: ")
    assert word in told.value.message + told.value.advice


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "-x", "x-", "a b", "x" * 254, "x.partial", "ä"]
)
def test_a_name_that_is_no_plain_folder_is_refused(name: str) -> None:
    with pytest.raises(RunnerError) as told:
        store.refuse_odd_name(name)
    assert told.value.reason is Reason.USAGE


def test_names_of_the_operator_are_taken() -> None:
    store.refuse_odd_name("pre-rollback-20260101T000000Z-shop.orders-3f2a91c0-5b1e77")
    store.refuse_odd_name("x")


def test_only_tries_of_that_very_name_are_cleared(tmp_path: Path) -> None:
    mine = partial_name("shop")
    others = {"shop", "shop.partial", partial_name("shop.x"), partial_name("xshop"), "shop.zzzzzzzz.partial"}
    for folder in (mine, *others):
        (tmp_path / folder).mkdir()
    assert FolderStore(tmp_path).clear("shop") == [mine]
    assert {path.name for path in tmp_path.iterdir()} == others


def test_killed_tries_of_earlier_operations_of_the_resource_go_as_well(tmp_path: Path) -> None:
    earlier = partial_name("pre-rollback-20260101T000000Z-shop-3f2a91c0-aaaaaa")
    second = partial_name("pre-rollback-20260101T000000Z-shop-3f2a91c0-aaaaaa-2")
    others = {
        "pre-rollback-20260101T000000Z-shop-3f2a91c0-aaaaaa",
        partial_name("pre-rollback-20260101T000000Z-shop-99999999-aaaaaa"),
        partial_name("3f2a91c0"),
    }
    for name in {earlier, second, *others}:
        (tmp_path / name).mkdir()
    now = "pre-rollback-20260102T000000Z-shop-3f2a91c0-bbbbbb"
    assert FolderStore(tmp_path).clear(now) == []
    assert FolderStore(tmp_path).clear(now, "3f2a91c0") == sorted([earlier, second])
    assert {entry.name for entry in tmp_path.iterdir()} == others


def test_every_try_has_a_folder_of_its_own() -> None:
    names = {partial_name("shop") for _ in range(50)}
    assert len(names) == 50
    assert all(is_partial_of("shop", name) for name in names)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**3, "5.0 GiB"), (2**41, "2.0 TiB")],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert store.size_text(size) == text
