"""Pictures that follow one another on the same spot of a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.kubectl.screen import Screen

CLEAR, HOME, REST_OF_LINE, REST = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


class Picture:
    """A picture on a terminal that is drawn over the last one; elsewhere pictures follow one another."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last: list[str] = []

    def draw(self, shown: list[str]) -> None:
        """Draw, if anything has changed."""
        if self._screen.is_terminal and len(shown) >= self._screen.height:
            rest = len(shown) - self._screen.height + 2
            shown = [*shown[:-rest], f"… {rest} more lines: the terminal is too low"]
        if shown == self._last:
            return
        if not self._screen.is_terminal:
            self._screen.show([*([""] if self._last else []), *shown])
            sys.stdout.flush()
        else:
            begin = HOME if self._last else CLEAR + HOME
            sys.stdout.write(begin + "".join(f"{line}{REST_OF_LINE}\n" for line in shown) + REST)
            sys.stdout.flush()
        self._last = shown
