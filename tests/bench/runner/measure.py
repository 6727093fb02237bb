"""The rounds: in each one, every tool does every case once, in an order that changes from round to round."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.runner import timing, tools
from tests.bench.runner.timing import APPLY, HELP, NOTHING, ROLLBACK, STATUS, VERSION, Case, timed
from tests.cluster.console import step
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.runner.ground import Ground
    from tests.bench.runner.timing import Samples
    from tests.bench.runner.tools import Tool

DELAYS = (0, 1)
"""Milliseconds that are added to a round trip."""


class Course:
    """What is measured, on one server, with the files of every tool at hand."""

    def __init__(self, ground: Ground, chosen: Sequence[Tool], samples: Samples, folder: Path) -> None:
        self._ground, self._tools, self._samples, self._folder = ground, chosen, samples, folder

    def files(self, tool: Tool, count: int) -> Path:
        """The folder with so many migrations in a tool's format."""
        folder = self._folder / f"{tool.name}-{count}"
        if not folder.exists():
            folder.mkdir()
            tool.fill(folder, count)
        return folder

    def fresh(self, count: int, rounds: int) -> None:
        """Apply all, ask again, roll back all; at each delay."""
        for number in range(rounds):
            for delay in DELAYS:
                with (
                    step(f"{count:,} files at {delay} ms, round {number + 1} of {rounds}"),
                    self._port(delay) as port,
                ):
                    for tool in _turned(self._tools, number):
                        self._there_and_back(tool, count, delay, port)

    def settled(self, count: int, rounds: int) -> None:
        """Nothing to do, and status, beside the floor."""
        with ExitStack() as stack:
            there: dict[str, str] = {}
            for tool in self._tools:
                with step(f"{tool.name} applies {count:,} files (not timed)"):
                    there[tool.name] = stack.enter_context(self.applied(tool, count))
            with step(f"nothing to do and status at {count:,}, {rounds} rounds"):
                for number in range(rounds):
                    for tool in _turned(self._tools, number):
                        self._ask(tool, count, self._ground.url(there[tool.name]))

    def start_up(self, rounds: int) -> None:
        """Help, version, and nothing to do with one file, beside the interpreter and the driver."""
        with ExitStack() as stack, step(f"start-up, {rounds} rounds"):
            there = {tool.name: stack.enter_context(self.applied(tool, 1)) for tool in self._tools}
            for number in range(rounds):
                self._samples.add(Case(HELP), timing.INTERPRETER, timed(tools.INTERPRETER))
                self._samples.add(Case(NOTHING, 1), timing.DRIVER, timed(tools.DRIVER))
                for tool in _turned(self._tools, number):
                    for case, argv in ((HELP, tool.help), (VERSION, tool.tell)):
                        if argv is not None:
                            # Some end their help with 1 or 2.
                            self._samples.add(Case(case), tool.name, timed(argv, (0, 1, 2)))
                    self._ask(tool, 1, self._ground.url(there[tool.name]))

    @contextmanager
    def _port(self, delay: int) -> Iterator[int | None]:
        if not delay:
            yield None
            return
        with self._ground.line(delay / 1000) as port:
            yield port

    def _there_and_back(self, tool: Tool, count: int, delay: int, port: int | None) -> None:
        ground, folder = self._ground, self.files(tool, count)
        database = ground.database()
        url = ground.url(database, port)
        ground.calm()
        self._samples.add(Case(APPLY, count, delay), tool.name, timed(tool.apply(url, folder)))
        self._expect(tool, database, count)
        if tool.rollback is not None:
            ground.calm()
            self._samples.add(Case(ROLLBACK, count, delay), tool.name, timed(tool.rollback(url, folder)))
            self._expect(tool, database, 0)
        ground.drop(database)

    def _expect(self, tool: Tool, database: str, count: int) -> None:
        found = self._ground.tables(database)
        if found != count:
            raise BedError(f"{tool.name} ended well and left {found} tables instead of {count}")

    @contextmanager
    def applied(self, tool: Tool, count: int) -> Iterator[str]:
        """Name of a database in which a tool has applied so many, not timed."""
        database = self._ground.database()
        self._ground.careless(database, yes=True)
        url, folder = self._ground.url(database), self.files(tool, count)
        if tool.assume is not None:
            timed(tool.assume(url, folder, count))
        else:
            timed(tool.apply(url, folder))
            self._expect(tool, database, count)
        self._ground.careless(database, yes=False)
        self._ground.calm()
        yield database
        self._ground.drop(database)

    def _ask(self, tool: Tool, count: int, url: str) -> None:
        folder = self.files(tool, count)
        self._samples.add(Case(NOTHING, count), tool.name, timed(tool.apply(url, folder)))
        if tool.name == tools.OURS:
            self._samples.add(Case(NOTHING, count), timing.FLOOR, timed(tools.floor(url, folder)))
        if tool.status is not None:
            self._samples.add(Case(STATUS, count), tool.name, timed(tool.status(url, folder)))


def _turned(chosen: Sequence[Tool], number: int) -> list[Tool]:
    at = number % len(chosen)
    return [*chosen[at:], *chosen[:at]]


@contextmanager
def course(ground: Ground, chosen: Sequence[Tool], samples: Samples) -> Iterator[Course]:
    """A course whose files are removed at the end."""
    # In memory where there is such a place: every tool reads the same from there, and 70,000 files take some
    # disks minutes to remove.
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    folder = Path(tempfile.mkdtemp(prefix="switchback-bench-", dir=memory if memory.is_dir() else None))
    try:
        yield Course(ground, chosen, samples, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
