"""Driving the runner in tests: in this process for most, as a process of its own where it is killed."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.contract.words import Operation
from switchback.runner.connect import Wishes
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Request
from switchback.runner.operations.perform import Ending, perform
from switchback.runner.session import Limits, Session
from switchback.runner.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.contract.words import Direction
    from switchback.runner.plan import PlannedStep

PROGRAM = Path(sys.executable).parent / "switchback"
QUICK = Limits(advisory=0.3, retries=3, first_pause=0.05, longest_pause=0.1, settle=10)


@dataclass
class Words:
    """A reporter that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(f"warning: {text}")

    def begin(self, steps: Sequence[PlannedStep]) -> None:
        pass

    def done(self, direction: Direction, migration_id: str, milliseconds: int | None, note: str) -> None:
        assert milliseconds is None or milliseconds >= 0
        self.lines.append(f"{direction} {migration_id} {note}".strip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def write(folder: Path, *names: str, **files: str) -> None:
    """Write migrations: `a_up="…"` becomes `a.up.sql`. Bare names get a table of that name and its drop."""
    for name in names:
        (folder / f"{name}.up.sql").write_text(f"CREATE TABLE t_{name} (id int PRIMARY KEY);\n")
        (folder / f"{name}.down.sql").write_text(f"DROP TABLE t_{name};\n")
    for key, text in files.items():
        stem, _, half = key.rpartition("_")
        (folder / f"{stem.lstrip('_')}.{half}.sql").write_text(text)


@dataclass
class Runner:
    """One database and one folder."""

    url: str
    folder: Path
    limits: Limits = QUICK
    schema: str = "switchback"
    role: str | None = None
    search_path: tuple[str, ...] = ()
    intent: str = ""

    def run(self, operation: Operation | str, **wishes: Any) -> Ending:
        """One operation in this process."""
        ending, _ = self.told(operation, **wishes)
        return ending

    def told(self, operation: Operation | str, **wishes: Any) -> tuple[Ending, Words]:
        """One operation, and what it said."""
        operation_id = wishes.pop("by", "cli-test")
        limits = wishes.pop("limits", self.limits)
        reason = wishes.pop("reason", "")
        intent = wishes.pop("intent", self.intent)
        request = Request(Operation(operation), operation_id, self.folder, **wishes)
        words = Words()
        stop = Stop()
        opener = Opener(
            self.url,
            Wishes(
                operation_id=operation_id,
                role=self.role,
                search_path=self.search_path,
                lock_timeout_ms=limits.lock_timeout_ms,
                statement_timeout_ms=limits.statement_timeout_ms,
                read_only=request.dry_run,
            ),
            words.warn,
            stop.wait,
        )
        author = Author(operation_id, intent, reason)
        session = Session(opener, Names(self.schema), author, stop, words, limits, self.search_path)
        try:
            return perform(session, request, opener), words
        finally:
            session.close()
            stop.close()

    def up(self, **wishes: Any) -> Ending:
        return self.run(Operation.MIGRATE, **wishes)

    def down(self, **wishes: Any) -> Ending:
        return self.run(Operation.ROLLBACK, **wishes)

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a query by a superuser."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description is not None else []

    @property
    def applied(self) -> list[str]:
        """Ids in the ledger in order of application."""
        return [row[0] for row in self.query(f"SELECT id FROM {self.schema}.migrations ORDER BY position")]

    @property
    def tables(self) -> set[str]:
        """Tables of the user."""
        rows = self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows}

    def environment(self) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.url, "CI": "true"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`switchback` as a process of its own."""
        return subprocess.Popen(
            [PROGRAM, *words], env=self.environment(), cwd=self.folder.parent, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def call(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`switchback` to its end."""
        return subprocess.run(
            [PROGRAM, *words], env={**self.environment(), **environment}, cwd=self.folder.parent, text=True,
            capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def with_limits(self, **limits: Any) -> Runner:
        return dataclasses.replace(self, limits=dataclasses.replace(self.limits, **limits))
