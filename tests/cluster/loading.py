"""Put built images into the node, only those that it does not have."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import image_store, record
from tests.cluster.console import step
from tests.cluster.errors import BedError
from tests.cluster.run import locked, run

if TYPE_CHECKING:
    from tests.cluster.paths import Bed


def load(bed: Bed, images: dict[str, str]) -> list[str]:
    """Bring the node's images up to date (name -> manifest); return the names of those that changed."""
    with locked(bed.lock, f"bed {bed.name}"):
        note = record.load(bed)
        if note is None or note.ready_seconds is None:
            raise BedError(f"bed {bed.name} is not up; `make cluster` starts it")
        changed = {name: manifest for name, manifest in images.items() if note.images.get(name) != manifest}
        if not changed:
            return []
        with step(f"loading {', '.join(sorted(changed))} into the node"):
            _import(bed, changed)
        note.images.update(changed)
        note.save(bed)
    return sorted(changed)


def _ctr(bed: Bed, *argv: str, timeout: float = 60) -> str:
    return run(["ctr", f"--address={bed.socket}", "--namespace=k8s.io", *argv], timeout=timeout).stdout


def _import(bed: Bed, images: dict[str, str]) -> None:
    present = set(_ctr(bed, "content", "ls", "-q").split())
    with tempfile.TemporaryDirectory(prefix="load-", dir=bed.state) as temporary:
        archive = Path(temporary) / "images.tar"
        image_store.write_archive(archive, images, present=present)
        try:
            _ctr(bed, "images", "import", str(archive), timeout=600)
        except BedError:
            # The node may have dropped an old layer just now: this time with all of them.
            image_store.write_archive(archive, images)
            _ctr(bed, "images", "import", str(archive), timeout=600)
