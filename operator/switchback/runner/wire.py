"""One simple-protocol string to the server, its results one by one, while signals and cancels stay live.

`send_query`, then `is_busy` / poll / `consume_input`, then `get_result`: a bare `get_result` would wait
inside libpq with the interpreter locked, and neither a signal handler nor a cancel would get a turn.
"""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus

from switchback.runner.redact import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg.pq.abc import PGconn, PGresult

    from switchback.runner.stop import Stop

TICK_SECONDS = 1.0
PIECE_ROWS = 1000
CANCEL_SECONDS = 5.0
"""How long a cancel request may take to reach the server."""
OBEY_SECONDS = 10.0
"""How long the server may take to end a cancelled statement: in all well inside a pod's grace period."""
CLEARING_SECONDS = 3.0
"""How long what clears away after a signal may take before it is cancelled, too."""


_COPYING = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT})
_NO_MORE = -1
"""What libpq gives when a COPY to the client is over."""


class LostError(Exception):
    """The connection broke, or was given up: what the server had done by then only the ledger can say."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """An error as the server told it. `position` counts characters of the sent string from 1; 0: unknown."""

    sqlstate: str
    severity: str
    message: str
    detail: str
    hint: str
    context: str
    position: int
    schema: str
    table: str
    constraint: str

    @property
    def is_fatal(self) -> bool:
        """Whether the server closed the session with it."""
        return self.severity in {"FATAL", "PANIC"}


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of one statement: its command tag, its first column's name, its first row."""

    tag: str
    column: str = ""
    row: tuple[str | None, ...] = ()
    error: ServerError | None = None


def exchange(
    connection: psycopg.Connection[Any],
    text: str,
    stop: Stop,
    tick: Callable[[float], None] | None = None,
    grace: float = 0.0,
    *,
    every: float = TICK_SECONDS,
) -> Iterator[Reply]:
    """Send `text`, give one reply per statement as it arrives. After a reply with an error nothing follows.

    When a signal comes, the running statement is cancelled once and its error given like any other. The
    caller holds signals back and looks at `stop` afterwards.

    Args:
        connection: in autocommit, idle.
        text: one or many statements.
        stop: watched while waiting.
        tick: called in silence, with the seconds since sending.
        grace: seconds that it has before a signal cancels it: for what clears away after a signal.
        every: after how many seconds of silence `tick` is called.

    Raises:
        LostError: the connection broke; or the server did not obey a cancel in time and was left.
    """
    wait = _Waiter(connection, stop, tick, grace, every)
    pgconn = connection.pgconn
    try:
        pgconn.send_query(text.encode())
        _in_pieces(pgconn)
        while pgconn.flush():
            wait.once(select.POLLIN | select.POLLOUT)
            pgconn.consume_input()
        pieces: list[PGresult] = []
        while True:
            while pgconn.is_busy():
                wait.once(select.POLLIN)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                break
            if result.status in _COPYING:
                wait.through(result.status)
                continue
            if result.status == ExecStatus.TUPLES_CHUNK:
                pieces[1:] = [result]  # the first one, and the last
                continue
            reply = _reply(result, pieces)
            pieces.clear()
            if reply.error is not None and reply.error.is_fatal:
                raise LostError(masked(reply.error.message, reply.error.sqlstate))
            yield reply
    except psycopg.Error as error:
        raise LostError(str(error).partition("\n")[0]) from None
    if pgconn.status == ConnStatus.BAD:
        raise LostError("the server closed the connection")


def glance(
    connection: psycopg.Connection[Any], text: str, stop: Stop, seconds: float
) -> list[tuple[str | None, ...]]:
    """Rows of one query that nobody needs: given up, with its connection, after `seconds` or by a signal.

    Raises:
        psycopg.Error: the connection broke.
    """
    pgconn = connection.pgconn
    deadline = time.monotonic() + seconds
    poller = select.poll()
    poller.register(stop.fd, select.POLLIN)
    poller.register(pgconn.socket, select.POLLIN)
    rows: list[tuple[str | None, ...]] = []
    pgconn.send_query(text.encode())
    pgconn.flush()
    while True:
        while pgconn.is_busy():
            ready = dict(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))
            if stop.fd in ready or not ready:
                connection.close()
                return []
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return rows
        rows += [
            tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]


