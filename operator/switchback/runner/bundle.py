"""What travels to the server for one transactional migration, and batches of it as one string."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from switchback.runner.ledger.names import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchback.migrations.script import Statement

BATCH_FILES = 64
BATCH_CHARACTERS = 1024 * 1024

RESETS = "RESET SESSION AUTHORIZATION;RESET ROLE;"
"""Back to whoever may write into the ledger."""
CLEAN = f"{RESETS}RESET ALL;"
"""The session as it began."""

_NEXT = "".join(f"RESET default_transaction_{each};" for each in ("isolation", "read_only", "deferrable"))
"""What the next transaction begins with. It begins with the first statement after COMMIT, which for the next
file in the string is the head's first RESET: too late to undo there what a file before has set."""

_FLUSH = "DROP TABLE IF EXISTS pg_temp.switchback_flush;"
FLUSH_MARKS = ("switchback_flush", "pg_temp")
"""Behind another one every bundle begins with a statement that raises a NOTICE: the server holds results back
until 8 KB are full or the string is done, but a NOTICE makes it send what it has. It names the table, or its
schema while the session has made no temporary table yet: these words tell it from the files' own."""

APPLICATION_NAME_BYTES = 63
GUARD = "switchback_guard"
END_OF_FILE = "\n;\n"
"""Behind a file, which may end in a comment or without a semicolon."""


STATEMENT_LIMIT = "SET LOCAL statement_timeout"
_UNLIMITED = "RESET statement_timeout;"
"""Else the head of the next file, which resets everything, would have to hurry."""

_NO_WAITING = "SET LOCAL synchronous_commit = off;"
"""For all but the last transaction of a string. The server writes commits to disk in their order, so the one
that waits for the disk has waited for all before it."""

_WAITING = "RESET synchronous_commit;"
"""Before the guard of that one: what its file has set is for itself alone, and others rely on the commit."""

DISCARD_TEMP = "DISCARD TEMP;"
"""Before each step: a temporary table would hide the real one from the files after it, in this run alone."""

