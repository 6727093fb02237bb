"""The kinds of checks. A new one is a module with a function `make`, a line here and a field of the API.

Modules are imported when a check needs them: the driver of the database is not, where nothing asks it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from switchback.checks.model import Check, Context

MODULES = {
    "httpGet": "switchback.checks.http_get",
    "sql": "switchback.checks.sql",
    "prometheus": "switchback.checks.prometheus",
    "command": "switchback.checks.command",
}


class Kind(Protocol):
    """One check, ready to be tried. It shares the event loop and never blocks it."""

    fresh: bool
    """Whether each try is a new connection to what the traffic goes to, so that it proves a switch."""

    async def warm(self) -> None:
        """Do what only the first try would have to do. No verdict: what goes wrong here shows later."""
        ...

    async def ask(self) -> str:
        """One try, within the check's timeout. Empty when it holds; else why not, in one line."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


def make(check: Check, context: Context) -> Kind:
    """The check, ready to be tried.

    Raises:
        CheckError: it cannot be run as it is written.
    """
    made: Kind = importlib.import_module(MODULES[check.kind]).make(check, context)
    return made
