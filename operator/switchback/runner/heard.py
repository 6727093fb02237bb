"""What a migration in Python prints and logs: lines on stderr with its id in front, and nothing on stdout.

stdout belongs to whoever reads the run's answer, which may be JSON.
"""

# mypy: disable-error-code="explicit-override"
# typing.override needs Python 3.12

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_LINE = 64 * 1024
"""In bytes. A longer line, or one without an end, is told in pieces."""


class Lines(io.RawIOBase):
    """Takes bytes, and gives whole lines on.

    Args:
        tell: gets each line.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell
        self._held = bytearray()
        self._lock = threading.RLock()

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """Where a process of its own may write to: our stderr."""
        return 2

    def write(self, data: object) -> int:
        """Tell the lines that are complete by now."""
        raw = bytes(data)  # type: ignore[call-overload]
        with self._lock:
            self._held += raw
            *whole, rest = bytes(self._held).split(b"\n")
            self._held[:] = rest
            for line in whole:
                self._say(line)
            if len(rest) > LONGEST_LINE:
                self.rest()
        return len(raw)

    def rest(self) -> None:
        """Tell the line that has not ended."""
        with self._lock:
            held = bytes(self._held)
            self._held.clear()
            if held:
                self._say(held)

    def _say(self, line: bytes) -> None:
        for start in range(0, max(1, len(line)), LONGEST_LINE):
            self._tell(line[start : start + LONGEST_LINE].decode(errors="replace").rstrip("\r"))


class _Log(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """A record that cannot be written is named, without a traceback."""
        with contextlib.suppress(Exception):
            self.stream.write(f"a log record could not be written: {record.msg!r}\n")


@contextlib.contextmanager
def heard(migration_id: str, clean: Callable[[str], str], *, for_people: bool) -> Iterator[None]:
    """Inside the block print, logging and what processes of their own write go to stderr.

    Args:
        migration_id: put in front of each line.
        clean: takes secrets out of a line.
        for_people: whether stdout is read by people: then what processes of their own write may go there.
    """
    out = sys.stderr

    def tell(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            out.write(f"{migration_id}: {clean(line)}\n")
            out.flush()

    lines = Lines(tell)
    stream = io.TextIOWrapper(
        io.BufferedWriter(lines), "utf-8", "backslashreplace", line_buffering=True, write_through=True
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(_streams(stream))
        stack.enter_context(_logging(stream))
        stack.enter_context(_hooks(stream))
        if not for_people:
            stack.enter_context(_descriptor())
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
            lines.rest()


@contextlib.contextmanager
def _streams(stream: TextIO) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), stream, stream
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextlib.contextmanager
def _logging(stream: TextIO) -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    handler = _Log(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])


@contextlib.contextmanager
def _hooks(stream: TextIO) -> Iterator[None]:
    """What nobody has caught in a thread, or at an object's end, is told in one line."""
    before = sys.unraisablehook

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            name = "a thread" if args.thread is None else args.thread.name
            stream.write(f"{name} ended with {args.exc_type.__name__}: {args.exc_value}\n")

    def at_end(args: sys.UnraisableHookArgs) -> None:
        stream.write(f"ignored: {args.exc_type.__name__}: {args.exc_value}\n")

    threading.excepthook = in_thread  # stays: a thread may outlive the migration that began it
    sys.unraisablehook = at_end
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def _descriptor() -> Iterator[None]:
    """Let file descriptor 1 be that of stderr."""
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.__stdout__.flush()
    try:
        saved = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of the two is closed
        yield
        return
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