FORGET = "DEALLOCATE ALL;CLOSE ALL;UNLISTEN *;"
"""Before a step that speaks of them: prepared statements, cursors WITH HOLD and LISTEN outlive a transaction,
and one that was rolled back and is tried again, too."""
FORGET_COUNT = 3
_OUTLIVING = frozenset({"PREPARE", "EXECUTE", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE", "LISTEN"})

RESET_COUNT = 4


def reset(migration_id: str, operation_id: str, flush: str = "") -> str:
    """`RESET_COUNT` statements that undo what files before have set, and say what is running now.

    `flush` comes in between: what files have set could keep its NOTICE back.
    """
    name = literal(application_name(migration_id, operation_id))
    return f"{CLEAN}{flush}SET application_name = {name};"


def application_name(migration_id: str, operation_id: str) -> str:
    """`switchback <id> <operation id>` in the 63 bytes that the server keeps; a long id is cut."""
    room = APPLICATION_NAME_BYTES - len(f"switchback  {operation_id}".encode())
    return f"switchback {migration_id.encode()[: max(0, room)].decode(errors='ignore')} {operation_id}"


@dataclass(frozen=True)
class Bundle:
    """One transaction: our settings, the record, what the file wants, the guard.

    Attributes:
        migration_id: whose.
        path: the file, for messages.
        body: what is sent of the file; empty when nothing but the record changes.
        statements: of the body, with their offsets in it.
        first_line: line of the file on which the body begins.
        settings: statements of `SET LOCAL`, each with its semicolon.
        record: first statement of the transaction, into the ledger.
        guard: last statement before COMMIT.
        operation_id: shown in `application_name`.
        setup: statements of the file that have run before and set the session up, sent again.
        begins_step: whether the step begins with it: then nothing temporary of the steps before is left.
        lock_timeout_ms: what ends its waiting, so that blockers are looked for early; 0: nothing does.
        waits_for_disk: whether its commit is on disk when the server tells of it.
        flushes: whether the server is made to send what it has to tell of those before.
        for_others: whether those before have not waited for the disk, so that its own file has no say in it.
    """

    migration_id: str
    path: str
    body: str
    statements: tuple[Statement, ...]
    first_line: int
    settings: tuple[str, ...]
    record: str
    guard: str
    operation_id: str
    setup: tuple[str, ...] = ()
    begins_step: bool = True
    lock_timeout_ms: int = 0
    waits_for_disk: bool = True
    flushes: bool = False
    for_others: bool = False

    @cached_property
    def head(self) -> str:
        """What comes before the file."""
        setup = "".join(f"{text}\n;" for text in self.setup)
        discard = (DISCARD_TEMP if self.begins_step else "") + (FORGET if self.forgets else "")
        flush = _FLUSH if self.flushes else ""
        return (
            f"{reset(self.migration_id, self.operation_id, flush)}{discard}BEGIN;"
            f"{'' if self.waits_for_disk else _NO_WAITING}{''.join(self.settings)}{self.record};{setup}\n"
        )

    @property
    def head_count(self) -> int:
        """How many statements `head` has."""
        discards = self.begins_step + FORGET_COUNT * self.forgets
        settings = len(self.settings) + (not self.waits_for_disk)
        return self.flushes + RESET_COUNT + discards + 2 + settings + len(self.setup)

    @cached_property
    def forgets(self) -> bool:
        """Whether what outlives a transaction is forgotten before it."""
        return self.begins_step and any(s.words[:1] and s.words[0] in _OUTLIVING for s in self.statements)

    @cached_property
    def tail(self) -> str:
        """What comes after the file. A limit that it has set for its own statements is not meant for ours."""
        own = next((text for text in self.settings if text.startswith(STATEMENT_LIMIT)), "")
        waits = _WAITING if self.for_others else ""
        return f"{END_OF_FILE}{_UNLIMITED}{own}{RESETS}{_NEXT}{waits}{self.guard};COMMIT;\n"

    @property
    def count(self) -> int:
        """How many statements the file has."""
        return len(self.statements)

    @cached_property
    def text(self) -> str:
        """The whole bundle."""
        return self.head + self.body + self.tail


@dataclass(frozen=True)
class Batch:
    """Consecutive bundles that travel as one string, and what is asked after the last of them."""

    bundles: tuple[Bundle, ...]
    after: str = ""

    @cached_property
    def text(self) -> str:
        """The string."""
        return "".join(bundle.text for bundle in self.bundles) + self.after

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((len(bundle.text) for bundle in self.bundles), initial=0))[:-1]

    def locate(self, position: int) -> tuple[int, int]:
        """From a position that the server gave to (index of the bundle, offset in its file's body).

        The offset is negative in the head and not below the body's length in the tail.
        """
        offset = position - 1
        index = bisect_right(self._starts, offset) - 1
        return index, offset - self._starts[index] - len(self.bundles[index].head)


def batches(bundles: Sequence[Bundle], after: str, *, flush: bool = True) -> Iterator[Batch]:
    """`bundles` in order, as many at a time as one string should hold; a large file travels alone.

    Args:
        bundles: what is to be sent.
        after: asked behind each batch.
        flush: whether the server is to tell of each as soon as it is done.
    """
    held: list[Bundle] = []
    size = 0
    for bundle in bundles:
        length = len(bundle.text) + len(_NO_WAITING) + len(_FLUSH) + len(_WAITING)
        if held and (len(held) == BATCH_FILES or size + length > BATCH_CHARACTERS):
            yield Batch(tuple(_joined(held, flush=flush)), after)
            held, size = [], 0
        held.append(bundle)
        size += length
    if held:
        yield Batch(tuple(_joined(held, flush=flush)), after)


def _joined(bundles: Sequence[Bundle], *, flush: bool) -> Iterator[Bundle]:
    """The last one waits for the disk, for all of them; all but the first have others to tell of."""
    last = len(bundles) - 1
    for index, bundle in enumerate(bundles):
        waits, flushes = index == last, flush and index > 0
        if not last:
            yield bundle
        else:
            yield replace(bundle, waits_for_disk=waits, flushes=flushes, for_others=waits)
