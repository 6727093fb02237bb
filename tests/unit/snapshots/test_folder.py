"""Restore points in a folder: what is listed, and how one is removed."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.layout import KEEP, MANIFEST, partial_name
from switchback.snapshots.store import State
from tests.unit.snapshots.dumps import NAME, dump

if TYPE_CHECKING:
    from pathlib import Path


def taken(root: Path, name: str = NAME) -> str:
    """Digest of a new restore point."""
    return FolderStore(root).publish(*dump(root, name=name)).digest


def test_the_listing_says_what_is_what(tmp_path: Path) -> None:
    for name in ("whole", "cut", "odd", "renamed"):
        taken(tmp_path, name)
    (tmp_path / "whole" / KEEP).write_text("for the audit")
    (tmp_path / "cut" / "toc.dat").unlink()
    (tmp_path / "odd" / MANIFEST).write_bytes(b"[]")
    (tmp_path / "renamed").rename(tmp_path / "other")
    (tmp_path / partial_name("killed")).mkdir()
    (tmp_path / "moved.01234567.damaged").mkdir()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "readme").write_text("x")
    content = FolderStore(tmp_path).content()
    assert content.complete
    found = {point.name.partition(".")[0]: (point.state, point.keep) for point in content.points}
    assert found == {
        "whole": (State.SEALED, True),
        "cut": (State.DAMAGED, False),
        "odd": (State.UNREADABLE, False),
        "other": (State.DAMAGED, False),
        "killed": (State.INCOMPLETE, False),
        "moved": (State.DAMAGED, False),
    }


def test_a_folder_that_fails_makes_the_listing_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(tmp_path)
    taken(tmp_path, "other")

    def failing(folder: Path) -> None:
        if folder.name == "other":
            raise OSError(5, "Input/output error", str(folder))

    monkeypatch.setattr("switchback.snapshots.folder._point", failing)
    content = FolderStore(tmp_path).content()
    assert not content.complete
    assert "Input/output error" in content.trouble


def test_a_keep_mark_is_no_file_of_the_dump(tmp_path: Path) -> None:
    digest = taken(tmp_path)
    (tmp_path / NAME / KEEP).touch()
    assert contents.verify(tmp_path / NAME)[1] == digest


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    digest = taken(tmp_path)
    other = taken(tmp_path, "other")
    FolderStore(tmp_path).remove(NAME, digest)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert FolderStore(tmp_path).verify("other")[1] == other


def test_another_one_than_was_listed_and_a_kept_one_stay(tmp_path: Path) -> None:
    digest = taken(tmp_path)
    with pytest.raises(RunnerError, match="not what was listed"):
        FolderStore(tmp_path).remove(NAME, "sha256:0")
    (tmp_path / NAME / KEEP).touch()
    with pytest.raises(RunnerError, match="keep mark"):
        FolderStore(tmp_path).remove(NAME, digest)
    assert FolderStore(tmp_path).verify(NAME)[1] == digest


def test_a_removal_that_ends_half_way_leaves_no_restore_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = taken(tmp_path)

    def failing(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    remove = shutil.rmtree
    monkeypatch.setattr("switchback.snapshots.folder.shutil.rmtree", failing)
    with pytest.raises(RunnerError) as told:
        FolderStore(tmp_path).remove(NAME, digest)
    assert told.value.reason is Reason.SNAPSHOT_FAILED
    monkeypatch.setattr("switchback.snapshots.folder.shutil.rmtree", remove)
    (point,) = FolderStore(tmp_path).content().points
    assert point.state is State.INCOMPLETE
    assert FolderStore(tmp_path).remove_tries("3f2a91c0", time.time() + 60) == [point.name]


def test_only_old_tries_of_the_resource_are_removed(tmp_path: Path) -> None:
    old, fresh, grown, others = (
        partial_name(NAME),
        partial_name(f"{NAME}-2"),
        partial_name(NAME),
        partial_name(NAME.replace("3f2a91c0", "99999999")),
    )
    for name in (old, fresh, grown, others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "toc.dat").touch()
    day_ago = time.time() - 90000
    for name in (old, grown, others):
        for path in (tmp_path / name / "toc.dat", tmp_path / name):
            os.utime(path, (day_ago, day_ago))
    (tmp_path / grown / "1.dat.gz").touch()
    os.utime(tmp_path / grown, (day_ago, day_ago))
    assert FolderStore(tmp_path).remove_tries("3f2a91c0", time.time() - 86400) == [old]
    assert {path.name for path in tmp_path.iterdir()} == {fresh, grown, others}


class Killed(BaseException):
    """Ends what is under way like a signal that nobody catches."""


def test_a_try_that_was_cleared_half_way_is_not_sealed_without_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pod was given up for lost and has yet to hash; the next one was killed while it cleared."""
    partial, manifest = dump(tmp_path)

    def half(folder: Path) -> None:
        (folder / "3001.dat.gz").unlink()
        raise Killed

    monkeypatch.setattr("shutil.rmtree", half)
    with pytest.raises(Killed):
        FolderStore(tmp_path).clear(NAME)
    monkeypatch.undo()
    with pytest.raises(OSError, match=partial.name):
        FolderStore(tmp_path).publish(partial, replace(manifest, files=contents.hash_folder(partial)))
    assert not (tmp_path / NAME).exists()
    assert len(FolderStore(tmp_path).clear(NAME)) == 1
    assert list(tmp_path.iterdir()) == []


def test_links_and_files_with_the_name_of_a_try_are_in_nobodys_way(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "points", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    names = [partial_name(NAME) for _ in range(4)]
    for name in names[:2]:
        (root / name).symlink_to(elsewhere)
    for name in names[2:]:
        (root / name).touch()
    assert FolderStore(root).remove_tries("3f2a91c0", time.time() + 60) == sorted(names)
    (root / names[0]).symlink_to(elsewhere)
    assert FolderStore(root).clear(NAME) == [names[0]]
    assert (elsewhere / "precious").exists()


def test_a_link_to_a_restore_point_is_not_listed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "points", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    taken(elsewhere)
    (root / NAME).symlink_to(elsewhere / NAME)
    assert FolderStore(root).content().points == ()


def test_a_copy_of_another_restore_point_is_not_adopted(tmp_path: Path) -> None:
    taken(tmp_path, "older")
    shutil.copytree(tmp_path / "older", tmp_path / NAME)
    aside = FolderStore(tmp_path).adopt(NAME)
    assert isinstance(aside, str)
    assert FolderStore(tmp_path).adopt("older") == contents.read(tmp_path / "older")
    assert FolderStore(tmp_path).adopt(NAME) is None
