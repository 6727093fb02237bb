"""Dumps that were judged, without a server and without a fake AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from switchback.snapshots import contents, scratch
from switchback.snapshots.manifest import Manifest, Origin, Properties, Requester

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77"
FILES = {"toc.dat": b"PGDMP" * 10, "3001.dat.gz": bytes(range(256)) * 40, "blobs.toc": b""}
LARGE = {"toc.dat": b"PGDMP", "1.dat.gz": os.urandom(1024) * 11 * 1024}


def dump(
    root: Path, files: Mapping[str, bytes] = FILES, name: str = NAME, database: str = "shop"
) -> tuple[Path, Manifest]:
    """A dump that was judged, in the folder of its try, and its manifest."""
    partial = root / scratch.make(root, name)
    for file, raw in files.items():
        (partial / file).write_bytes(raw)
    return partial, Manifest(
        name=name,
        restore_point="2026-01-01T00:00:00.000000Z",
        origin=Origin(database, "7", 180006, 1, 1, 1),
        properties=Properties("o", "UTF8", "c", "C", "C", "", "", (), None, ("o",)),
        client_version="18.6",
        requester=Requester("3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0"),
        files=contents.hash_folder(partial),
    )
