"""Resource applied until Finished, beside a bare Job of the same image that does the same work.

The floor is the moment at which the end of the bare Job's container can be seen: nobody knows more
earlier. The bare Job's own Complete condition comes later: the Job controller batches for a second, and
the kubelet looks at its containers once a second.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import objects
from tests.bench.watching import DEADLINE_SECONDS, Streams, watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.api import Api
    from tests.bench.objects import Object

SECRET = "databases"
KUBELET_SECONDS = 1.0


@dataclass(frozen=True)
class Run:
    """Seconds from the POST to each thing that could be seen. `begun`: that moment, by the clock."""

    begun: float
    pod_there: float
    running: float
    end_visible: float
    over: float


@dataclass
class Bench:
    """What starts one run and follows it."""

    api: Api
    streams: Streams
    namespace: str
    image: str
    patience: float = DEADLINE_SECONDS

    async def bare(self, number: int) -> Run:
        """Through a bare Job."""
        name = f"bare-{number}"
        begun = time.perf_counter()
        body = objects.bare_job(name, self.image, SECRET, f"bare-{number}")
        await self.api.send("POST", objects.JOBS.format(self.namespace), body)
        seen = await self._pod(begun, lambda pod: pod["metadata"]["labels"].get("job-name") == name)
        done, job = await self.streams.jobs.first(begun, lambda job: _over(job, name), self.patience)
        if not objects.is_true(job, name, "Complete"):
            raise RuntimeError(f"{name} did not succeed: see the log of its pod")
        return Run(begun, *seen, done - begun)

    async def resource(self, number: int) -> Run:
        """Through a DatabaseMigration."""
        name = f"resource-{number}"
        begun = time.perf_counter()
        body = objects.migration(name, SECRET, f"resource-{number}")
        await self.api.send("POST", objects.MIGRATIONS.format(self.namespace), body)
        seen = await self._pod(begun, lambda pod: objects.annotation(pod) == f"{self.namespace}/{name}")
        done, item = await self.streams.migrations.first(
            begun, lambda it: objects.is_true(it, name, "Finished"), self.patience
        )
        if not objects.is_true(item, name, "Ready"):
            raise RuntimeError(f"{name} did not succeed: {item['status']['conditions']}")
        return Run(begun, *seen, done - begun)

    async def _pod(self, begun: float, ours: Callable[[Object], bool]) -> tuple[float, float, float]:
        """When there was a pod, its container ran, and ended. A short run may never be seen running."""
        wait = self.patience
        there, _ = await self.streams.pods.first(begun, ours, wait)
        alive = {"running", "terminated"}
        runs, _ = await self.streams.pods.first(
            begun, lambda pod: ours(pod) and objects.state(pod) in alive, wait
        )
        end, _ = await self.streams.pods.first(
            begun, lambda pod: ours(pod) and objects.state(pod) == "terminated", wait
        )
        return there - begun, runs - begun, end - begun


def _over(job: Object, name: str) -> bool:
    return any(objects.is_true(job, name, condition) for condition in ("Complete", "Failed"))


def databases(bare: int, resources: int) -> list[str]:
    """Those that so many runs of both kinds need."""
    return [f"bare_{number}" for number in range(bare)] + [
        f"resource_{number}" for number in range(resources)
    ]


async def measure(api: Api, namespace: str, image: str, runs: int) -> tuple[list[Run], list[Run]]:
    """`runs` bare Jobs and `runs` resources in turn, so that both see the same node.

    The kubelet looks at its containers once a second. A run that began with the end of the last one would
    begin at the same point of that second each time, and all would be early, or all late: so each begins at
    a point of its own, and the two kinds at the same points.
    """
    points = [(number + 0.5) / runs * KUBELET_SECONDS for number in range(runs)]
    random.Random(runs).shuffle(points)  # noqa: S311 - repeatable, no secret
    async with watching(api, namespace) as streams:
        bench = Bench(api, streams, namespace, image)
        bare, resource = [], []
        for number, point in enumerate(points):
            await asyncio.sleep(point)
            bare.append(await bench.bare(number))
            await asyncio.sleep(point)
            resource.append(await bench.resource(number))
        return bare, resource


def table(bare: list[Run], resource: list[Run]) -> list[str]:
    """Minimum, median and maximum of each part, and the one number that matters."""
    lines = [f"{'seconds from the POST':34} {'min':>7} {'median':>7} {'max':>7}"]
    for title, runs, last in (("bare Job", bare, "Complete"), ("resource", resource, "Finished")):
        parts = (("pod there", "pod_there"), ("container's end visible", "end_visible"), (last, "over"))
        for part, name in parts:
            lines.append(_line(f"{title}: {part}", [getattr(run, name) for run in runs]))
    lines.append(_line("operator: until there is a pod", [run.pod_there for run in resource]))
    lines.append(_line("operator: end until Finished", [run.over - run.end_visible for run in resource]))
    floor = statistics.median(run.end_visible for run in bare)
    over = statistics.median(run.over for run in resource)
    complete = statistics.median(run.over for run in bare)
    return [
        *lines,
        "",
        f"Finished minus the floor (end of the bare Job's container): {over - floor:+.3f} s; goal +0.800 s",
        f"Finished / floor: {over / floor:.2f}    Finished / bare Job's Complete: {over / complete:.2f}",
    ]


def _line(title: str, values: list[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{title:34} {low:7.3f} {middle:7.3f} {high:7.3f}"
