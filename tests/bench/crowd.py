"""Part two: thousands of settled resources, and many operations at once beside them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import burst, latency, settled
from tests.bench.asked import Account
from tests.bench.installed import Installed, Start
from tests.bench.numbers import load, spread
from tests.bench.quiet import Quiet, bare_lists, watch_quiet
from tests.bench.report import Row, judged
from tests.cluster.console import say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.bench.api import Api
    from tests.bench.burst import Burst, Round
    from tests.bench.place import Place
    from tests.bench.settled import Crowd
    from tests.cluster.handle import Cluster

MEMORY_MIB = 150.0
LISTS = 40
LOOKS = "controller_runtime_reconcile_time_seconds"
QUEUED = "workqueue_queue_duration_seconds"


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    settled: int
    namespaces: int
    operations: int
    quiet_minutes: float
    rest: bool = True


def databases(size: Size) -> list[str]:
    """Those that part two needs."""
    return [*latency.databases(2 * size.operations, size.operations), *settled.databases(size.namespaces)]


async def measure(
    cluster: Cluster, api: Api, place: Place, image: str, size: Size
) -> AsyncIterator[list[Row]]:
    """All of part two, each table as soon as it can be told."""
    installed = Installed(cluster, api)
    account = Account(cluster, installed.user)
    floor = await installed.floor()
    learned = await settled.learn(api, place, size.namespaces)
    with installed.stopped():
        crowd = await settled.multiply(api, learned, size.settled)
        mark = account.mark()
    start = await installed.started(size.settled)
    say(f"looked at {size.settled} resources {start.looked:.1f} s after the start; {load()}")
    yield _start(start, size, len(account.since(mark)), account)
    await _untouched(api, crowd)

    if size.rest:
        requests, seconds = await bare_lists(api)
        quiet = await watch_quiet(installed, account, size.quiet_minutes)
        yield _memory(floor, start, quiet)
        yield _quiet(quiet, account, requests, seconds)
        await _untouched(api, crowd)

    rush = await burst.measure(
        api, installed, account, namespace=place.namespace, image=image, count=size.operations
    )
    yield _burst(rush, size, account)
    await _untouched(api, crowd)


async def _untouched(api: Api, crowd: Crowd) -> None:
    """What is measured is an operator that has nothing to do; otherwise the numbers are of something else."""
    found = await settled.touched(api, crowd)
    if found:
        raise RuntimeError(
            f"{len(found)} settled resources were written, {found[0]} for one: "
            "either their status was not what the operator writes, or the operator writes without a need"
        )


def _start(start: Start, size: Size, asked: int, account: Account) -> list[Row]:
    asking = f"; {asked} requests" if not account.missing else ""
    return [
        Row("START, seconds since the process began", "", ""),
        Row("modules loaded, first line logged", "", f"{start.ready:.1f}"),
        Row("leading", "", f"{start.leading:.1f}"),
        Row(f"has looked at all {size.settled}", "", f"{start.looked:.1f}{asking}"),
        Row("processor time of the process until then", "", f"{start.busy:.1f}"),
    ]


def _memory(floor: float, start: Start, quiet: Quiet) -> list[Row]:
    most = max(quiet.resident)
    return [
        Row("RESIDENT MEMORY, MiB", "", ""),
        Row("a process with the same imports that does nothing", "", f"{floor:.0f}"),
        Row("after the first look at everything", "", f"{start.resident:.0f}, at most {start.peak:.0f}"),
        judged(
            "at rest, the most of all samples",
            f"≤ {MEMORY_MIB:.0f}",
            f"{most:.0f}, median {quiet.usual:.0f}, {most / floor:.2f} x the floor",
            good=most <= MEMORY_MIB,
        ),
        judged(
            "peak during a resync", f"≤ {MEMORY_MIB:.0f}", f"{quiet.peak:.0f}", good=quiet.peak <= MEMORY_MIB
        ),
    ]


def _quiet(quiet: Quiet, account: Account, requests: int, seconds: float) -> list[Row]:
    rows = [
        Row(f"AT REST for {quiet.seconds / 60:.1f} minutes, {quiet.resyncs} resyncs", "", ""),
        Row("share of a processor", "", f"{100 * quiet.busy / quiet.seconds:.2f} %"),
    ]
    if account.missing:
        return [*rows, Row("requests to the API server", "", f"not measured: {account.missing}")]
    asked, lists = quiet.asked, quiet.asked.verb("list") / quiet.resyncs
    took = statistics.median(quiet.resync_seconds)
    return [
        *rows,
        judged("LISTs per resync", f"≤ {LISTS}", f"{lists:g} (a bare loop: {requests})", good=lists <= LISTS),
        judged("GETs", "0", str(asked.verb("get")), good=not asked.verb("get")),
        judged("writes, but for the Lease", "0", str(asked.writes), good=not asked.writes),
        Row("requests about the Lease", "", f"{asked.lease}, {asked.lease / quiet.seconds:.2f} a second"),
        Row("all others", "", asked.text()),
        Row(
            "a resync's lists, seconds",
            "",
            f"{took:.2f} (a bare loop: {seconds:.2f}, {took / seconds:.1f} x)",
        ),
    ]


def _burst(rush: Burst, size: Size, account: Account) -> list[Row]:
    runs, count = rush.ours.runs, size.operations
    first, second = rush.bare
    busy = rush.after.sum(burst.BUSY) - rush.before.sum(burst.BUSY)
    bare = f"{first.wall:.1f} before, {second.wall:.1f} after"
    rows = [
        Row(f"{count} OPERATIONS AT ONCE, seconds", "", ""),
        Row("all Finished", "", f"{rush.ours.wall:.1f}, {rush.ours.wall / rush.floor:.2f} x the bare Jobs"),
        Row(f"{count} bare Jobs that do the same, Complete", "", bare),
        Row("pods there at once, containers that ran at once", "", _at_once(rush.ours)),
        Row("the same of the bare Jobs", "", f"{_at_once(first)}; {_at_once(second)}"),
        _three("arrival until there is a pod", [run.pod_there for run in runs]),
        _three("pod until its container runs", [run.running - run.pod_there for run in runs]),
        _three("container's run", [run.end_visible - run.running for run in runs]),
        _three(
            "container's run of the bare Jobs",
            [run.end_visible - run.running for run in (*first.runs, *second.runs)],
        ),
        _three("container's end until Finished", [run.over - run.end_visible for run in runs]),
        _looks("a look", LOOKS, rush),
        _looks("a key's wait for a worker", QUEUED, rush),
        Row("processor time of the operator", "", f"{busy:.1f}, {busy / count:.3f} for each"),
        Row(
            "processor time of the API server",
            "",
            f"{rush.ours.api_busy:.1f} (bare Jobs: {first.api_busy:.1f}; {second.api_busy:.1f})",
        ),
    ]
    if account.missing:
        return [*rows, Row("requests to the API server", "", f"not measured: {account.missing}")]
    return [
        *rows[:5],
        _three("arrival until our first status", rush.first_writes),
        *rows[5:],
        Row("requests per operation", "", f"{rush.asked.requests.total() / count:.1f}"),
        Row("of these", "", rush.asked.text(count)),
    ]


def _at_once(one: Round) -> str:
    return f"{one.at_once}, {one.running_at_once}"


def _three(what: str, values: list[float]) -> Row:
    middle, high, most = spread(values)
    return Row(what, "", f"p50 {middle:.2f}, p95 {high:.2f}, max {most:.2f}")


def _looks(what: str, name: str, rush: Burst) -> Row:
    count = rush.after.sum(f"{name}_count") - rush.before.sum(f"{name}_count")
    middle, high = (rush.after.quantile(name, share, rush.before) for share in (0.5, 0.95))
    return Row(what, "", f"p50 {middle:.3f}, p95 {high:.3f} ({count:.0f} times)")
