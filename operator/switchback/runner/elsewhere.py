"""A second folder for ways back: the files that were applied last, where the present ones leave some out."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.migrations.load import load
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from switchback.migrations.model import Migration


class Elsewhere:
    """The folder, read when something is looked up in it for the first time.

    Args:
        folder: where the files are.
        format: name of their format; None to look.
        ignore: patterns of files that are no migrations.

    Raises:
        RunnerError: `Usage` when there is no such folder.
    """

    def __init__(self, folder: Path, format: str | None, ignore: Sequence[str]) -> None:  # noqa: A002 - as the flag
        if not folder.is_dir():
            raise RunnerError(
                Reason.USAGE,
                f"--down-dir names {folder}, which is no folder.",
                "Name the folder with the files that were applied, or leave the option out.",
            )
        self.folder = folder
        self._format = format
        self._ignore = ignore

    @cached_property
    def _files(self) -> dict[str, Migration]:
        return load(self.folder, self._format, self._ignore).by_id

    def find(self, migration_id: str) -> Migration | None:
        """The migration of that id; its halves say where they are.

        Raises:
            SourceProblem: the folder cannot be used.
        """
        found = self._files.get(migration_id)
        if found is None:
            return None
        up = replace(found.up, path=str(self.folder / found.up.path))
        down = None if found.down is None else replace(found.down, path=str(self.folder / found.down.path))
        return replace(found, up=up, down=down)
