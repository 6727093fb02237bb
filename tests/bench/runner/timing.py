"""Timing whole processes, and keeping what was timed."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_SECONDS = 600.0
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Where it is set, every start compiles all of Python's modules anew; neither image nor laptop does that."""


@dataclass(frozen=True, order=True)
class Case:
    """What is done, with how many migrations, at how many added milliseconds of round trip."""

    what: str
    count: int = 0
    delay: int = 0

    @property
    def text(self) -> str:
        """For people."""
        parts = [self.what]
        parts += [f"{self.count:,}"] if self.count else []
        parts += [f"at {self.delay} ms"] if self.what in {APPLY, ROLLBACK} else []
        return ", ".join(parts)


APPLY, ROLLBACK, NOTHING, STATUS = "apply", "roll back", "nothing to do", "status"
HELP, VERSION = "--help", "version"
FLOOR, INTERPRETER, DRIVER = "floor script", "interpreter", "interpreter and psycopg"
"""Names of what stands where a tool's name does, for what nobody can be faster than."""


class Took(NamedTuple):
    """Seconds of one call: on the clock, and of the processor, for the call alone without the server."""

    wall: float
    processor: float


class Samples:
    """What calls took, by case and tool."""

    def __init__(self) -> None:
        self._took: dict[tuple[Case, str], list[Took]] = defaultdict(list)

    def add(self, case: Case, tool: str, took: Took) -> None:
        self._took[case, tool].append(took)

    def median(self, case: Case, tool: str) -> float | None:
        """By the clock; None where it was not measured."""
        values = self._took.get((case, tool))
        return statistics.median(took.wall for took in values) if values else None

    def processor(self, case: Case, tool: str) -> float | None:
        """The median of the processor's time; None where it was not measured."""
        values = self._took.get((case, tool))
        return statistics.median(took.processor for took in values) if values else None

    def spread(self, case: Case, tool: str) -> tuple[float, float]:
        """The shortest and the longest by the clock."""
        values = [took.wall for took in self._took[case, tool]]
        return min(values), max(values)

    def cases(self) -> list[Case]:
        """In the order in which they were first met."""
        return list(dict.fromkeys(case for case, _ in self._took))


def timed(argv: Sequence[str], allowed: tuple[int, ...] = (0,)) -> Took:
    """Run a program to its end; how long it took.

    Raises:
        BedError: it has failed: a tool that does not do its work is not fast.
    """
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    # Nobody reads along: that would take a processor from the tool and its server.
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
            cwd="/",  # no configuration file of anybody's is read
        )
        overdue = threading.Timer(LIMIT_SECONDS, child.kill)
        overdue.daemon = True
        overdue.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            overdue.cancel()
        took = Took(time.perf_counter() - begun, used.ru_utime + used.ru_stime)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in allowed:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-3:]
            raise BedError(f"`{' '.join(argv[:8])}` failed with exit {child.returncode}: {' / '.join(last)}")
    return took
