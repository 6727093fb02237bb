"""What to do about a migration's statement that failed, where that depends on more than the statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import blame
from switchback.runner.downs import FROM_LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.runner.errors import RunnerError

_LACKS = re.compile(r"(?:permission denied|must be owner of) .+?(?=\.(?: |$))")
"""The server's words within ours."""


def of(error: RunnerError, direction: Direction, right: Callable[[str], str]) -> str:
    """The advice for people; the error's own wherever there is nothing to add.

    Args:
        error: what a run ended with.
        direction: of the plan.
        right: what gives the right that a message of the server says is missing.
    """
    if error.reason not in {Reason.SQL_FAILED, Reason.FAILED_PARTLY} or error.file is None:
        return error.advice
    lacks = _LACKS.search(error.message) if error.sqlstate == blame.INSUFFICIENT_PRIVILEGE else None
    if lacks is not None:
        goes_on = " Then run again: it goes on there." if error.reason is Reason.FAILED_PARTLY else ""
        return f"{right(lacks[0])}{goes_on}"
    if direction is not Direction.BACKWARD or error.advice == blame.BY_HAND:
        return error.advice
    return f"{_with_cascade(error)} {_mended(error.file)}"


def _with_cascade(error: RunnerError) -> str:
    if error.sqlstate != blame.DEPENDENT_OBJECTS:
        return error.advice
    return f"{error.advice} Or see with --dry-run --cascade what CASCADE would take along."


def _mended(file: str) -> str:
    """How a way back that is another one than was stored comes to run."""
    if file.startswith(FROM_LEDGER):
        first = "Bring the file back with a down half that works, then roll back with --down-from file"
    else:
        first = "A down half that was changed since it was applied runs with --down-from file"
    return f"{first}; in the resource: spec.rollback.downSource: Source."
