"""One thing that has to hold before traffic is moved, and what was found about it."""

from __future__ import annotations

from dataclasses import dataclass

from switchback.api.reasons import REASONS, OperatorReason


@dataclass(frozen=True, slots=True)
class Guard:
    """What was asked and what the answer is.

    Attributes:
        name: what is asked, in a word or two, such as `slot-ready`.
        passed: whether it holds.
        reason: why it does not; empty where it holds.
        message: what was found, naming the object, for people.
        advice: what to do about it; empty where it holds.
        fatal: waiting does not help; somebody has to change a manifest.
        warning: it does not stand in the way, whatever the answer is.
    """

    name: str
    passed: bool
    reason: str = ""
    message: str = ""
    advice: str = ""
    fatal: bool = False
    warning: bool = False

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way."""
        return not self.passed and not self.warning


def holds(name: str, message: str) -> Guard:
    """It holds; the message says what was found."""
    return Guard(name, passed=True, message=_sentence(message))


def fails(name: str, reason: OperatorReason, message: str, *, advice: str = "", fatal: bool = False) -> Guard:
    """It stands in the way. Without an advice of its own it has that of its reason."""
    advice = advice or REASONS[reason].advice
    return Guard(
        name, passed=False, reason=str(reason), message=_sentence(message), advice=advice, fatal=fatal
    )


def warns(name: str, reason: OperatorReason, message: str) -> Guard:
    """People should know; it does not stand in the way."""
    advice = REASONS[reason].advice
    return Guard(
        name, passed=False, reason=str(reason), message=_sentence(message), advice=advice, warning=True
    )


def _sentence(message: str) -> str:
    return message if message.endswith(".") else f"{message}."
