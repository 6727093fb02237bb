"""How long the steps of a switch take. Times in a status are whole seconds; these steps are shorter.

So their beginnings are remembered, for as long as this process lives. What was begun by another process is
not measured: half a number would be a wrong one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 1000
"""Beginnings that are remembered. A resource may go away in the middle of a switch."""


class Step(StrEnum):
    """What is measured."""

    PROBE = "probe"
    PATCH = "patch"
    ENDPOINTS = "endpoints"
    RESTORE = "restore"


class SwitchTimes:
    """Beginnings of steps, by the id of their switch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: dict[tuple[str, Step], float] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._begun)

    def begin(self, switch: str, step: Step) -> None:
        """The step begins now."""
        if len(self._begun) >= MOST:
            self._begun.pop(next(iter(self._begun)))
        self._begun[switch, step] = self._clock()

    def end(self, switch: str, step: Step) -> float | None:
        """Seconds of the step, which ends now; None when its beginning was not seen."""
        begun = self._begun.pop((switch, step), None)
        return self._clock() - begun if begun is not None else None

    def forget(self, switch: str) -> None:
        """The switch is over."""
        for step in Step:
            self._begun.pop((switch, step), None)
