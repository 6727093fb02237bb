"""The files of a restore point: hashed, compared with the manifest, published."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.layout import KEEP, MANIFEST
from switchback.snapshots.manifest import FileEntry, Manifest, decode, digest, encode, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_CHUNK = 1024 * 1024
_LONGEST = 256 * 1024 * 1024
"""Bytes of a manifest: enough for more than a million files."""


def hash_folder(folder: Path, progress: Callable[[int], None] | None = None) -> tuple[FileEntry, ...]:
    """Size and hash of every file in `folder` but the manifest and a keep mark, by name.

    Args:
        folder: a dump in directory format.
        progress: called with the number of bytes read since the last call.

    Raises:
        RunnerError: SnapshotUnreadable; something in it is not a plain file.
        OSError: a file cannot be read.
    """
    return tuple(_entry(path, progress) for path in _members(folder))


def _members(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in {MANIFEST, KEEP}:
            continue
        if not stat.S_ISREG(path.lstat().st_mode):
            raise unreadable(f"{path} is not a plain file: pg_dump writes nothing else.")
        yield path


def _entry(path: Path, progress: Callable[[int], None] | None) -> FileEntry:
    sha, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
            if progress is not None:
                progress(len(chunk))
    return FileEntry(path.name, size, sha.hexdigest())


def read(folder: Path) -> tuple[Manifest, str]:
    """The manifest of `folder`, and its digest. Says nothing about the files: see `verify`.

    Raises:
        RunnerError: SnapshotUnreadable; there is none, or it cannot be understood.
    """
    path = folder / MANIFEST
    try:
        text = _text(path)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_restore_point(folder) from None
    except OSError as error:
        raise unreadable(f"{path} cannot be read: {error.strerror}.") from None
    return decode(text, path), digest(text)


def _text(path: Path) -> bytes:
    """All of a manifest. A link may lead anywhere, and a pipe never ends: neither is followed."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST:
        os.close(handle)
        raise unreadable(f"{path} is no plain file, or has more bytes than any manifest.")
    with os.fdopen(handle, "rb") as file:
        return file.read(_LONGEST)


def _no_restore_point(folder: Path) -> RunnerError:
    """Nothing was damaged: the path is another one than was meant."""
    what = "does not exist"
    if folder.is_dir():
        what = f"has no {MANIFEST}: it is not a finished restore point"
    return RunnerError(
        Reason.SNAPSHOT_UNREADABLE,
        f"{folder} {what}.",
        "Check the path; `switchback snapshot list DIR` shows the restore points of a folder.",
    )


def refuse_other_digest(folder: Path | str, found: str, wanted: str) -> None:
    """Stop when the manifest is another one than the one that is known by its digest.

    Raises:
        RunnerError: SnapshotUnreadable.
    """
    if found == wanted:
        return
    raise RunnerError(
        Reason.SNAPSHOT_UNREADABLE,
        f"{folder}/{MANIFEST} has the digest {found}, not {wanted}.",
        "This is another restore point than the one that the digest was noted for, or its manifest was "
        "changed since; compare path and digest with the status.",
    )


def verify(folder: Path, progress: Callable[[int], None] | None = None) -> tuple[Manifest, str]:
    """Read every byte of `folder` and compare it with its manifest, which is returned with its digest.

    Raises:
        RunnerError: SnapshotUnreadable, naming the first few files that are missing, added or changed.
    """
    manifest, checksum = read(folder)
    try:
        seen = {entry.path: entry for entry in hash_folder(folder, progress)}
    except OSError as error:
        raise unreadable(f"{error.filename} cannot be read: {error.strerror}.") from None
    refuse_different(str(folder), manifest, seen)
    return manifest, checksum


def refuse_different(where: str, manifest: Manifest, seen: Mapping[str, FileEntry]) -> None:
    """Compare what was read with the manifest.

    Raises:
        RunnerError: SnapshotUnreadable, naming the first few files that are missing, added or changed.
    """
    wanted = {entry.path: entry for entry in manifest.files}
    findings = [_difference(name, wanted.get(name), seen.get(name)) for name in sorted(wanted | dict(seen))]
    wrong = [finding for finding in findings if finding]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""  # noqa: PLR2004 - enough to see the kind
        raise unreadable(f"{where} is not what its manifest says: {'; '.join(wrong[:3])}{more}.")


def difference_of_sizes(manifest: Manifest, sizes: Mapping[str, int]) -> str:
    """What is wrong with the files by their names and sizes; empty when nothing is."""
    for entry in manifest.files:
        if entry.path not in sizes:
            return f"{entry.path} is missing"
        if sizes[entry.path] != entry.size:
            return f"{entry.path} has {sizes[entry.path]} bytes instead of {entry.size}"
    return ""


def _difference(name: str, wanted: FileEntry | None, seen: FileEntry | None) -> str:
    if seen is None:
        return f"{name} is missing"
    if wanted is None:
        return f"{name} was added"
    if seen.size != wanted.size:
        return f"{name} has {seen.size} bytes instead of {wanted.size}"
    return "" if seen.sha256 == wanted.sha256 else f"{name} has other content"


def publish(partial: Path, final: Path, manifest: Manifest) -> str:
    """Write the manifest into `partial` and give the folder its final name: all or nothing, also in a crash.

    Returns:
        The digest of the manifest.

    Raises:
        OSError: the volume is full or failed; `final` exists and is not empty (ENOTEMPTY, EEXIST).
    """
    text = encode(manifest)
    path = partial / MANIFEST
    with path.open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(partial)
    partial.rename(final)
    sync_folder(final.parent)
    return digest(text)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
