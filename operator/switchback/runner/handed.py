"""The connection that a migration in Python is given: psycopg's own, without what would end our transaction.

It shares its session with the runner's work connection. Everything that psycopg does with a connection goes
through `wait`: there signals are heard, there a statement that ends the transaction is noticed, and nothing
passes there any more once the function has returned.
"""

# mypy: disable-error-code="explicit-override"
# typing.override needs Python 3.12; half of this class overrides

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import psycopg
from psycopg import pq
from psycopg.errors import _WaitTimeout
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.waiting import Ready, Wait

from switchback.runner import wire
from switchback.runner.stop import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg.abc import Params, PQGen, Query

    from switchback.runner.stop import Stop

Value = TypeVar("Value")

_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}
_BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Cursor(psycopg.Cursor[Any]):
    """psycopg's cursor, whose `executemany` lets signals through while the caller makes up its rows."""

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        """As psycopg's."""
        rows = params_seq
        if isinstance(self.connection, Handed):
            rows = self.connection.live(params_seq)
        super().executemany(query, rows, returning=returning)


class Handed(psycopg.Connection[Any]):
    """What `up` and `down` are called with.

    Args:
        work: the connection whose session it shares.
        stop: heard while a statement runs.
        function: how people name what it is given to, such as `up() of 0001_books`.
        transactional: whether a transaction of ours is open, which has to stay open.

    Attributes:
        function: as given.
        has_ended: whether the function has ended that transaction.
        may_have_changed: without such a transaction: whether anything may have taken effect.
        failed: the last error of a statement.
    """

    def __init__(
        self, work: psycopg.Connection[Any], stop: Stop, function: str, *, transactional: bool
    ) -> None:
        self._saved = (work.pgconn.notice_handler, work.pgconn.notify_handler)
        super().__init__(work.pgconn)
        self._autocommit = True  # BEGIN has been sent, or is not wished
        self.prepare_threshold = None
        self.cursor_factory = Cursor
        self._work = work
        self._stop = stop
        self.function = function
        self._process = os.getpid()
        self._transactional = transactional
        self._over = ""
        self._told = False
        self._inside = 0
        self._rolled_back = False
        self.has_ended = False
        self.may_have_changed = False
        self.failed: psycopg.Error | None = None
        for handler in work._notice_handlers:  # noqa: SLF001 - psycopg has no other way to ask for them
            self.add_notice_handler(handler)

    def wait(self, gen: PQGen[Value], interval: float = 0.0, timeout: float | None = None) -> Value:  # noqa: ARG002 - as psycopg calls it
        """Everything that is sent and received comes by here.

        Raises:
            Stopped: a signal came; the statement was cancelled. Once: what psycopg clears up then may pass.
        """
        if self._over:
            raise psycopg.InterfaceError(self._over)
        if os.getpid() != self._process:  # two processes on one connection would mix up what it says
            raise psycopg.InterfaceError(f"the connection of {self.function} is that of another process")
        in_main = threading.current_thread() is threading.main_thread()
        before = self.pgconn.transaction_status
        self._rolled_back = False
        with self._stop.held() if in_main else contextlib.nullcontext():
            self._inside += 1
            try:
                value = self._waited(gen, timeout)
            except psycopg.Error as error:
                self.failed = error
                self._note(before)
                self._refuse_stopped(in_main=in_main)
                raise
            finally:
                self._inside -= 1
            self._note(before)
        self._refuse_stopped(in_main=in_main)
        return value

    def _refuse_stopped(self, *, in_main: bool) -> None:
        if self._stop.signum is not None and in_main and not self._told:
            self._told = True
            raise Stopped(self._stop.signum) from None

    def _waited(self, gen: PQGen[Value], timeout: float | None) -> Value:
        socket = self.pgconn.socket
        deadline = None if timeout is None else time.monotonic() + timeout
        signals = _Signals(self._work, self._stop, heard=self._told)
        poller = select.poll()
        try:
            wanted = next(gen)
            while True:
                signals.register(poller)
                poller.register(socket, _EVENTS[Wait(wanted)])
                longest = wire.TICK_SECONDS
                if deadline is not None:
                    longest = min(longest, max(0.0, deadline - time.monotonic()))
                events = dict(poller.poll(int(longest * 1000))).get(socket, 0)
                signals.answer(poller)
                ready = (Ready.R if events & select.POLLIN else 0) | (
                    Ready.W if events & select.POLLOUT else 0
                )
                if not ready and events & _BROKEN:
                    raise psycopg.OperationalError("the connection broke")
                wanted = gen.send(Ready(ready))
                if deadline is not None and time.monotonic() >= deadline:
                    raise _WaitTimeout("wait timeout expired")
        except StopIteration as end:
            value: Value = end.value
            return value

    def _note(self, before: int) -> None:
        """What the end of a statement says about the transaction."""
        pgconn = self.pgconn
        if (
            pgconn.transaction_status != TransactionStatus.IDLE
            or pgconn.pipeline_status != PipelineStatus.OFF
        ):
            return
        if not self._transactional:
            undone = before == TransactionStatus.INERROR or self._rolled_back
            self.may_have_changed |= not undone
            return
        self.has_ended = True
        self._over = f"{self.function} has ended the transaction that it ran in; nothing more is sent."
        raise psycopg.ProgrammingError(self._over) from None

    def _start_query(self) -> PQGen[None]:
        """No statement of its own is begun once a signal has come, whoever swallows what it raises."""
        self._stop.check()
        yield from super()._start_query()

    def _exec_command(self, command: Any, *rest: Any, **more: Any) -> PQGen[Any]:
        """What psycopg sends on its own, such as the end of a `transaction()`."""
        result = yield from super()._exec_command(command, *rest, **more)
        self._rolled_back = command == b"ROLLBACK"
        return result

    def live(self, rows: Iterable[Params]) -> Iterator[Params]:
        """`rows`, with signals raised while the next one is made up, though `wait` holds them back."""
        if threading.current_thread() is not threading.main_thread():
            yield from rows
            return
        left = iter(rows)
        while True:
            with self._stop.live():
                try:
                    row = next(left)
                except StopIteration:
                    return
            yield row

    def retire(self) -> bool:
        """Let nothing pass any more, and give the session back. Gives whether nothing was left unfinished.

        A thread that still runs a statement is waited for, but its statement is cancelled.
        """
        self._over = f"{self.function} has returned; its connection ended with it."
        deadline = time.monotonic() + wire.OBEY_SECONDS
        if self._inside:
            wire.cancel(self._work)
        while self._inside and time.monotonic() < deadline:
            time.sleep(0.02)
        free = self.lock.acquire(blocking=False)
        pgconn = self.pgconn
        pgconn.notice_handler, pgconn.notify_handler = self._saved
        self.pgconn = _dead()
        if free:
            self.lock.release()
        active = pgconn.transaction_status == TransactionStatus.ACTIVE
        return free and not self._inside and not active and pgconn.pipeline_status == PipelineStatus.OFF

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own. It cannot be set."""
        return not self._transactional

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._refuse(f"autocommit = {value}")

    def _refuse(self, what: str) -> NoReturn:
        raise psycopg.NotSupportedError(
            f"{what} is refused: Switchback keeps its record in this transaction, and ends it. For a part "
            "that may fail, or be committed on its own, there is connection.transaction()."
        )

    def __enter__(self) -> NoReturn:
        self._refuse("`with connection`")

    def commit(self) -> NoReturn:
        """Refused, as is all that follows."""
        self._refuse("commit()")

    def rollback(self) -> NoReturn:
        """Refused."""
        self._refuse("rollback()")

    def close(self) -> NoReturn:
        """Refused."""
        self._refuse("close()")

    def cancel(self) -> NoReturn:
        """Refused."""
        self._refuse("cancel()")

    def cancel_safe(self, *, timeout: float = 30.0) -> NoReturn:  # noqa: ARG002 - as psycopg has it
        """Refused."""
        self._refuse("cancel_safe()")

    def _try_cancel(self, *, timeout: float = 5.0) -> None:  # noqa: ARG002 - as psycopg calls it
        """What psycopg itself does when a stream is left before its end."""
        wire.cancel(self._work)

    def set_autocommit(self, value: bool) -> NoReturn:  # noqa: ARG002, FBT001 - as psycopg has it
        """Refused."""
        self._refuse("set_autocommit()")

    def set_isolation_level(self, value: Any) -> NoReturn:  # noqa: ARG002 - as psycopg has it
        """Refused."""
        self._refuse("set_isolation_level()")

    def set_read_only(self, value: bool | None) -> NoReturn:  # noqa: ARG002, FBT001 - as psycopg has it
        """Refused."""
        self._refuse("set_read_only()")

    def set_deferrable(self, value: bool | None) -> NoReturn:  # noqa: ARG002, FBT001 - as psycopg has it
        """Refused."""
        self._refuse("set_deferrable()")

    def _check_tpc(self) -> NoReturn:
        self._refuse("a two-phase commit")


class _Signals:
    """Cancels the statement once a signal has come, again while it does not end, and gives up in the end."""

    def __init__(self, work: psycopg.Connection[Any], stop: Stop, *, heard: bool) -> None:
        self.work = work
        self.stop = stop
        self.again = 0.0
        self.until: float | None = None
        if heard:  # what psycopg sends to clear up is given a moment before it is cancelled as well
            self._count()

    def _count(self) -> None:
        self.again = time.monotonic() + 2 * wire.TICK_SECONDS
        if self.until is None:
            self.until = time.monotonic() + wire.OBEY_SECONDS

    def register(self, poller: select.poll) -> None:
        """Wake the one who waits when a signal comes; afterwards not again and again."""
        if self.until is None:
            poller.register(self.stop.fd, select.POLLIN)

    def answer(self, poller: select.poll) -> None:
        """Do what is due.

        Raises:
            psycopg.OperationalError: the server did not end the statement; the connection is closed.
        """
        if self.stop.signum is None or time.monotonic() < self.again:
            return
        if self.until is None:
            poller.unregister(self.stop.fd)
        elif time.monotonic() > self.until:
            self.work.close()
            raise psycopg.OperationalError("the server did not obey the cancel request in time")
        self._count()
        wire.cancel(self.work)


def _dead() -> pq.abc.PGconn:
    """A connection that was never one: psycopg calls it closed."""
    pgconn = pq.PGconn.connect_start(b"none")
    pgconn.finish()
    return pgconn
