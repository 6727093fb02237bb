"""What goes wrong in the plugin, as one type: what happened, to which object, why, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.contract.exits import ExitCode


class Problem(Exception):  # noqa: N818 - it is what a person is told, not always a fault
    """An end that is not the wished one. `reason` is a stable word for programs."""

    def __init__(self, code: ExitCode, reason: str, message: str, advice: str = "") -> None:
        self.code = code
        self.reason = reason
        self.message = message
        self.advice = advice
        super().__init__(message)

    @property
    def text(self) -> str:
        """Everything that there is to say, for people."""
        return f"{self.message}\n{self.advice}" if self.advice else self.message

    def as_data(self) -> dict[str, object]:
        """The same for programs."""
        data: dict[str, object] = {
            "reason": self.reason,
            "message": self.message,
            "advice": self.advice,
            "exitCode": int(self.code),
        }
        return {key: value for key, value in data.items() if value != ""}


class Declined(KeyboardInterrupt):
    """Somebody answered no: nothing was sent."""
