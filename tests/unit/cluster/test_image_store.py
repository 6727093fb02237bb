from __future__ import annotations

import hashlib
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.cluster import image_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (image_store.layout() / "blobs" / "sha256").mkdir(parents=True)
    return tmp_path


def put(content: bytes) -> str:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    image_store.blob(digest).write_bytes(content)
    return digest


def image(*layers: str) -> str:
    config = put(json.dumps(layers).encode())
    manifest = {"config": {"digest": config}, "layers": [{"digest": put(layer.encode())} for layer in layers]}
    return put(json.dumps(manifest).encode())


def test_an_image_is_recalled_for_its_inputs_only_and_only_when_whole() -> None:
    manifest = image("base", "code")
    image_store.remember("app:dev", "key-1", manifest)
    assert image_store.recall("app:dev", "key-1") == manifest
    assert image_store.recall("app:dev", "key-2") is None
    image_store.blob(image_store.blobs(manifest)[-1]).unlink()
    assert image_store.recall("app:dev", "key-1") is None


def test_old_versions_go_and_shared_layers_stay() -> None:
    manifests = [image("base", f"code {number}") for number in range(9)]
    (image_store.layout() / "index.json").write_text(json.dumps({"manifests": []}))
    for number, manifest in enumerate(manifests):
        image_store.remember("app:dev", f"key{number}", manifest)
        for note in (image_store.layout().parent).glob(f"*key{number}.json"):
            os.utime(note, (number, number))

    image_store.prune()

    assert image_store.recall("app:dev", "key0") is None
    assert image_store.recall("app:dev", "key8") == manifests[8]
    assert not image_store.blob(manifests[0]).exists()


def test_an_archive_leaves_out_what_the_reader_has(tmp_path: Path) -> None:
    manifest = image("base", "code")
    _, config, base, code = image_store.blobs(manifest)
    target = tmp_path / "image.tar"

    image_store.write_archive(target, {"localhost/app:dev": manifest}, present={base})

    with tarfile.open(target) as archive:
        names = set(archive.getnames())
        index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
    blobs = {name.replace("blobs/sha256/", "sha256:") for name in names if name.startswith("blobs")}
    assert blobs == {manifest, config, code}
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "localhost/app:dev"
