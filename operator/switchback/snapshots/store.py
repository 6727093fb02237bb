"""The folder with the restore points: tries, finished ones, damaged ones, and what a volume does wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents
from switchback.snapshots.layout import DAMAGED, NAME, is_partial_for, is_partial_of, partial_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from switchback.snapshots.manifest import Manifest

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def refuse_odd_name(name: str) -> None:
    """Stop names that are no plain folder name or that look like those of tries.

    Raises:
        RunnerError: Usage.
    """
    if not NAME.fullmatch(name) or name.endswith((".partial", DAMAGED)):
        raise RunnerError(
            Reason.USAGE,
            f"{name!r} is no name for a restore point.",
            "Use letters, digits, dots, underscores and hyphens, and begin with a letter or digit.",
        )


@contextlib.contextmanager
def telling(root: Path, doing: str) -> Iterator[None]:
    """Inside the block an OSError becomes an error for people: what was being done, and what the volume did.

    Raises:
        RunnerError: SnapshotVolumeFull, SnapshotFailed.
    """
    try:
        yield
    except OSError as error:
        raise trouble(root, doing, error) from None


def trouble(root: Path, doing: str, error: OSError) -> RunnerError:
    """What an error of the operating system means for the folder `root`."""
    if error.errno in _FULL:
        return RunnerError(Reason.SNAPSHOT_VOLUME_FULL, f"{doing}: {full(root)}")
    what = f"{error.filename or root}: {error.strerror or type(error).__name__}"
    if error.errno in _NOT_ALLOWED:
        advice = f"Make {root} writable for user {os.geteuid()}, with fsGroup or by its owner."
        return RunnerError(Reason.SNAPSHOT_FAILED, f"{doing}: {what}.", advice)
    return RunnerError(Reason.SNAPSHOT_FAILED, f"{doing}: {what}.")


def full(root: Path) -> str:
    """How full the volume of `root` is, as a sentence."""
    try:
        usage = shutil.disk_usage(root)
    except OSError:
        return "the volume is full."
    return f"the volume is full ({size_text(usage.free)} of {size_text(usage.total)} left)."


def clear_partials(root: Path, name: str, uid_hash: str = "") -> list[str]:
    """Remove what killed tries left behind, so that the volume is not filled by them.

    Args:
        root: the folder with the restore points.
        name: of the restore point that is wanted now.
        uid_hash: of the resource that it is for, if there is one. Of a resource only one try lives at a time,
            so those of its earlier operations go as well: nobody will ask for their names again.

    Returns:
        The names of the folders.
    """
    left = [
        entry.name
        for entry in sorted(root.iterdir())
        if is_partial_of(name, entry.name) or (uid_hash and is_partial_for(uid_hash, entry.name))
    ]
    for folder in left:
        shutil.rmtree(root / folder)
    return left


def make_partial(root: Path, name: str) -> str:
    """Create the folder of this try, for this user alone, and return its name."""
    folder = partial_name(name)
    (root / folder).mkdir(mode=0o700)
    return folder


def discard(root: Path, partial: str) -> str:
    """Remove the folder of a try that failed, so that its space is free; returns a sentence about it."""
    try:
        shutil.rmtree(root / partial)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"The incomplete dump {partial} could not be removed: {error.strerror}."
    return "The incomplete dump was removed."


def adopt(
    root: Path, name: str, progress: Callable[[int], None] | None = None
) -> tuple[Manifest, str] | str | None:
    """The restore point `name` if it is there already, verified in full, with the digest of its manifest.

    A run whose answer was lost is asked again: then the work is done. What does not verify is moved aside,
    and its new name is returned; it is not deleted, because something in it may still be of use to a person.
    """
    final = root / name
    if not final.exists():
        return None
    try:
        return contents.verify(final, progress)
    except RunnerError:
        aside = f"{name}.{secrets.token_hex(4)}{DAMAGED}"
        final.rename(root / aside)
        return aside


def size_text(size: int) -> str:
    """Bytes for people, such as `1.5 GiB`."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - the step between the units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
