"""Folders for the tests of formats: written from a table, read, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.migrations.errors import SourceProblem
from switchback.migrations.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from switchback.migrations.errors import Problem
    from switchback.migrations.model import Source

Files = dict[str, "str | bytes"]


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files; a slash in a name makes a sub-folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(folder: Path, files: Mapping[str, str | bytes], name: str | None = None) -> Source:
    """The source that a folder of these files is."""
    write(folder, files)
    return load(folder, name)


def problems(
    folder: Path,
    files: Mapping[str, str | bytes],
    name: str | None = None,
    ignore: tuple[str, ...] = (),
) -> list[Problem]:
    """Everything that is wrong with a folder of these files, or inside its texts."""
    write(folder, files)
    with pytest.raises(SourceProblem) as caught:
        load(folder, name, ignore).check()
    for problem in caught.value.problems:
        assert problem.reason in {Reason.SOURCE_INVALID, Reason.SOURCE_EMPTY}
        assert problem.message.endswith(".")
        assert problem.render().endswith((".", "?"))
        assert "\n" not in problem.render()
    return list(caught.value.problems)


def assert_refused(found: list[Problem], file: str, line: int | None, words: str) -> None:
    """One of the problems is at this place and says these words."""
    assert any((p.file, p.line) == (file, line) and words in p.message for p in found), found
