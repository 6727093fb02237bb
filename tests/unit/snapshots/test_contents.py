from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents
from switchback.snapshots.layout import MANIFEST
from switchback.snapshots.manifest import Manifest, Origin, Properties, Requester

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES = {"toc.dat": b"PGDMP" * 10, "3001.dat.gz": bytes(range(256)), "blobs.toc": b""}


def sealed(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    partial = root / "x.00000000.partial"
    partial.mkdir()
    for name, raw in files.items():
        (partial / name).write_bytes(raw)
    manifest = Manifest(
        name="x",
        restore_point="2026-01-01T00:00:00.000000Z",
        origin=Origin("shop", "7", 180006, 1, 1, 1),
        properties=Properties("o", "UTF8", "c", "C", "C", "", "", (), None, ("o",)),
        client_version="18.6",
        requester=Requester("3f2a91c0-5b1e77"),
        files=contents.hash_folder(partial),
    )
    contents.publish(partial, root / "x", manifest)
    return root / "x"


def finding(folder: Path) -> str:
    with pytest.raises(RunnerError) as refusal:
        contents.verify(folder)
    assert refusal.value.reason is Reason.SNAPSHOT_UNREADABLE
    return refusal.value.message


def test_what_was_sealed_verifies_and_is_counted(tmp_path: Path) -> None:
    seen: list[int] = []
    manifest, digest = contents.verify(sealed(tmp_path), seen.append)
    assert sum(seen) == manifest.size == sum(map(len, FILES.values()))
    assert digest.startswith("sha256:")
    assert not list(tmp_path.glob("*.partial"))


@given(data=st.data())
def test_any_changed_byte_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = sealed(tmp_path_factory.mktemp("flip"))
    name = data.draw(st.sampled_from([name for name, raw in FILES.items() if raw]))
    raw = bytearray(FILES[name])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(raw)
    assert f"{name} has other content" in finding(folder)


@given(data=st.data())
def test_any_truncation_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = sealed(tmp_path_factory.mktemp("cut"))
    name = data.draw(st.sampled_from([name for name, raw in FILES.items() if raw]))
    length = data.draw(st.integers(0, len(FILES[name]) - 1))
    os.truncate(folder / name, length)
    assert f"{name} has {length} bytes instead of {len(FILES[name])}" in finding(folder)


def test_missing_and_extra_files_are_found_together(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    (folder / "blobs.toc").unlink()
    (folder / "3002.dat.gz").write_bytes(b"")
    message = finding(folder)
    assert "blobs.toc is missing" in message
    assert "3002.dat.gz was added" in message


def test_a_link_to_the_right_content_is_not_the_file(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    (folder / "toc.dat").rename(tmp_path / "elsewhere")
    (folder / "toc.dat").symlink_to(tmp_path / "elsewhere")
    assert "not a plain file" in finding(folder)


def test_a_folder_without_manifest_is_no_restore_point(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    (folder / "manifest.json").unlink()
    assert "not a finished restore point" in finding(folder)
    assert "does not exist" in finding(tmp_path / "nothing")


def test_a_restore_point_is_never_replaced(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    with pytest.raises(OSError, match="not empty"):
        sealed(tmp_path, {"toc.dat": b"other"})
    assert contents.verify(folder)[0].size == sum(map(len, FILES.values()))


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "huge"])
def test_a_manifest_that_is_no_plain_file_is_not_followed(tmp_path: Path, kind: str) -> None:
    folder = sealed(tmp_path)
    path = folder / MANIFEST
    moved = path.rename(tmp_path / "elsewhere.json")
    if kind == "link":
        path.symlink_to(moved)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 2**40)
    assert str(path) in finding(folder)
