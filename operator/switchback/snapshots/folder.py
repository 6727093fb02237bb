"""Restore points in a folder on a volume. The dump is made there, and renamed when it is complete."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents, scratch
from switchback.snapshots.layout import (
    DAMAGED,
    KEEP,
    MANIFEST,
    PARTIAL,
    is_partial_for,
    is_partial_of,
    partial_name,
)
from switchback.snapshots.store import (
    Content,
    Point,
    Published,
    State,
    refuse_changed,
    refuse_kept,
    telling,
)

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.snapshots.manifest import Manifest
    from switchback.snapshots.store import Progress


class FolderStore:
    """See `store.Store`. `root` is the folder; a restore point is a folder in it."""

    uploads = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def locate(self, name: str) -> str:
        """See `store.Store`."""
        return str(self.root / name)

    def clear(self, name: str, uid_hash: str = "") -> list[str]:
        """See `store.Store`. The volume would be filled by what killed tries leave behind."""
        with telling(self.root, "The folder with the restore points cannot be used"):
            left = [
                entry.name
                for entry in sorted(self.root.iterdir())
                if is_partial_of(name, entry.name) or (uid_hash and is_partial_for(uid_hash, entry.name))
            ]
            for folder in left:
                scratch.remove(self.root, folder)
        return left

    def adopt(self, name: str, progress: Progress = None) -> tuple[Manifest, str] | str | None:
        """See `store.Store`. What does not verify is renamed."""
        final = self.root / name
        with telling(self.root, "The folder with the restore points cannot be used"):
            if not final.exists():
                return None
            with contextlib.suppress(RunnerError):
                found = contents.verify(final, progress)
                if found[0].name == name:  # else it is a copy of another one
                    return found
            aside = f"{name}.{secrets.token_hex(4)}{DAMAGED}"
            final.rename(self.root / aside)
            return aside

    def publish(self, partial: Path, manifest: Manifest, progress: Progress = None) -> Published:
        """See `store.Store`. Nothing is copied: the folder gets its final name."""
        del progress
        with telling(self.root, "The dump could not be sealed"):
            digest = contents.publish(partial, self.root / manifest.name, manifest)
        return Published(manifest, digest)

    def read(self, name: str) -> tuple[Manifest, str]:
        """See `store.Store`."""
        return contents.read(self.root / name)

    def verify(self, name: str, progress: Progress = None) -> tuple[Manifest, str]:
        """See `store.Store`."""
        return contents.verify(self.root / name, progress)

    def content(self) -> Content:
        """See `store.Store`. Folders of others are left out, and so are links: they may lead anywhere."""
        try:
            folders = [
                path for path in sorted(self.root.iterdir()) if path.is_dir() and not path.is_symlink()
            ]
        except OSError as error:
            raise RunnerError(Reason.USAGE, f"{self.root} cannot be read: {error.strerror}.", "") from None
        points, trouble = [], ""
        for folder in folders:
            try:
                point = _point(folder)
            except OSError as error:
                if folder.name == "lost+found":
                    continue
                trouble = trouble or f"{folder} cannot be read: {error.strerror}."
                continue
            if point is not None:
                points.append(point)
        return Content(tuple(points), not trouble, trouble)

    def remove(self, name: str, digest: str) -> None:
        """See `store.Store`. The name goes at once; a crash leaves what a killed try leaves."""
        final = self.root / name
        refuse_changed(str(final), self.read(name)[1], digest)
        if (final / KEEP).exists():
            raise refuse_kept(str(final))
        with telling(self.root, f"{final} could not be deleted"):
            leaving = self.root / partial_name(name)
            final.rename(leaving)
            contents.sync_folder(self.root)
            shutil.rmtree(leaving)

    def remove_tries(self, uid_hash: str, before: float) -> list[str]:
        """See `store.Store`."""
        removed = []
        with telling(self.root, "What a killed try left behind could not be removed"):
            for folder in sorted(self.root.iterdir()):
                if is_partial_for(uid_hash, folder.name) and _last_written(folder) < before:
                    scratch.remove(self.root, folder.name)
                    removed.append(folder.name)
        return removed


def _last_written(folder: Path) -> float:
    inside = list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    return max(path.lstat().st_mtime for path in (folder, *inside))


def _point(folder: Path) -> Point | None:
    """What a folder is; None: somebody else's."""
    if folder.name.endswith(PARTIAL):
        return Point(folder.name, State.INCOMPLETE)
    if folder.name.endswith(DAMAGED):
        return Point(folder.name, State.DAMAGED)
    sizes = {path.name: path.lstat().st_size for path in folder.iterdir()}
    if MANIFEST not in sizes:
        return None
    keep = KEEP in sizes
    try:
        known, digest = contents.read(folder)
    except RunnerError as error:
        return Point(folder.name, State.UNREADABLE, keep=keep, why=error.message)
    why = contents.difference_of_sizes(known, sizes)
    if known.name != folder.name:
        why = why or f"its manifest is that of {known.name}"
    return Point(folder.name, State.DAMAGED if why else State.SEALED, known, digest, keep, why)
