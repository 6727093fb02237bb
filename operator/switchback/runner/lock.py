"""One runner at a time per database and ledger: a session advisory lock on the connection that does the work.

On the work connection, because a lock held elsewhere lets the server process of a killed runner go on beside
its successor: it dies with the session that works, no earlier and no later. It is polled, never waited for
inside the server: a waiting session holds a snapshot, and CREATE INDEX CONCURRENTLY would wait for that.
"""

# ruff: noqa: S608 - built from numbers alone

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.model import LAPTOP

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from switchback.runner.ledger.names import Names
    from switchback.runner.stop import Stop
    from switchback.runner.wire import Reply

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 1.0
TELL_AFTER_SECONDS = 1.0

_HELD = "switchback_lock"


def key(names: Names, database: str) -> int:
    """The lock's number: signed 64 bits from a hash over database and schema of the ledger."""
    digest = hashlib.sha256(f"switchback/{database}/{names.schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _oid(number: int) -> str:
    return f"'{number}'::pg_catalog.oid"


def _where(number: int) -> str:
    unsigned = number & (2**64 - 1)
    return (
        "l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted "
        f"AND l.classid = {_oid(unsigned >> 32)} AND l.objid = {_oid(unsigned & (2**32 - 1))} "
        "AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())"
    )


def held_query(number: int) -> str:
    """A statement that gives 1 when this session holds the lock, else 0."""
    return (
        f"SELECT count(*) AS {_HELD} FROM pg_catalog.pg_locks l "
        f"WHERE {_where(number)} AND l.pid = pg_catalog.pg_backend_pid();"
    )


def says_held(reply: Reply) -> bool:
    """Whether a reply is that of `held_query` and says yes. What was cancelled says nothing, and means no."""
    return reply.column == _HELD and reply.row[:1] == ("1",)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the lock: a server process, named by its pid."""

    pid: int
    application: str
    since: str

    @property
    def operation_id(self) -> str:
        """Id of the operation it works for, or nothing when it is not one of ours."""
        words = self.application.split(" ")
        return words[-1] if words[0] == "switchback" and len(words) > 1 else ""

    @property
    def text(self) -> str:
        """For people."""
        since = f", connected since {self.since}" if self.since else ""
        return f"the server process with pid {self.pid} ({self.application or 'no application name'}{since})"


def holder(connection: psycopg.Connection[Any], number: int) -> Holder | None:
    """Who has the lock now, or None when nobody has."""
    row = connection.execute(
        "SELECT l.pid, coalesce(a.application_name, ''), "
        "coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '') "
        "FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
        f"WHERE {_where(number)}".encode()
    ).fetchone()
    return None if row is None else Holder(*row)


def attempt(connection: psycopg.Connection[Any], number: int) -> bool:
    """Try once."""
    row = connection.execute(f"SELECT pg_catalog.pg_try_advisory_lock({number})".encode()).fetchone()
    return row is not None and bool(row[0])


def take(
    connection: psycopg.Connection[Any],
    number: int,
    *,
    seconds: float,
    operation_id: str,
    stop: Stop,
    tell: Callable[[str], None],
) -> None:
    """Take the lock, waiting up to `seconds` for whoever has it.

    Args:
        connection: the one that will work; idle, outside any transaction.
        number: from `key`.
        seconds: 0 means one attempt.
        operation_id: of this run, to recognise an earlier, lost run of the same resource.
        stop: ends the waiting.
        tell: gets one sentence about who is waited for.

    Raises:
        RunnerError: `OrphanRunning` when the holder works for an earlier operation of the same resource,
            whose runner is gone; else `LockTimeout`. Both name the pid.
        Stopped: a signal came.
    """
    begun = time.monotonic()
    pause, told = FIRST_WAIT_SECONDS, False
    while not attempt(connection, number):
        waited = time.monotonic() - begun
        if waited >= seconds:
            raise _refused(holder(connection, number), seconds, operation_id)
        if waited >= TELL_AFTER_SECONDS and not told:
            told = True
            tell(f"Waiting for the lock, which {_named(holder(connection, number))} holds.")
        stop.wait(min(pause * random.uniform(0.5, 1.0), seconds - waited))  # noqa: S311 - jitter, no secret
        pause = min(pause * 2, LONGEST_WAIT_SECONDS)


def _named(found: Holder | None) -> str:
    return "another run, now ended," if found is None else found.text


def release(connection: psycopg.Connection[Any], number: int) -> None:
    """Give the lock back. Ending the session does the same."""
    connection.execute(f"SELECT pg_catalog.pg_advisory_unlock({number})".encode())


def _refused(found: Holder | None, seconds: float, operation_id: str) -> RunnerError:
    if found is None:
        return RunnerError(
            Reason.LOCK_TIMEOUT,
            f"Another run held the lock of this database for {seconds:g} s and has just ended.",
            "Run it again.",
        )
    mine = operation_id.partition("-")[0]
    if mine != LAPTOP and found.operation_id.partition("-")[0] == mine:
        return RunnerError(
            Reason.ORPHAN_RUNNING,
            f"An earlier run of this resource is lost, but {found.text} still works and holds the lock.",
        )
    return RunnerError(
        Reason.LOCK_TIMEOUT,
        f"Another run holds the lock of this database: {found.text}. Waited {seconds:g} s.",
        f"Wait for its end; if its client is gone: SELECT pg_terminate_backend({found.pid}).",
    )
