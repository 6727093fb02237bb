"""One attempt to connect, bounded in time, that knows the SQLSTATE with which a server turned it down.

libpq keeps the SQLSTATE of an error during start-up to itself and gives the server's text alone, in the
language of the server's `lc_messages`. Its trace names the fields of every message, so the attempt is traced
into memory and the fields of an ErrorResponse are read from there. The trace also holds what was sent;
nothing else is read from it, and it is gone when the attempt is over.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

from psycopg import pq
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.pq.abc import PGconn

_REFUSAL = re.compile(
    rb'^B\t\d+\tErrorResponse\t S "[^"\n]*"(?: V "[A-Z]*")? C "([0-9A-Z]{5})"', re.MULTILINE
)


class NoAnswer(Exception):  # noqa: N818 - it is an outcome, turned into a RunnerError by its caller
    """The attempt failed.

    Attributes:
        text: libpq's words or ours; may be in any language. Holds the server's message, not the password.
        sqlstate: from the server, or empty when it said nothing.
        kind: `dns`, `timeout` or empty: what we know without reading texts.
    """

    def __init__(self, text: str, sqlstate: str = "", kind: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.sqlstate = sqlstate
        self.kind = kind


def dial(keywords: dict[str, str], seconds: float) -> PGconn:
    """A connection that is ready for statements.

    Args:
        keywords: of libpq, for one host, with `hostaddr` when its name was looked up already.
        seconds: until it counts as timed out.

    Raises:
        NoAnswer: it did not come about.
    """
    pgconn = pq.PGconn.connect_start(make_conninfo("", **keywords).encode())
    if pgconn.status == pq.ConnStatus.BAD:
        raise NoAnswer(_said(pgconn))
    try:
        with _traced(pgconn) as trace:
            _poll(pgconn, trace, seconds)
    except BaseException:
        pgconn.finish()
        raise
    pgconn.nonblocking = 1
    return pgconn


def _poll(pgconn: PGconn, trace: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (wanted := pgconn.connect_poll()) != pq.PollingStatus.OK:
        if wanted == pq.PollingStatus.FAILED:
            raise NoAnswer(_said(pgconn), _sqlstate(pgconn, trace))
        poller = select.poll()
        poller.register(
            pgconn.socket, select.POLLIN if wanted == pq.PollingStatus.READING else select.POLLOUT
        )
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise NoAnswer(f"no answer within {seconds:.0f} s", kind="timeout")


def _said(pgconn: PGconn) -> str:
    return pgconn.get_error_message("utf-8").strip()


@contextlib.contextmanager
def _traced(pgconn: PGconn) -> Iterator[int]:
    """Trace into memory inside the block. Where libpq cannot trace, its texts have to do.

    The tracing ends before the connection does: what libpq still buffered would else be written at the
    process's end to whatever file has the number by then.
    """
    try:
        memory = os.memfd_create("switchback-trace")
    except (AttributeError, OSError):
        yield -1
        return
    try:
        pgconn.trace(memory)
        pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        yield memory
    finally:
        pgconn.untrace()
        os.close(memory)


def _sqlstate(pgconn: PGconn, trace: int) -> str:
    """SQLSTATE of the last refusal in the trace; the server may refuse one way to connect before another."""
    if trace < 0:
        return ""
    pgconn.untrace()  # writes what is still buffered
    with contextlib.suppress(OSError):
        found = _REFUSAL.findall(os.pread(trace, os.fstat(trace).st_size, 0))
        return found[-1].decode() if found else ""
    return ""


def addresses(name: str, port: int, seconds: float) -> list[str]:
    """Numeric addresses of a host, in the order of the resolver.

    The lookup itself knows no time limit, so it gets a thread that is left behind when it takes too long.

    Raises:
        NoAnswer: kind `dns`.
    """
    found: list[str] = []
    failed: list[str] = []

    def look() -> None:
        try:
            infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failed.append(error.strerror or "" if isinstance(error, OSError) else "not a host name")
        else:
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    if found:
        return found
    raise NoAnswer(
        failed[0] if failed else f"the name service gave no answer within {seconds:.0f} s", kind="dns"
    )
