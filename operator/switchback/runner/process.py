"""The runner's own process, kept while a module's code runs: not ended, not replaced, not doubled."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENDS = ("_exit", "execv", "execve")
"""What ends or replaces a process without a word; the rest of `os.exec…` is made of these."""
_EXIT = os._exit
GRACE_SECONDS = 2.0
"""For threads that a migration began, after the answer."""


class EndsRunError(Exception):
    """A module would have ended the process before the run has told how it went."""


@contextlib.contextmanager
def kept(function: str) -> Iterator[None]:
    """Inside the block nothing ends this process silently, and a fork of it does not leave the block.

    Args:
        function: whose code runs, such as `up() of 0001_books`.
    """
    own = os.getpid()
    before = {name: getattr(os, name) for name in _ENDS}
    for name, real in before.items():
        setattr(os, name, _refusing(name, real, own))
    try:
        yield
    finally:
        for name, real in before.items():
            setattr(os, name, real)
        if os.getpid() != own:
            said = f"warning: a process that {function} has forked came back from it, and was ended.\n"
            with contextlib.suppress(OSError):
                os.write(2, said.encode(errors="replace"))
            _EXIT(1)


def _refusing(name: str, real: Callable[..., Any], own: int) -> Callable[..., Any]:
    def refusing(*given: Any, **more: Any) -> Any:
        if os.getpid() != own:  # a child may end as it likes
            return real(*given, **more)
        raise EndsRunError(f"os.{name} would end the run before its answer")

    return refusing


def left() -> str:
    """Names of threads that would keep the process from ending, after a moment; empty: there are none."""
    deadline = time.monotonic() + GRACE_SECONDS
    mine = threading.current_thread()
    beside = [one for one in threading.enumerate() if one is not mine and not one.daemon]
    for thread in beside:
        thread.join(max(0.0, deadline - time.monotonic()))
    return ", ".join(thread.name for thread in beside if thread.is_alive())
