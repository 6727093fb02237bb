"""The folder of built images: one OCI layout for all, so that a changed image costs its changed layers."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from tests.cluster.errors import BedError
from tests.cluster.paths import cache_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

# Other checkouts share this folder, and may be about to load what they have just built.
_VERSIONS = 6
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def layout() -> Path:
    """Return the OCI layout that buildah pushes into."""
    return cache_root() / "images" / "layout"


def _note(tag: str, key: str) -> Path:
    return cache_root() / "images" / f"{tag.replace(':', '@')}-{key}.json"


def blob(digest: str) -> Path:
    """Return the file of one blob."""
    algorithm, _, value = digest.partition(":")
    return layout() / "blobs" / algorithm / value


def remember(tag: str, key: str, manifest: str) -> None:
    """Note that the image `tag`, built from inputs with hash `key`, has this manifest."""
    note = _note(tag, key)
    partial = note.with_name(f".{note.name}.new")
    partial.write_text(json.dumps({"manifest": manifest}))
    partial.replace(note)


def recall(tag: str, key: str) -> str | None:
    """Return the manifest of `tag` if it was built from exactly these inputs and is complete."""
    note = _note(tag, key)
    try:
        manifest = str(json.loads(note.read_text())["manifest"])
        if all(blob(digest).is_file() for digest in blobs(manifest)):
            note.touch()  # in use: kept for longer
            return manifest
    except (OSError, ValueError, KeyError):
        pass
    return None


def blobs(manifest: str) -> list[str]:
    """Return every blob of an image: manifest, configuration, layers."""
    content = json.loads(blob(manifest).read_text())
    return [manifest, content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]


def pushed(tag: str) -> str:
    """Return the manifest that a push into the layout has just named."""
    index = json.loads((layout() / "index.json").read_text())
    for entry in index["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
            return str(entry["digest"])
    raise BedError(
        f"image {tag} is not in {layout()} after its build; remove {layout().parent} and build again"
    )


def prune() -> None:
    """Forget all but the last few versions of each image, and remove blobs that nothing needs any more."""
    index_file = layout() / "index.json"
    if not index_file.is_file():
        return
    wanted = set(_kept_blobs())
    index = json.loads(index_file.read_text())
    index["manifests"] = [entry for entry in index["manifests"] if entry["digest"] in wanted]
    index_file.write_text(json.dumps(index))
    for file in (layout() / "blobs" / "sha256").iterdir():
        if f"sha256:{file.name}" not in wanted:
            file.unlink()


def _kept_blobs() -> Iterator[str]:
    notes: dict[str, list[Path]] = {}
    for note in (cache_root() / "images").glob("*@*-*.json"):
        notes.setdefault(note.name.rpartition("-")[0], []).append(note)
    for versions in notes.values():
        versions.sort(key=lambda note: note.stat().st_mtime, reverse=True)
        for old in versions[_VERSIONS:]:
            old.unlink()
        for note in versions[:_VERSIONS]:
            manifest = json.loads(note.read_text())["manifest"]
            if blob(manifest).is_file():
                yield from blobs(manifest)


def write_archive(target: Path, images: dict[str, str], *, present: Collection[str] = ()) -> int:
    """Write an archive of images (name -> manifest) without blobs that the reader has; return its size."""
    entries: list[dict[str, Any]] = []
    wanted: dict[str, None] = {}
    for name, manifest in images.items():
        size = blob(manifest).stat().st_size
        annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        entries.append({"mediaType": _MANIFEST, "digest": manifest, "size": size, "annotations": annotations})
        wanted.update(dict.fromkeys(blobs(manifest)))
    with tarfile.open(target, "w") as archive:
        _add_text(archive, "oci-layout", {"imageLayoutVersion": "1.0.0"})
        _add_text(archive, "index.json", {"schemaVersion": 2, "manifests": entries})
        for digest in wanted:
            if digest not in present:
                archive.add(blob(digest), arcname=f"blobs/{digest.replace(':', '/')}")
    return target.stat().st_size


def _add_text(archive: tarfile.TarFile, name: str, content: object) -> None:
    data = json.dumps(content).encode()
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
