"""Part runner: the command line beside other migration tools, on a server of its own; needs no cluster."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.numbers import load
from tests.bench.report import lines
from tests.bench.runner import judge, measure, tools
from tests.bench.runner.ground import ground
from tests.bench.runner.timing import Samples
from tests.cluster.console import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.report import Row
    from tests.bench.runner.ground import Ground
    from tests.bench.runner.measure import Course
    from tests.bench.runner.tools import Tool


class Size(NamedTuple):
    """How much is measured."""

    rounds: int
    files: int
    many: int
    server: str


def run(size: Size) -> None:
    """Measure and print.

    Raises:
        BedError: something is missing, or a tool has failed.
    """
    begun = time.monotonic()
    chosen = tools.every()
    samples = Samples()
    names = [tool.name for tool in chosen]
    with ground(size.server) as place, measure.course(place, chosen, samples) as course:
        try:
            _measure(place, course, chosen, size)
        finally:  # also what was measured until somebody interrupted it
            _say([*judge.medians(samples, tools.OURS, names), "", *judge.processor(samples, names), ""])
            _say([*lines(judge.goals(samples, tools.OURS, names)), ""])
            _say([f"after {time.monotonic() - begun:.0f} s; {load()}"])


def _measure(place: Ground, course: Course, chosen: Sequence[Tool], size: Size) -> None:
    _say(_introduction(place, chosen, size))
    course.start_up(size.rounds)
    course.settled(size.files, size.rounds)
    course.settled(size.many, size.rounds)
    heard = _overheard(place, course, chosen[0], size)
    _say([f"On the wire, nothing to do, {size.files:,} applied:", *lines(heard), ""])
    course.fresh(size.files, size.rounds)
    _say([f"commit at the end: {place.commit_seconds() * 1000:.2f} ms", ""])


def _introduction(place: Ground, chosen: Sequence[Tool], size: Size) -> list[str]:
    trips = []
    for delay in measure.DELAYS:
        with place.line(delay / 1000) as port:
            trips.append(place.trip_seconds(port) * 1000)
    return [
        f"{size.files:,} files of one CREATE TABLE each, medians of {size.rounds} rounds ({load()}):",
        "",
        f"  {'PostgreSQL':16} {place.version}, fsync on, on the same machine over TCP",
        f"  {'Python':16} {platform.python_version()}",
        *(f"  {tool.name:16} {tool.version}: {tool.settings}" for tool in chosen),
        "",
        f"  commit: {place.commit_seconds() * 1000:.2f} ms beyond a statement",
        f"  a statement through the slow line: {trips[-1]:.2f} ms; without delay: {trips[0]:.2f} ms",
        "",
    ]


def _overheard(place: Ground, course: Course, ours: Tool, size: Size) -> list[Row]:
    with step("listening to one call with nothing to do"), course.applied(ours, size.files) as database:
        folder = course.files(ours, size.files)
        return judge.wire(place.overheard(lambda port: ours.apply(place.url(database, port), folder)))


def _say(told: Sequence[str]) -> None:
    print("\n".join(told), flush=True)
