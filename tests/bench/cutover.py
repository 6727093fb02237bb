"""How long a switch takes to arrive at clients: the operator's patch beside the same patch by hand.

Both under 200 new connections and 200 requests on open ones per second, in one run, each in its own shop.
"""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.report import Row, judged, lines
from tests.cluster import images
from tests.cluster.console import step
from tests.cluster.errors import BedError
from tests.e2e.kube import Kube
from tests.e2e.states import is_true
from tests.traffic import by_hand
from tests.traffic.load import LATE, Load, reach
from tests.traffic.oracle import OPERATOR, Oracle
from tests.traffic.shop import NAME, cutover
from tests.traffic.slots import BLUE, Slots, other

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.place import Place
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Object
    from tests.traffic.by_hand import Times
    from tests.traffic.load import Tally

RATIO = 1.3
"""So much slower than by hand the operator's switch may arrive."""

KIND = "DatabaseMigration"
SWITCH_SECONDS = 60.0
MILLI = 1000.0


def measure(cluster: Cluster, place: Place, switches: int) -> list[str]:
    """The table, with the goal and what was reached."""
    kube = Kube(cluster.kubeconfig)
    first, second = place.more(2)
    web = cluster.images.web or f"localhost/{images.WEB}"
    hand, operator = Slots(kube, first, web), Slots(kube, second, web)
    hand.start()
    operator.start()
    times, tally = _run(cluster, hand, kube.username, lambda: by_hand.switch(hand, switches))
    mover = Mover(operator)
    mover.create()
    ours, moved = _run(cluster, operator, OPERATOR, lambda: mover.move(switches))
    return [
        "by hand:",
        *by_hand.table(times),
        "",
        "by the operator:",
        *by_hand.table(ours),
        "",
        *lines(_rows(times, tally, ours, moved)),
    ]


class Mover:
    """A resource that wishes for one slot and then for the other."""

    def __init__(self, slots: Slots) -> None:
        self._kube, self._slots = slots.kube, slots

    def create(self) -> None:
        """Make it, for the slot that is live."""
        spec = {"cutover": cutover(BLUE, soakPeriodSeconds=1, drainPeriodSeconds=0)}
        body = {"apiVersion": "switchback.dev/v1alpha1", "kind": KIND, "metadata": {"name": NAME}}
        self._kube.create({**body, "spec": spec}, self._slots.namespace)
        self._wait(self._now())

    def move(self, count: int) -> None:
        """There and back, so many times."""
        for _ in range(count):
            wished = {"spec": {"cutover": {"activeSlot": other(self._slots.live() or "")}}}
            self._wait(self._kube.patch(KIND, self._slots.namespace, NAME, wished))

    def _now(self) -> Object:
        return self._kube.get(KIND, self._slots.namespace, NAME)

    def _wait(self, asked: Object) -> None:
        generation = asked["metadata"]["generation"]

        def ended() -> bool:
            now = self._now()
            seen = now.get("status", {}).get("observedGeneration") == generation
            if seen and is_true(now, "Stalled"):
                raise BedError(f"the switch ended badly: {now['status']['conditions']}")
            return seen and is_true(now, "Ready")

        by_hand.wait(ended, SWITCH_SECONDS)


def _run(cluster: Cluster, slots: Slots, actor: str, act: Callable[[], None]) -> tuple[list[Times], Tally]:
    with tempfile.TemporaryDirectory() as folder, step(f"switching in {slots.namespace}"):
        log = Path(folder) / "load.tsv"
        reach(cluster, slots.url, log)
        oracle = Oracle(cluster, slots.kube, slots.namespace, actor=actor)
        with oracle, Load(cluster, slots.url, log) as load:
            act()
    if violations := oracle.violations():
        raise BedError(f"what was measured is no good switch: {'; '.join(violations)}")
    return by_hand.measure(oracle.story(), load.tally), load.tally


def _rows(hand: list[Times], tally: Tally, ours: list[Times], moved: Tally) -> list[Row]:
    floor, reached = by_hand.medians(hand), by_hand.medians(ours)
    ratios = {one.name: getattr(reached, one.name) / getattr(floor, one.name) for one in fields(floor)}
    rows = [
        judged("failed requests, by hand", "0", _count(tally), good=not tally.failed),
        judged("failed requests, by the operator", "0", _count(moved), good=not moved.failed),
        judged(
            "patch to first answer of the new slot, to by hand",
            f"{RATIO}",
            f"{ratios['first_new']:.2f} ({reached.first_new * MILLI:.0f}, {floor.first_new * MILLI:.0f} ms)",
            good=ratios["first_new"] <= RATIO,
        ),
        Row("patch to slices of the new slot only, to by hand", "", f"{ratios['in_slices']:.2f}"),
    ]
    late = max(tally.lateness, moved.lateness)
    return [
        *rows,
        judged("the load itself was late", f"{LATE * MILLI:.0f}", f"{late * MILLI:.0f} ms", good=late < LATE),
    ]


def _count(tally: Tally) -> str:
    return f"{len(tally.failed)} of {len(tally.requests)}"
