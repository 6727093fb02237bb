"""What all parts of one run share: where, on whose behalf, within which limits, and the connections."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

from switchback.runner import lock
from switchback.runner.bundle import FLUSH_MARKS
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.contract.words import Direction
    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.ledger.names import Names
    from switchback.runner.plan import PlannedStep
    from switchback.runner.redact import Redactor
    from switchback.runner.stop import Stop


class Reporter(Protocol):
    """Where sentences for people go while a run is under way."""

    def say(self, text: str) -> None:
        """What is going on."""

    def warn(self, text: str) -> None:
        """Something that a person should know."""

    def begin(self, steps: Sequence[PlannedStep]) -> None:
        """These steps are about to run, in this order."""

    def done(self, direction: Direction, migration_id: str, milliseconds: int | None, note: str) -> None:
        """One migration is committed. `note` says what is unusual about it, or nothing."""


class Connector(Protocol):
    """Opens connections by purpose: `work` does, `observe` looks who blocks."""

    def __call__(self, purpose: str, within: float | None = None) -> psycopg.Connection[Any]:
        """A new connection in autocommit. `within`: longest time for an attempt, in seconds."""

    def prove_apart(self, first: psycopg.Connection[Any], second: psycopg.Connection[Any]) -> None:
        """Raise when two idle connections meet in one session: a pooler is in between."""

    def redactor(self) -> Redactor:
        """What takes the address's secrets out of texts."""

    def explain(self, error: psycopg.Error) -> RunnerError:
        """From what the driver raised on an open connection to an error for people."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run waits, in seconds unless the name says otherwise.

    Attributes:
        lock_timeout_ms: for each lock that a file with DDL needs; 0 is for ever.
        statement_timeout_ms: for each statement; 0 is for ever.
        advisory: for another run to end.
        retries: how often a transaction is tried again after it could not get its locks.
        first_pause: before the first of those retries; it doubles up to `longest_pause`, with jitter.
        longest_pause: between two retries.
        settle: for finding out, after a lost connection, what was committed.
    """

    lock_timeout_ms: int = 2000
    statement_timeout_ms: int = 0
    advisory: float = 60.0
    retries: int = 10
    first_pause: float = 1.0
    longest_pause: float = 30.0
    settle: float = 60.0


@dataclass
class Session:
    """One run: its connections, and on whose behalf it uses them."""

    open: Connector
    names: Names
    author: Author
    stop: Stop
    reporter: Reporter
    limits: Limits = field(default_factory=Limits)
    search_path: tuple[str, ...] = ()
    lock_number: int | None = None
    last_event: int = 0
    _work: psycopg.Connection[Any] | None = None
    _observer: psycopg.Connection[Any] | None = None

    @property
    def work(self) -> psycopg.Connection[Any]:
        """The connection that does the work and holds the lock; opened on first use."""
        if self._work is None:
            self._work = self._listened(self.open("work"))
        return self._work

    def observer(self, within: float | None = None) -> psycopg.Connection[Any]:
        """A second connection that only looks; opened when it is not there, in so many seconds."""
        if self._observer is None or self._observer.closed:
            self._observer = self.open("observe", within)
        return self._observer

    def read(self) -> Ledger:
        """The ledger as it is now.

        Raises:
            RunnerError: `Usage` when its schema's name can be none; see `read.read`.
        """
        read.refuse_odd_name(self.names.schema)
        return read.read(self.work, self.names)

    def lock(self, ledger: Ledger, seconds: float | None = None) -> Ledger:
        """Take the lock, and read again what may have changed while nobody held it.

        Returns:
            The ledger as it is under the lock.

        Raises:
            RunnerError: `LockTimeout`, `OrphanRunning`; `PoolerRefused` when the lock would not be one.
        """
        self._prove_apart()
        number = lock.key(self.names, ledger.identity.database.name)
        lock.take(
            self.work,
            number,
            seconds=self.limits.advisory if seconds is None else seconds,
            operation_id=self.author.operation_id,
            stop=self.stop,
            tell=self.reporter.say,
        )
        self.lock_number = number
        revision, self.last_event = read.revision(self.work, self.names)
        return ledger if revision == ledger.revision else self.read()

    def _prove_apart(self) -> None:
        """Make sure that the lock will belong to this run alone. Without a second connection: not known."""
        try:
            second = self.observer()
        except RunnerError:
            return  # no connection is left for it; the pid told by the protocol has been compared already
        self.open.prove_apart(self.work, second)

    def unlock(self) -> None:
        """Give the lock back while going on with reading."""
        if self.lock_number is not None:
            lock.release(self.work, self.lock_number)
            self.lock_number = None

    def ensure(self, ledger: Ledger, rows: str = "") -> Ledger:
        """A ledger that can be written, made when there is none. Under the lock.

        What another tool's history says, as `adoption.take` has looked it up, is written in the same
        transaction, and so are `rows`: statements, each with its semicolon.

        Raises:
            RunnerError: `LedgerNewer`; `PlanMoved`, `ObjectsLocked` when the other tool is at work.
        """
        read.refuse_newer(ledger, self.names)
        if ledger.meta is not None:
            return ledger
        adoption, author = ledger.adoption, self.author
        from switchback.runner.adoption import take  # noqa: PLC0415 - once in the life of a database
        from switchback.runner.ledger import schema  # noqa: PLC0415 - same

        more = rows if adoption is None else take.sql(self.names, author, adoption)
        text = schema.creation(self.names, ledger.identity, author.operation_id, author.intent_digest, more)
        try:
            self.work.execute(text.encode())
        except BaseException as error:
            with contextlib.suppress(Exception):
                self.work.execute("ROLLBACK")
            if adoption is not None and isinstance(error, psycopg.Error):
                raise take.explained(error, adoption) from None
            raise
        return self.read()

    def reconnect(self, within: float | None = None) -> None:
        """Open a new work connection in place of one that broke. The lock went with the old one.

        Args:
            within: longest time for an attempt, in seconds.
        """
        if self._work is not None:
            self._work.close()
        self._work, self.lock_number = None, None
        self._work = self._listened(self.open("work", within))

    def _listened(self, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
        """Hand on what files say with RAISE, and what CASCADE takes along; not our own flushing notice."""

        def tell(notice: psycopg.errors.Diagnostic) -> None:
            text = notice.message_primary or ""
            if not any(mark in text for mark in FLUSH_MARKS):
                self.reporter.say(f"{notice.severity}: {self.open.redactor().clean(text)}")

        connection.add_notice_handler(tell)
        return connection

    def close(self) -> None:
        """Close both connections; the server then rolls back and unlocks."""
        for connection in (self._work, self._observer):
            if connection is not None:
                connection.close()
        self._work = self._observer = None
