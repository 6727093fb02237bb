"""Where restore points are kept: a folder on a volume, or a prefix in a bucket. One Protocol for both."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.layout import DAMAGED, NAME, PARTIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from switchback.snapshots.manifest import Manifest

    Progress = Callable[[int], None] | None
    """Called with the number of bytes done since the last call."""

ROOM_ADVICE = (
    "The dump is made here before it is uploaded: make more room, for a pod by nodes with more of their own."
)
"""Of a full volume that is not the store itself."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


class State(StrEnum):
    """What one thing in a store is.

    `Sealed`: its manifest is there, and so are its files, by names and sizes. `Incomplete`: what a try left
    behind, or writes right now. `Damaged`: it did not verify, or lacks files. `Unreadable`: its manifest
    cannot be understood.
    """

    SEALED = "Sealed"
    INCOMPLETE = "Incomplete"
    DAMAGED = "Damaged"
    UNREADABLE = "Unreadable"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing in a store that is a restore point, or was to become one.

    Attributes:
        name: its name; of a try or of something damaged, what it is called in the store.
        state: what it is.
        manifest: when that can be read.
        digest: of the manifest.
        keep: whether there is a keep mark.
        why: what is wrong with it.
    """

    name: str
    state: State
    manifest: Manifest | None = None
    digest: str = ""
    keep: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a store holds. Nothing is deleted by one that is not `complete`; `trouble` says why it is not."""

    points: tuple[Point, ...]
    complete: bool = True
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """A restore point in the store. `adopted`: another try's of the same name, which was there before."""

    manifest: Manifest
    digest: str
    adopted: bool = False
    notices: tuple[str, ...] = ()


class Store(Protocol):
    """A place for restore points. What goes wrong in it is raised as a RunnerError."""

    @property
    def where(self) -> str:
        """What people call it."""
        ...

    @property
    def uploads(self) -> bool:
        """Whether a dump is made elsewhere first and then uploaded; else it is made in the store itself."""
        ...

    def locate(self, name: str) -> str:
        """What people call the restore point `name`."""
        ...

    def clear(self, name: str, uid_hash: str = "") -> list[str]:
        """Remove what killed tries left behind and what would be in the way of a new one; returns its names.

        Args:
            name: of the restore point that is wanted now.
            uid_hash: of the resource that it is for, if there is one. Of a resource only one try lives at a
                time, so those of its earlier operations may go as well.
        """
        ...

    def adopt(self, name: str, progress: Progress = None) -> tuple[Manifest, str] | str | None:
        """The restore point `name` if it is there already, verified in full, with the digest of its manifest.

        A run whose answer was lost is asked again: then the work is done. What does not verify is set aside,
        and its new name is returned; it is not deleted, because something in it may be of use to a person.
        """
        ...

    def publish(self, partial: Path, manifest: Manifest, progress: Progress = None) -> Published:
        """Make a restore point of the folder of a try: the manifest is written last.

        One that is there under that name is never replaced.
        """
        ...

    def read(self, name: str) -> tuple[Manifest, str]:
        """The manifest of `name`, and its digest. Says nothing about the files."""
        ...

    def verify(self, name: str, progress: Progress = None) -> tuple[Manifest, str]:
        """Read every byte of `name` and compare it with its manifest, which is returned with its digest."""
        ...

    def content(self) -> Content:
        """Everything in it that is a restore point, or was to become one. Files are not read."""
        ...

    def remove(self, name: str, digest: str) -> None:
        """Delete the restore point `name`, if its manifest still has this digest and it has no keep mark."""
        ...

    def remove_tries(self, uid_hash: str, before: float) -> list[str]:
        """Remove tries for the resource of this UID hash that were last written to before a time.

        Args:
            uid_hash: of the resource.
            before: seconds since 1970.

        Returns:
            The names of what was removed.
        """
        ...


def refuse_odd_name(name: str) -> None:
    """Stop names that are no plain folder name or that look like those of tries.

    Raises:
        RunnerError: Usage.
    """
    if not NAME.fullmatch(name) or name.endswith((PARTIAL, DAMAGED)):
        raise RunnerError(
            Reason.USAGE,
            f"{name!r} is no name for a restore point.",
            "Use letters, digits, dots, underscores and hyphens, and begin with a letter or digit.",
        )


def refuse_changed(where: str, found: str, listed: str) -> None:
    """Stop before something is deleted that is not what was decided about.

    Raises:
        RunnerError: SnapshotFailed.
    """
    if found != listed:
        raise RunnerError(
            Reason.SNAPSHOT_FAILED,
            f"{where} is not what was listed any more: it was not deleted.",
            "Run it again.",
        )


def refuse_kept(where: str) -> RunnerError:
    """The error for a keep mark that has appeared since the listing."""
    return RunnerError(
        Reason.SNAPSHOT_FAILED, f"{where} has a keep mark by now: it was not deleted.", "Run it again."
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


def size_text(size: float) -> str:
    """Bytes for people, such as `1.5 GiB`."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - the step between the units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
