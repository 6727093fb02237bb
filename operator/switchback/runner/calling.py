"""Calling a function of a migration's module, and saying what it raised: class, message, file and line."""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import traceback
import types
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from switchback.contract.reasons import Reason
from switchback.runner import blame, process, wire
from switchback.runner.errors import RunnerError
from switchback.runner.redact import masked, plain
from switchback.runner.stop import SIGNALS

if TYPE_CHECKING:
    from types import TracebackType

    from switchback.migrations.halves import Code
    from switchback.runner.handed import Handed

MODULE = "switchback_migration"
"""Its name while it runs, for what looks a class's module up."""
LONGEST_MESSAGE = 400
LONGEST_DETAIL = 8000

_ADVICE = {
    blame.NO_TRANSACTION_WANTED: "Set `transactional = False` in the module, or put the statement into a "
    "migration of its own that does.",
    blame.ENDS_TRANSACTION: "A procedure or block that commits needs a module with `transactional = False`.",
    blame.CANCELED: f"Give it more time with `# switchback: statement-timeout=…` or {blame.MORE_TIME}.",
    "55P04": "Put the new enum value into a migration of its own, before the one that uses it.",
}
_BY_AUTHOR = "P0001"
"""SQLSTATE of RAISE: like its words, those of a module may hold any value."""
_DEFAULT_ADVICE = "Correct the function. Nothing of it has taken effect; what ran before it stays."


@dataclass(frozen=True)
class Fault:
    """What a function raised.

    Attributes:
        said: class and message, without values and secrets, for a sentence.
        line: innermost line of the module that was under way.
        sqlstate: when the server refused a statement.
        advice: what to do.
        detail: for the log.
    """

    said: str
    line: int
    sqlstate: str = ""
    advice: str = _DEFAULT_ADVICE
    detail: str = ""

    def error(self, migration_id: str, path: str, *, what: str = "fails") -> RunnerError:
        """The error when all that the function did was rolled back."""
        return RunnerError(
            Reason.SQL_FAILED,
            f"{migration_id} {what}: {self.said}.",
            self.advice,
            file=path,
            line=self.line,
            sqlstate=self.sqlstate or None,
            detail=self.detail or None,
        )


class NotRunError(Exception):
    """The function gave back something that would have to be run by somebody else."""


def call(half: Code, connection: Handed) -> Fault | None:
    """Run the module, and its function with the connection. Whatever is raised is caught and told."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
    try:
        with process.kept(connection.function):
            _run(half, module, connection)
    except BaseException as error:  # noqa: BLE001 - somebody else's code may raise anything
        fault = of(error, half)
        traceback.clear_frames(error.__traceback__)  # ends what its generators have left open
        return fault
    finally:
        sys.modules.pop(MODULE, None)
        if threading.current_thread() is threading.main_thread():
            for signum, handler in handlers.items():
                signal.signal(signum, handler)
    return None


def _run(half: Code, module: types.ModuleType, connection: Handed) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(half.module, half.path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 - this is the migration
    given = getattr(module, half.function)(connection)
    if inspect.isgenerator(given) or inspect.isawaitable(given) or inspect.isasyncgen(given):
        kind = type(given).__name__
        if inspect.isgenerator(given) or inspect.iscoroutine(given):
            given.close()
        raise NotRunError(f"{half.function} gave back a {kind}; its body has not run")


def of(error: BaseException, half: Code) -> Fault:
    """What an exception says, for people."""
    line = _line(error.__traceback__, half)
    name = plain(type(error).__name__)[:LONGEST_MESSAGE]
    if isinstance(error, psycopg.Error) and error.sqlstate and error.pgresult is not None:
        server = wire.server_error(error.pgresult)
        return Fault(
            f"{name}: {_cut(masked(server.message[:LONGEST_DETAIL], server.sqlstate))}",
            line,
            server.sqlstate,
            _ADVICE.get(server.sqlstate, _DEFAULT_ADVICE),
            blame.log_text(server)[:LONGEST_DETAIL],
        )
    text = _text(error)
    shown = _cut(masked(text, _BY_AUTHOR))
    said = f"{name}: {shown}" if shown else name
    return Fault(
        said, line, "", _DEFAULT_ADVICE, "" if " ".join(text.split()) == shown else f"{name}: {text}"
    )


def _cut(text: str) -> str:
    text = text.strip().removesuffix(".")
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]} …"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST_DETAIL]
    except BaseException:  # noqa: BLE001 - its __str__ is somebody else's code, too
        return ""


def _line(trace: TracebackType | None, half: Code) -> int:
    """Innermost line of the module; the function's own where none was under way."""
    line = half.first_line
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == half.path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
