"""A container image with migrations and `cp`, written as an OCI archive: one layer needs no build."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.errors import UnsupportedError
from tests.cluster.run import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.handle import Cluster

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OCI = "application/vnd.oci.image"


def load(cluster: Cluster, name: str, folder: str, files: Mapping[str, str], workdir: Path) -> None:
    """Bring an image `name` into the node that holds `files` in `folder`.

    Raises:
        UnsupportedError: this kind of cluster takes no images from here.
    """
    backend = cluster.backend
    inside = getattr(backend, "inside", None)
    bed = getattr(backend, "bed", None)
    if inside is None or bed is None:
        raise UnsupportedError(f"{backend.name}: image {name} is loaded into CLUSTER=local only")
    archive = workdir / "image.tar"
    write_archive(archive, name, _layer(folder, files))
    argv = ("ctr", f"--address={bed.socket}", "--namespace=k8s.io", "images", "import", str(archive))
    run(inside(*argv), timeout=60)


def write_archive(target: Path, name: str, layer: bytes) -> None:
    """An OCI archive of one image with one layer (a tar file)."""
    packed = gzip.compress(layer, mtime=0)
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "config": {},
    }
    config_blob = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _descriptor("config.v1+json", config_blob),
        "layers": [_descriptor("layer.v1.tar+gzip", packed)],
    }
    manifest_blob = json.dumps(manifest).encode()
    entry = {
        **_descriptor("manifest.v1+json", manifest_blob),
        "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name},
    }
    with tarfile.open(target, "w") as archive:
        _add(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        for blob in (config_blob, packed, manifest_blob):
            _add(archive, "blobs/" + _digest(blob).replace(":", "/"), blob)


def _layer(folder: str, files: Mapping[str, str]) -> bytes:
    busybox = Path(shutil.which("busybox") or "/bin/busybox").read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        _add(layer, "bin/cp", busybox, mode=0o755)  # busybox is what it is called by
        for name, text in files.items():
            _add(layer, f"{folder.strip('/')}/{name}", text.encode())
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes, *, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    archive.addfile(info, io.BytesIO(data))


def _descriptor(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _architecture() -> str:
    return _ARCHITECTURES[platform.machine()]
