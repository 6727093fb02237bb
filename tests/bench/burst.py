"""Many operations that begin at once, between two rounds of as many bare Jobs that do the same work."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import asked
from tests.bench.latency import Bench
from tests.bench.numbers import Numbers, load, overlap
from tests.bench.watching import watching
from tests.cluster.console import say, step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.api import Api
    from tests.bench.asked import Account
    from tests.bench.installed import Installed
    from tests.bench.latency import Run

PATIENCE_SECONDS = 400.0
REST_SECONDS = 60.0
"""How long the operator may be busy with what has ended."""

BUSY = "process_cpu_seconds_total"


@dataclass(frozen=True)
class Round:
    """So many runs that began at once. `api_busy`: processor seconds of the API server."""

    runs: list[Run]
    wall: float
    api_busy: float

    @property
    def at_once(self) -> int:
        """How many pods there were at the same time, from their creation to their container's end."""
        return overlap([(run.begun + run.pod_there, run.begun + run.end_visible) for run in self.runs])

    @property
    def running_at_once(self) -> int:
        """How many containers ran at the same time."""
        return overlap([(run.begun + run.running, run.begun + run.end_visible) for run in self.runs])


@dataclass(frozen=True)
class Burst:
    """What was seen. `first_writes`: seconds from a resource's arrival to its first status."""

    bare: tuple[Round, Round]
    ours: Round
    before: Numbers
    after: Numbers
    first_writes: list[float]
    asked: asked.Asked

    @property
    def floor(self) -> float:
        """What bare Jobs took, before and after, on average."""
        return sum(one.wall for one in self.bare) / 2


async def measure(
    api: Api, installed: Installed, account: Account, *, namespace: str, image: str, count: int
) -> Burst:
    """`count` bare Jobs, as many operations, and bare Jobs again."""
    async with watching(api, namespace) as streams:
        bench = Bench(api, streams, namespace, image, PATIENCE_SECONDS)
        first = await _round(api, f"{count} bare Jobs at once", bench.bare, range(count))
        mark, before = account.mark(), await installed.numbers()
        ours = await _round(api, f"{count} operations at once", bench.resource, range(count))
        after = await _rested(installed)
        seen = asked.about(account.since(mark), namespace)
        writes = asked.first_writes(seen, account.everybody(mark, namespace))
        again = range(count, 2 * count)
        second = await _round(api, f"{count} bare Jobs at once, again", bench.bare, again)
    return Burst((first, second), ours, before, after, writes, asked.counted(seen))


async def _round(api: Api, what: str, run: Callable[[int], Awaitable[Run]], numbers: range) -> Round:
    say(load())
    with step(what):
        busy, begun = await _api_busy(api), time.perf_counter()
        runs = await asyncio.gather(*(run(number) for number in numbers))
        wall = time.perf_counter() - begun
    return Round(runs, wall, await _api_busy(api) - busy)


async def _api_busy(api: Api) -> float:
    return Numbers.parse(await api.text("/metrics")).sum(BUSY)


async def _rested(installed: Installed) -> Numbers:
    """The numbers once nothing is looked at any more."""
    deadline, calm = time.monotonic() + REST_SECONDS, 0
    while True:
        now = await installed.numbers()
        busy = now.sum("workqueue_depth") + now.sum("controller_runtime_active_workers")
        calm = 0 if busy else calm + 1
        if calm >= 4 or time.monotonic() > deadline:
            return now
        await asyncio.sleep(1)