class _Waiter:
    def __init__(
        self,
        connection: psycopg.Connection[Any],
        stop: Stop,
        tick: Callable[[float], None] | None,
        grace: float,
        every: float,
    ) -> None:
        self.connection = connection
        self.stop = stop
        self.tick = tick
        self.grace = grace
        self.wait_ms = int(every * 1000)
        self.begun = time.monotonic()
        self.cancel_at: float | None = None
        self.obey_until: float | None = None
        self.poller = select.poll()
        self.poller.register(stop.fd, select.POLLIN)
        self.socket = connection.pgconn.socket

    def through(self, status: int) -> None:
        """Serve a COPY that a function began: nobody has data for it, and nobody wants what it gives."""
        pgconn = self.connection.pgconn
        if status == ExecStatus.COPY_IN:
            pgconn.put_copy_end(b"nobody has data for it")
            return
        while (got := pgconn.get_copy_data(1)[0]) != _NO_MORE:
            if not got:
                self.once(select.POLLIN)
                pgconn.consume_input()

    def once(self, events: int) -> None:
        """Wait until the socket is ready, or it is time for a tick, or a signal has come and is answered."""
        self.poller.register(self.socket, events)
        ready = self.poller.poll(self.wait_ms)
        if self.stop.signum is not None and self.cancel_at is None:
            self.poller.unregister(self.stop.fd)
            self.cancel_at = time.monotonic() + self.grace
        if self.obey_until is None and self.cancel_at is not None and time.monotonic() >= self.cancel_at:
            self.obey_until = time.monotonic() + OBEY_SECONDS
            cancel(self.connection)
        elif self.obey_until is not None and time.monotonic() > self.obey_until:
            self.connection.close()
            raise LostError("the server did not obey the cancel request in time")
        elif not ready and self.tick is not None:
            self.tick(time.monotonic() - self.begun)


def cancel(connection: psycopg.Connection[Any]) -> None:
    """Ask the server to end what it is doing for this connection. Fails silently."""
    try:
        connection.cancel_safe(timeout=CANCEL_SECONDS)
    except psycopg.Error:
        return  # the statement's own end, or the time limit above, tells how it went


def _in_pieces(pgconn: PGconn) -> None:
    """Let rows come in pieces: nobody wants more than the first one, and there may be millions.

    An older libpq keeps all rows of a statement until it is done.
    """
    with contextlib.suppress(psycopg.NotSupportedError):
        pgconn.set_chunked_rows_mode(PIECE_ROWS)


@lru_cache(256)
def _done(tag: bytes) -> Reply:
    """The reply of a statement without rows. A batch has a thousand of them, with a dozen different tags."""
    return Reply(tag.decode())


def _reply(result: PGresult, pieces: Sequence[PGresult]) -> Reply:
    """The reply of a statement. Where its rows came in pieces, the last of those has its tag."""
    status = result.status
    if status == ExecStatus.COMMAND_OK and not pieces:
        return _done(result.command_status or b"")
    if status == ExecStatus.FATAL_ERROR:
        return Reply("", error=server_error(result))
    tag = next((one.command_status.decode() for one in (result, *pieces[::-1]) if one.command_status), "")
    rows = pieces[0] if pieces else result
    if status != ExecStatus.TUPLES_OK or not rows.ntuples:
        return Reply(tag)
    row = tuple(_text(rows.get_value(0, column)) for column in range(rows.nfields))
    return Reply(tag, (rows.fname(0) or b"").decode(errors="replace") if rows.nfields else "", row)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def server_error(result: PGresult) -> ServerError:
    """The fields of an error result."""

    def text(field: DiagnosticField) -> str:
        return (result.error_field(field) or b"").decode(errors="replace")

    position = text(DiagnosticField.STATEMENT_POSITION)
    return ServerError(
        sqlstate=text(DiagnosticField.SQLSTATE),
        severity=text(DiagnosticField.SEVERITY_NONLOCALIZED),
        message=text(DiagnosticField.MESSAGE_PRIMARY),
        detail=text(DiagnosticField.MESSAGE_DETAIL),
        hint=text(DiagnosticField.MESSAGE_HINT),
        context=text(DiagnosticField.CONTEXT),
        position=int(position) if position else 0,
        schema=text(DiagnosticField.SCHEMA_NAME),
        table=text(DiagnosticField.TABLE_NAME),
        constraint=text(DiagnosticField.CONSTRAINT_NAME),
    )


def is_usable(pgconn: PGconn) -> bool:
    """Whether the connection can still be spoken to."""
    return pgconn.status == ConnStatus.OK
