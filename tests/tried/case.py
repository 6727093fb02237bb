"""What a case is: files, what comes of them, and what is asserted afterwards. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason, meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

UP = "0001_x.up.sql"
NEXT = "99999_next"
"""A migration that every test adds behind the files of its case: it finds the session as it should be."""

_OUTCOMES = {
    0: "runs",
    4: "refused before anything runs",
    7: "rolled back",
    8: "fails in the server, and is rolled back",
}


@dataclass(frozen=True)
class Case:
    """One odd thing.

    Attributes:
        what: what is odd, for the table.
        up: the text of `0001_x.up.sql`, or what makes it; None when `files` or `arrange` say everything.
        result: what comes of it, for the table; empty where the exit code says it.
        reason: how `switchback migrate` ends.
        message: what it prints where it is refused, in full; `{folder}` stands for the folder.
        files: further files by name.
        arrange: makes what is no plain file; gets the folder.
        sees: queries with the one value that each gives afterwards.
        tables: tables of the user that there are afterwards, beside `next`.
        before: SQL of a superuser before the run.
        after: the same after it, for what is not in the database itself.
        says: words that the run prints among others.
    """

    what: str
    up: str | bytes | Callable[[], str | bytes] | None = None
    result: str = ""
    reason: Reason = Reason.SUCCEEDED
    message: str = ""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    arrange: Callable[[Path], None] | None = None
    sees: Mapping[str, object] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    before: str = ""
    after: str = ""
    says: str = ""

    @property
    def exit_code(self) -> int:
        """What `switchback migrate` ends with."""
        return int(meaning(self.reason).exit_code)

    @property
    def is_refused(self) -> bool:
        """Whether the file does not run."""
        return self.exit_code != 0

    @property
    def outcome(self) -> str:
        """What comes of it, in words."""
        return self.result or _OUTCOMES[self.exit_code]

    def write(self, folder: Path) -> None:
        """Make the folder."""
        files = dict(self.files)
        if self.up is not None:
            files[UP] = self.up() if callable(self.up) else self.up
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(raw)
        if self.arrange is not None:
            self.arrange(folder)
