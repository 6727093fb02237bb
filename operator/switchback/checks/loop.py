"""How often a check is tried, and when that is a verdict. All checks run beside each other."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.hide import hidden

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from switchback.checks.kinds import Kind
    from switchback.checks.model import Check

CLOSING_SECONDS = 20.0
"""So much longer than the soak it may take until a check that has just failed holds again, or a try ends."""

MARGIN_SECONDS = 1.0
"""A try ends by itself at its timeout. Should it not, it is left so much later."""


@dataclass(slots=True)
class Tally:
    """What became of one thing that has to hold.

    Attributes:
        name: of the check.
        threshold: so many failures in a row are the end.
        runs: how often it was tried.
        failures: how many of these tries failed.
        row: how many of the last tries failed.
        error: why the last of them failed.
        passed: None while there is no verdict.
    """

    name: str
    threshold: int = 1
    runs: int = 0
    failures: int = 0
    row: int = 0
    error: str = ""
    passed: bool | None = None

    def count(self, error: str) -> None:
        """One more try. `error` is empty when it held."""
        self.runs += 1
        self.failures += bool(error)
        self.row = self.row + 1 if error else 0
        self.error = error or self.error
        if self.row >= self.threshold:
            self.passed = False


@dataclass(slots=True)
class Probe:
    """A check, how it is asked, and what became of it."""

    check: Check
    kind: Kind
    say: Callable[[str], None]
    clean: Callable[[str], str] = hidden
    tally: Tally = field(init=False)
    _silent: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.check.name, self.check.threshold)

    async def ask(self) -> str:
        """One try that is not counted. Empty when it held; else why not, in one line and without secrets."""
        try:
            async with asyncio.timeout(self.check.timeout + MARGIN_SECONDS):
                return self.clean(await self.kind.ask())
        except TimeoutError:
            return f"no answer within {self.check.timeout:g} s"
        except Exception as error:  # noqa: BLE001 - a bug in one try is a failed try, and is told as a bug
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            return f"{type(error).__name__} in Switchback itself ({where}); please report it"

    async def once(self) -> None:
        """One try that counts."""
        self.note(await self.ask())

    def note(self, error: str) -> None:
        """Count a try, and tell what is new."""
        before = self.tally.row
        self.tally.count(error)
        if error:
            self.say(f"{self.check.name}: failed ({self.tally.row} of {self.tally.threshold}): {error}")
        elif before or not self._silent:
            self.say(f"{self.check.name}: ok")
            self._silent = True


class Failed(Exception):  # noqa: N818 - it is an outcome
    """One thing that has to hold does not: nothing else matters any more."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally.name)
        self.tally = tally


async def until_held(probe: Probe) -> None:
    """Try until it holds once.

    Raises:
        Failed: it failed too often in a row.
    """
    await _paced(probe, lambda _: True)


async def through(probe: Probe, end: float) -> None:
    """Try each period until `end`, by the loop's clock, and at least once.

    A check whose last try has failed by then is tried a little longer: the soak does not end on a failure.

    Raises:
        Failed: it failed too often in a row, or did so last.
    """
    last = max(end, asyncio.get_running_loop().time()) + CLOSING_SECONDS
    try:
        async with asyncio.timeout_at(last):
            await _paced(probe, lambda following: following >= end)
    except TimeoutError:
        probe.tally.passed = probe.tally.runs > 0 and not probe.tally.row
        if not probe.tally.passed:
            probe.tally.error = probe.tally.error or f"no try has ended within {CLOSING_SECONDS:g} s"
            raise Failed(probe.tally) from None


async def _paced(probe: Probe, enough: Callable[[float], bool]) -> None:
    """Try each period. `enough` says of the time of the next try whether it is needed after one that held."""
    clock = asyncio.get_running_loop().time
    while True:
        begun = clock()
        await probe.once()
        if probe.tally.passed is False:
            raise Failed(probe.tally)
        following = max(begun + probe.check.period, clock())
        if not probe.tally.row and enough(following):
            probe.tally.passed = True
            return
        await asyncio.sleep(following - clock())


async def all_of(work: Iterable[Awaitable[None]]) -> None:
    """Do all of it at the same time; the first failure ends the rest.

    Raises:
        Failed: one of them has failed.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    if not tasks:
        return
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
