"""Exit codes with their reasons: for `switchback help exit-codes` and for the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from switchback.contract.exits import MEANING, ExitCode
from switchback.contract.reasons import MEANINGS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator


class Row(NamedTuple):
    """A code, what it says, and the reasons that end with it."""

    code: ExitCode
    meaning: str
    reasons: tuple[Reason, ...]


def codes_of(reason: Reason) -> list[ExitCode]:
    """The exit codes of a reason: one, but after a signal, which is 128 and the signal's number."""
    if reason is Reason.INTERRUPTED:
        return [ExitCode.INTERRUPTED, ExitCode.TERMINATED]
    return [MEANINGS[reason].exit_code]


def rows() -> Iterator[Row]:
    """Every exit code in order."""
    for code in ExitCode:
        yield Row(code, MEANING[code], tuple(reason for reason in MEANINGS if code in codes_of(reason)))
