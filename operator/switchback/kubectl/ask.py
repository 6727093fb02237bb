"""The question before something is asked for: on a terminal only."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from switchback.kubectl.problems import Declined

if TYPE_CHECKING:
    from switchback.kubectl.screen import Screen

YES = {"y", "yes"}


def may_ask() -> bool:
    """Whether a person is there: never without a terminal, and never where CI is set."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


async def confirm(screen: Screen, question: str) -> None:
    """Wait for a yes.

    Raises:
        Declined: any other answer, or none.
    """
    sys.stderr.write(screen.spell(f"{question} [y/N] "))
    sys.stderr.flush()
    await _line()
    answer = sys.stdin.readline()
    if not answer:
        sys.stderr.write("\n")
    if answer.strip().lower() not in YES:
        raise Declined


async def _line() -> None:
    """Wait until a line is there. A read that blocks would take Ctrl-C for a reason to read on."""
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
