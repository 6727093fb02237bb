"""`python -m tests.bench`: measures on the cluster that is up, and the runner; cleans up after itself."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time

from tests.bench import crowd, latency, objects, traffic
from tests.bench.api import connected
from tests.bench.crowd import Size
from tests.bench.installed import Installed
from tests.bench.numbers import load
from tests.bench.place import Place
from tests.bench.report import lines
from tests.bench.runner import ground, part
from tests.cluster.backends.base import Images
from tests.cluster.backends.choice import choose
from tests.cluster.errors import BedError
from tests.cluster.handle import Cluster


def main() -> int:
    """Everything in one run, so that the numbers may be set side by side."""
    chosen = _arguments()
    # So that what was made is removed, also where a shell has started this in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    wanted = chosen.part or [*_PARTS, _RUNNER]
    try:
        if wanted != [_RUNNER]:  # the others have to do with a cluster
            cluster = Cluster(choose()[0], Images(switchback=chosen.image))
            _up(cluster)
        for name in wanted:
            if name == _RUNNER:
                part.run(part.Size(chosen.rounds, chosen.files, chosen.many, chosen.server))
            else:
                _PARTS[name](cluster, chosen)
    except BedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("interrupted; what was made is removed", file=sys.stderr)
        return 130
    return 0


def _up(cluster: Cluster) -> None:
    if not cluster.backend.is_up():
        raise BedError("the cluster is not up; `make install` starts it and installs the operator")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--part", action="append", choices=(*_PARTS, _RUNNER), help="only this one")
    parser.add_argument("--runs", type=int, default=10, help="of part one (default: %(default)s)")
    many = parser.add_argument_group("part two")
    many.add_argument("--settled", type=int, default=2000, help="resources at rest (default: %(default)s)")
    many.add_argument("--namespaces", type=int, default=20, help="that hold them (default: %(default)s)")
    many.add_argument("--operations", type=int, default=50, help="at once (default: %(default)s)")
    many.add_argument(
        "--quiet-minutes", type=float, default=0.0, help="of rest; at least one resync is waited for"
    )
    many.add_argument("--no-rest", dest="rest", action="store_false", help="leave the time at rest out")
    moved = parser.add_argument_group("part traffic")
    moved.add_argument("--cycles", type=int, default=20, help="there and back (default: %(default)s)")
    moved.add_argument("--spoilt", type=int, default=20, help="whose check fails (default: %(default)s)")
    beside = parser.add_argument_group("part runner, which needs no cluster")
    beside.add_argument("--rounds", type=int, default=5, help="of each case (default: %(default)s)")
    beside.add_argument(
        "--files", type=int, default=1000, help="applied and rolled back (default: %(default)s)"
    )
    beside.add_argument(
        "--many", type=int, default=10000, help="that are applied already (default: %(default)s)"
    )
    beside.add_argument(
        "--server", choices=tuple(ground.SERVERS), default="18", help="major version (%(default)s)"
    )
    parser.add_argument("--image", default=os.environ.get("SWITCHBACK_IMAGE", "localhost/switchback:dev"))
    return parser.parse_args()


def _one(cluster: Cluster, chosen: argparse.Namespace) -> None:
    async def measure(namespace: str) -> None:
        async with connected(cluster.kubeconfig) as api:
            runs = await latency.measure(api, namespace, chosen.image, chosen.runs)
            print("\n".join(latency.table(*runs)))
            await asyncio.sleep(5)
            resident, _ = await Installed(cluster, api).memory()
            print(f"\nOperator at rest: {resident:.0f} MiB resident; {load()}\n", flush=True)

    print(f"One pending migration, {chosen.runs} runs each, in turn ({load()}):\n", flush=True)
    with Place(cluster, latency.databases(chosen.runs, chosen.runs)) as place:
        asyncio.run(measure(place.namespace))


def _two(cluster: Cluster, chosen: argparse.Namespace) -> None:
    size = Size(chosen.settled, chosen.namespaces, chosen.operations, chosen.quiet_minutes, chosen.rest)

    async def measure(place: Place) -> None:
        async with connected(cluster.kubeconfig) as api:
            async for rows in crowd.measure(cluster, api, place, chosen.image, size):
                print("\n".join(["", *lines(rows), ""]), flush=True)

    print(
        f"{size.settled} settled resources and {size.operations} operations at once ({load()}):\n", flush=True
    )
    begun = time.monotonic()
    with Place(cluster, crowd.databases(size)) as place:
        asyncio.run(measure(place))
        print(f"\nafter {time.monotonic() - begun:.0f} s; {load()}\n", flush=True)


def _traffic(cluster: Cluster, chosen: argparse.Namespace) -> None:
    cycles, spoilt = chosen.cycles, chosen.spoilt
    print(
        f"Traffic: {cycles} cycles there and back, {spoilt} switches that go wrong ({load()}):\n", flush=True
    )
    begun = time.monotonic()
    try:
        with Place(cluster, ()) as place:
            where = place.more(2)
            tables = traffic.measure(cluster, where, objects.WEB, chosen.image, cycles=cycles, spoilt=spoilt)
            for rows in tables:
                print("\n".join(["", *lines(rows), ""]), flush=True)
    except AssertionError as error:
        # What the shops are made of was written for tests, which end like this.
        raise BedError(f"{error}; is there room on the node? {load()}") from None
    print(f"\nafter {time.monotonic() - begun:.0f} s; {load()}\n", flush=True)


_RUNNER = "runner"
_PARTS = {"one": _one, "two": _two, "traffic": _traffic}


if __name__ == "__main__":
    sys.exit(main())
