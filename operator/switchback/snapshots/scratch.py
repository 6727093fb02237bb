"""The folder that one try dumps into: made, and removed when the try has failed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from switchback.snapshots.layout import PARTIAL, partial_name

if TYPE_CHECKING:
    from pathlib import Path


def make(root: Path, name: str) -> str:
    """Create the folder of this try, for this user alone, and return its name."""
    folder = partial_name(name)
    (root / folder).mkdir(mode=0o700)
    return folder


def remove(root: Path, partial: str) -> None:
    """Remove the folder of a try that may still be under way, or whatever else has such a name.

    It gets another name first. Whoever still works in it meets a missing folder then, and never one that
    lacks some of its files, which would be sealed as if they had not been there.
    """
    path = root / partial
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    doomed = root / partial_name(partial.removesuffix(PARTIAL).rpartition(".")[0])
    path.rename(doomed)
    shutil.rmtree(doomed)


def discard(root: Path, partial: str) -> str:
    """Remove the folder of a try that failed, so that its space is free; returns a sentence about it."""
    try:
        remove(root, partial)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"The incomplete dump {partial} could not be removed: {error.strerror}."
    return "The incomplete dump was removed."
