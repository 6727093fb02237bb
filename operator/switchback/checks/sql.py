"""Kind sql: one statement in a read-only transaction; its first row's first column is as expected.

Each try is a connection of its own, as an application's would be. The server keeps the transaction read-only:
after its first query nothing inside can make it anything else, and the statement travels alone, by the
extended protocol, which takes no second one.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ExecStatus

from switchback.checks.net import in_thread
from switchback.contract.result import bounded
from switchback.runner.connect import OBSERVE, Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.opening import Opener
from switchback.runner.redact import masked
from switchback.runner.wire import server_error

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

    from switchback.checks.model import Check, Context

VALUE_BYTES = 64
"""So much of a value is shown."""

# Only the first query makes the transaction's mode final.
_BEGIN = b"BEGIN TRANSACTION READ ONLY; SELECT 1"
_CANCELLED = "57014"


class _LateError(Exception):
    """The time for the try is over."""


class SQL:
    """Asks one statement."""

    fresh = False

    def __init__(self, check: Check, context: Context) -> None:
        self._query = str(check.options["query"])
        self._wanted = str(check.options["expectValue"])
        self._seconds = check.timeout
        wishes = Wishes(
            operation_id=context.operation_id,
            role=context.role,
            search_path=context.search_path,
            statement_timeout_ms=round(check.timeout * 1000),
            read_only=True,
            starting_seconds=0,
        )
        self._opener = Opener(context.url, wishes, context.say, time.sleep)

    async def warm(self) -> None:
        """The driver is imported; no connection is made."""

    async def ask(self) -> str:
        """One connection and one statement."""
        return await in_thread(self._ask)

    def _ask(self) -> str:
        deadline = time.monotonic() + self._seconds
        clean = self._opener.redactor
        try:
            connection = self._opener(OBSERVE, self._seconds)
        except RunnerError as error:
            return clean().clean(error.message)
        try:
            return clean().clean(self._judged(connection, deadline))
        except _LateError:
            return f"no answer within {self._seconds:g} s"
        except psycopg.Error as error:
            return clean().clean(self._opener.explain(error).message)
        finally:
            connection.close()

    def _judged(self, connection: psycopg.Connection[Any], deadline: float) -> str:
        pgconn = connection.pgconn
        pgconn.send_query(_BEGIN)
        begun = _first(connection, deadline)
        if begun is not None and begun.status == ExecStatus.FATAL_ERROR:
            return self._refused(begun)
        pgconn.send_query_params(self._query.encode(), None)
        pgconn.set_single_row_mode()
        return self._read(_first(connection, deadline, one=True))

    def _read(self, result: PGresult | None) -> str:
        """What the first result of the statement says."""
        if result is None or result.status == ExecStatus.EMPTY_QUERY:
            return "the query is empty"
        if result.status == ExecStatus.FATAL_ERROR:
            return self._refused(result)
        if result.status not in {ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_OK} or not result.nfields:
            return "the statement gives no rows: a check needs a SELECT"
        if not result.ntuples:
            return "the query gives no row"
        value = result.get_value(0, 0)
        text = None if value is None else value.decode(errors="replace")
        if text == self._wanted:
            return ""
        return f"the value is {'null' if text is None else _short(text)} instead of {_short(self._wanted)}"

    def _refused(self, result: PGresult) -> str:
        error = server_error(result)
        if error.sqlstate == _CANCELLED:
            return f"no answer within {self._seconds:g} s"
        return f"{masked(error.message, error.sqlstate)} (SQLSTATE {error.sqlstate})"

    def close(self) -> None:
        """Nothing is held."""


def _short(text: str) -> str:
    return repr(bounded(text, VALUE_BYTES))


def _first(connection: psycopg.Connection[Any], deadline: float, *, one: bool = False) -> PGresult | None:
    """The first result of what was sent; with `one`, without waiting for what comes after it.

    A server that is left in the middle of its answer ends the query when the connection is closed.

    Raises:
        _LateError: it did not come in time.
        psycopg.Error: the connection broke.
    """
    pgconn = connection.pgconn
    poller = select.poll()
    found: PGresult | None = None
    while True:
        unsent = pgconn.flush()
        while unsent or pgconn.is_busy():
            poller.register(pgconn.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                raise _LateError
            pgconn.consume_input()
            unsent = pgconn.flush()
        result = pgconn.get_result()
        found = found or result
        if result is None or one:
            return found


def make(check: Check, context: Context) -> SQL:
    """See `kinds.make`."""
    return SQL(check, context)
