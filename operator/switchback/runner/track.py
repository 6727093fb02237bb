"""Following the replies to a batch: which bundle is committed, and where in which file an error belongs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from switchback.runner.bundle import END_OF_FILE, GUARD

if TYPE_CHECKING:
    from switchback.migrations.script import Statement
    from switchback.runner.bundle import Batch, Bundle
    from switchback.runner.wire import Reply, ServerError

_ENDS = frozenset({"COMMIT", "ROLLBACK", "PREPARE TRANSACTION"})
"""Tags of what ends a transaction. ROLLBACK TO SAVEPOINT has one of them, and ends nothing."""


class Where(Enum):
    """Which part of a bundle failed."""

    RECORD = "before the file began"
    FILE = "in the file"
    GUARD = "the guard after the file"
    COMMIT = "at COMMIT"


@dataclass(frozen=True)
class Failure:
    """An error with its place.

    Attributes:
        index: of the bundle in the batch.
        where: part of the bundle.
        error: what the server said.
        statement: the statement of the file that failed, when it is known.
        line: in the file, when it is known.
        ran: whether anything of the batch ran before it; a syntax error anywhere lets nothing run.
        committed_inside: how many statements of the file were committed by a COMMIT inside it.
        ended: whether a statement of the file may have ended the transaction.
    """

    index: int
    where: Where
    error: ServerError
    statement: Statement | None = None
    line: int | None = None
    ran: bool = True
    committed_inside: int = 0
    ended: bool = False

    @property
    def is_unplaced(self) -> bool:
        """Whether the whole string was refused without a word about where, as for a wrong character."""
        return not self.ran and not self.error.position and self.where is Where.RECORD


class Tracker:
    """Counts replies against statements. The guard's column name marks every bundle's end anew."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.index = 0
        self.failure: Failure | None = None
        self.after: Reply | None = None
        self._seen = 0
        self._guard: Reply | None = None
        self._any = False
        self._commits = 0
        self._ended = False

    @property
    def so_far(self) -> list[str]:
        """Ids of the migrations of which something has run."""
        return [bundle.migration_id for bundle in self.batch.bundles[: self.index + 1]]

    def feed(self, reply: Reply) -> tuple[Bundle, int | None] | None:
        """Take the next reply. Gives a bundle and its milliseconds when that bundle is committed by it."""
        if self.index == len(self.batch.bundles):
            self.after = reply  # asked after the last COMMIT: not a word about the bundles
            return None
        if reply.error is not None:
            self.failure = self._place(reply.error)
            return None
        self._any = True
        bundle = self.batch.bundles[self.index]
        if self._guard is not None:
            milliseconds = self._guard.row[1]
            self.index += 1
            self._seen, self._guard, self._commits, self._ended = 0, None, 0, False
            return bundle, None if milliseconds is None else int(milliseconds)
        if reply.column == GUARD:
            self._guard = reply
        if not reply.tag:  # one of several results of a statement, as rules make them: its own is to come
            return None
        self._seen += 1
        if reply.tag in _ENDS:
            self._ended = True
        if reply.tag == "COMMIT":
            self._commits = self._seen - bundle.head_count
        return None

    def _place(self, error: ServerError) -> Failure:
        if error.position:
            return self._by_position(error)
        bundle = self.batch.bundles[self.index]
        number = self._seen - bundle.head_count
        if self._guard is not None:
            statement = _mentioning(bundle, error)
            return self._failure(Where.COMMIT, error, statement)
        if number < 0:
            return self._failure(Where.RECORD, error, None)
        if number < bundle.count:
            return self._failure(Where.FILE, error, bundle.statements[number])
        return self._failure(Where.GUARD, error, None)

    def _failure(self, where: Where, error: ServerError, statement: Statement | None) -> Failure:
        line = None if statement is None else statement.line
        return Failure(self.index, where, error, statement, line, self._any, self._commits, self._ended)

    def _by_position(self, error: ServerError) -> Failure:
        index, offset = self.batch.locate(error.position)
        bundle = self.batch.bundles[index]
        if offset < 0:
            return Failure(index, Where.RECORD, error, ran=self._any)
        if offset >= len(bundle.body) + len(END_OF_FILE):
            return self._failure(Where.GUARD, error, None)
        statement = next((s for s in reversed(bundle.statements) if s.offset <= offset), None)
        end = len(bundle.body.rstrip())
        line = bundle.first_line + bundle.body.count("\n", 0, min(offset, end))
        return Failure(index, Where.FILE, error, statement, line, self._any, self._commits, self._ended)


def _mentioning(bundle: Bundle, error: ServerError) -> Statement | None:
    """The statement that a failure at COMMIT is about: the last that names the table of the constraint."""
    naming = [s for s in bundle.statements if error.table and error.table.lower() in s.text.lower()]
    writing = [
        s for s in naming if s.words[:1] in (("INSERT",), ("UPDATE",), ("DELETE",), ("MERGE",), ("COPY",))
    ]
    found = writing or naming or list(bundle.statements)
    return found[-1] if found else None
