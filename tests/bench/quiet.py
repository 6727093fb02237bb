"""An operator for which there is nothing to do: what it asks, what it takes."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.asked import Asked, counted, resyncs
from tests.bench.numbers import load
from tests.cluster.console import say

if TYPE_CHECKING:
    from tests.bench.api import Api
    from tests.bench.asked import Account
    from tests.bench.installed import Installed

SAMPLE_SECONDS = 5.0
SAY_SECONDS = 60.0
LONGEST_SECONDS = 420.0
"""A resync comes every 300 s, give or take a tenth."""

MIB = 1024.0 * 1024.0
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_OURS = {"labelSelector": "app.kubernetes.io/managed-by=switchback"}

LISTS: tuple[tuple[str, int, dict[str, str], str], ...] = (
    ("/apis/batch/v1/jobs", 250, _OURS, "application/json"),
    ("/api/v1/pods", 250, _OURS, "application/json"),
    ("/api/v1/namespaces", 500, {}, _METADATA),
    ("/api/v1/configmaps", 500, {}, _METADATA),
    ("/apis/switchback.dev/v1alpha1/databasemigrations", 250, {}, "application/json"),
)
"""What a resync lists: path, objects per page, query, form."""


@dataclass
class Quiet:
    """What was seen. Memory in MiB; `busy`: seconds of processor time."""

    seconds: float = 0.0
    resyncs: int = 0
    resync_seconds: list[float] = field(default_factory=list)
    asked: Asked = field(default_factory=Asked)
    resident: list[float] = field(default_factory=list)
    busy: float = 0.0
    peak: float = 0.0

    @property
    def usual(self) -> float:
        """The median of what was resident."""
        return statistics.median(self.resident)


async def watch_quiet(installed: Installed, account: Account, minutes: float) -> Quiet:
    """Watches for so many minutes, and for one resync at least."""
    seen, mark, begun, said = Quiet(), account.mark(), time.monotonic(), 0.0
    await installed.forget_peak()
    before = await installed.numbers()
    age, busy = before.sum("switchback_resync_age_seconds"), before.sum("process_cpu_seconds_total")
    while seen.seconds < minutes * 60 or not seen.resyncs:
        if seen.seconds > minutes * 60 + LONGEST_SECONDS:
            raise RuntimeError(f"no resync in {seen.seconds:.0f} s: see the operator's log")
        await asyncio.sleep(SAMPLE_SECONDS)
        now = await installed.numbers()
        seen.seconds = time.monotonic() - begun
        seen.resident.append(now.sum("process_resident_memory_bytes") / MIB)
        seen.busy = now.sum("process_cpu_seconds_total") - busy
        before_that, age = age, now.sum("switchback_resync_age_seconds")
        seen.resyncs += age < before_that
        if seen.seconds - said > SAY_SECONDS:
            said = seen.seconds
            say(f"quiet for {said:.0f} s; {seen.resyncs} resyncs; {seen.resident[-1]:.0f} MiB; {load()}")
    _, seen.peak = await installed.memory()
    events = account.since(mark)
    seen.asked, seen.resync_seconds = counted(events), resyncs(events)
    return seen


async def bare_lists(api: Api) -> tuple[int, float]:
    """How many requests and seconds a bare loop takes that lists the same and does nothing with it."""
    begun, requests = time.perf_counter(), 0
    for path, limit, query, accept in LISTS:
        async for _ in api.pages(path, limit, query, accept):
            requests += 1
    return requests, time.perf_counter() - begun
