"""What to do about a migration's statement that failed, where that depends on more than the statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import blame
from switchback.runner.downs import FROM_LEDGER

if TYPE_CHECKING:
    from switchback.runner.errors import RunnerError

_LACKS = re.compile(r"(?:permission denied|must be owner of) .+?(?=\.(?: |$))")
"""The server's words within ours."""


_TAKES_ROLE = re.compile(
    r"\bSET\s+(?:LOCAL\s+|SESSION\s+)?(?:ROLE|SESSION\s+AUTHORIZATION|SESSION_AUTHORIZATION)\b"
    r"|\bset_config\s*\(\s*'(?:role|session_authorization)'",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"^CONTEXT: .*", re.MULTILINE | re.DOTALL)
_FUNCTION = re.compile(r"\bfunction (?!inline_code_block\b)")


class Rights(Protocol):
    """What gives the right that a message of the server says is missing."""

    def __call__(self, words: str, *, acting: bool = False) -> str:
        """`acting`: whether another role than the session's may be the one that lacks it."""
        ...


def of(error: RunnerError, direction: Direction, right: Rights, text: str = "") -> str:
    """The advice for people; the error's own wherever there is nothing to add.

    Args:
        error: what a run ended with.
        direction: of the plan.
        right: what gives the right that a message of the server says is missing.
        text: of the half that failed, if one did.
    """
    if error.reason not in {Reason.SQL_FAILED, Reason.FAILED_PARTLY} or error.file is None:
        return error.advice
    lacks = _LACKS.search(error.message) if error.sqlstate == blame.INSUFFICIENT_PRIVILEGE else None
    if lacks is not None:
        goes_on = " Then run again: it goes on there." if error.reason is Reason.FAILED_PARTLY else ""
        acting = _TAKES_ROLE.search(text) is not None or _is_within(error.detail or "")
        return f"{right(lacks[0], acting=acting)}{goes_on}"
    if direction is not Direction.BACKWARD or error.advice == blame.BY_HAND:
        return error.advice
    return f"{_with_cascade(error)} {_mended(error.file)}"


def _is_within(detail: str) -> bool:
    """Whether a statement failed inside a function, or in a check of the server's own: not as the session.

    A DO block has the session's rights.
    """
    context = _WITHIN.search(detail)
    if context is None:
        return False
    return _FUNCTION.search(context[0]) is not None or "inline_code_block" not in context[0]


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
