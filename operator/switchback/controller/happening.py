"""One thing worth an Event."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL, WARNING = "Normal", "Warning"


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened. `warning`: something went wrong; somebody may have to act."""

    reason: str
    message: str
    warning: bool

    @property
    def type(self) -> str:
        """The type of its Event."""
        return WARNING if self.warning else NORMAL
