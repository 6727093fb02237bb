"""Where the programs begin. Before anything that takes time to import, Ctrl-C gets its answer.

While modules are imported, Python would answer it with a traceback, or lose it inside a module. Once a
command runs, whoever runs it listens.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from switchback import cli

if TYPE_CHECKING:
    from types import FrameType


OBJECTS_UNTIL_COLLECTION = 400_000
"""Python's own 700 would look for garbage a hundred times while a command starts, and find none. So many are
what it takes to read ten thousand migrations."""


def _stopped(_signum: int, _frame: FrameType | None) -> NoReturn:
    """Nothing has begun yet, so there is nothing to undo."""
    try:
        os.write(2, b"Stopped.\n")
    finally:
        os._exit(130)


def _listen() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else somebody wishes it to be ignored
        signal.signal(signal.SIGINT, _stopped)


def begun() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt again, which the command that runs answers."""
    if signal.getsignal(signal.SIGINT) is _stopped:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> NoReturn:
    """Run `switchback`."""
    _listen()
    if not _is_operator():  # it alone lives long
        gc.set_threshold(OBJECTS_UNTIL_COLLECTION)
    cli.IS_PROGRAM = True
    from switchback.cli import main as program  # noqa: PLC0415 - after the signal

    try:
        program.main()
    except SystemExit as end:
        _leave(end.code)
        raise


def _is_operator() -> bool:
    return "operator" in sys.argv[1:2]


def _leave(code: object) -> None:
    """End at once. To take apart what is in memory would take as long as to read a thousand files.

    Returns where that is not so simple: what was printed cannot be written, or nothing says how it ended.
    """
    if not isinstance(code, int) or _is_operator():
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code)


def plugin() -> NoReturn:
    """Run `kubectl switchback`."""
    _listen()
    from switchback.cli import plugin as program  # noqa: PLC0415 - same

    program.main()


def complete() -> NoReturn:
    """Run `kubectl_complete-switchback`."""
    _listen()
    from switchback.cli import plugin as program  # noqa: PLC0415 - same

    program.complete()
