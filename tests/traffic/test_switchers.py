"""The measurement can be trusted: a good switch by hand fails no request, and each bad one does.

No operator takes part. Whoever switches is judged by the same oracle as the operator.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.traffic import load as loads
from tests.traffic import switchers
from tests.traffic.load import KEPT, LATE, NEW
from tests.traffic.oracle import Oracle
from tests.traffic.slots import BLUE, GREEN, Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube
    from tests.traffic.load import Load

pytestmark = pytest.mark.cluster

CYCLES = 20
CALM = 0.3


@pytest.fixture
def oracle(bare_cluster: Cluster, kube: Kube, slots: Slots) -> Iterator[Callable[[], Oracle]]:
    """Begins to watch whoever runs this test."""
    begun: list[Oracle] = []

    def begin() -> Oracle:
        begun.append(Oracle(bare_cluster, kube, slots.namespace, actor=kube.username))
        return begun[-1]

    yield begin
    for one in begun:
        one.history.__exit__()


def broken(oracle: Oracle) -> set[str]:
    return {text.partition(":")[0] for text in oracle.violations()}


def test_a_careful_switch_fails_no_request_in_twenty_cycles(
    slots: Slots, load: Callable[..., Load], oracle: Callable[[], Oracle]
) -> None:
    slots.start()
    with oracle() as judge, load() as running:
        for _ in range(CYCLES):
            for slot in (GREEN, BLUE):
                switchers.careful(slots, slot)
                time.sleep(CALM)
    tally = running.tally

    assert not tally.failed, tally.text()
    assert {one.slot for one in tally.of(NEW)} == {BLUE, GREEN}
    of_blue = [one for one in tally.of(KEPT) if one.slot == BLUE]
    assert len(of_blue) > 0.8 * len(tally.of(KEPT))  # an open connection stays where it is
    assert tally.lateness < LATE, f"sent {tally.lateness:.3f} s late: {tally.summary}"
    assert judge.violations() == []
    assert len(judge.switches()) == 2 * CYCLES


def test_a_switch_to_pods_that_are_not_ready_fails_requests(
    slots: Slots, load: Callable[..., Load], oracle: Callable[[], Oracle]
) -> None:
    slots.start(env={GREEN: {"WEB_UNREADY": "true"}}, ready=(BLUE,))
    time.sleep(1)  # so that nobody could mistake it for a race
    with oracle() as judge, load() as running:
        switchers.blind(slots, GREEN)
        time.sleep(1)

    assert [one for one in running.tally.failed if one.kind == NEW], running.tally.text()
    assert "never_into_nothing" in broken(judge)


def test_a_switch_to_pods_that_do_not_listen_yet_fails_requests(
    slots: Slots, load: Callable[..., Load]
) -> None:
    slots.start()
    with load() as running:
        slots.fault(GREEN, deaf="2s")
        switchers.blind(slots, GREEN)
        time.sleep(1)

    assert [one for one in running.tally.failed if one.kind == NEW], running.tally.text()
    # Open connections are still at blue: a load of only such clients would have seen nothing.
    assert not [one for one in running.tally.failed if one.kind == KEPT], running.tally.text()


def test_taking_the_old_side_away_at_once_fails_requests(
    slots: Slots, load: Callable[..., Load], oracle: Callable[[], Oracle]
) -> None:
    slots.start(env={BLUE: {"WEB_GRACEFUL": "false"}})
    slots.fault(BLUE, slow="100ms")  # so that requests are under way at any moment
    with oracle() as judge, load() as running:
        switchers.hasty(slots, GREEN)
        time.sleep(2)

    assert [one for one in running.tally.failed if one.kind == KEPT], running.tally.text()
    assert "nothing_else_is_written" in broken(judge)


def test_a_selector_that_passes_through_nothing_fails_requests(
    slots: Slots, load: Callable[..., Load], oracle: Callable[[], Oracle]
) -> None:
    slots.start()
    with oracle() as judge, load() as running:
        switchers.through_nothing(slots, GREEN)
        time.sleep(2)

    assert [one for one in running.tally.failed if one.kind == NEW], running.tally.text()
    assert {"never_into_nothing", "only_known"} <= broken(judge)


def test_a_selector_that_passes_through_empty_has_endpoints_of_both_sides(
    slots: Slots, oracle: Callable[[], Oracle]
) -> None:
    def of_both() -> bool:
        """Without a selector Kubernetes keeps the old endpoints, as a copy that outlives it for a moment."""
        story = judge.story()
        return any(set(story.behind(one.version)) == {BLUE, GREEN} for one in story.of("EndpointSlice"))

    slots.start()
    with oracle() as judge:
        # Two controllers of Kubernetes' answer the last write, and which is the first is left to chance.
        for slot in (GREEN, BLUE) * 5:
            switchers.through_empty(slots, slot)
            slots.until_behind({slot}, seconds=10)
            if of_both():
                break

    assert "never_both" in broken(judge)
    assert of_both()


def test_the_load_runs_in_a_pod_as_well(
    bare_cluster: Cluster, kube: Kube, slots: Slots, tmp_path: Path
) -> None:
    slots.start()
    loads.reach(bare_cluster, slots.url, tmp_path / "reach.tsv")
    asking = loads.pod("asking", slots.image, slots.url, new=50, kept=50, connections=5, duration=2)
    kube.create(asking, slots.namespace)
    bare_cluster.wait("pod/asking", "-n", slots.namespace, "--for=jsonpath={.status.phase}=Succeeded")

    told = loads.summary(kube, slots.namespace, "asking")
    assert {kind: told[kind]["failed"] for kind in (NEW, KEPT)} == {NEW: 0, KEPT: 0}
    assert told[NEW]["sent"] == pytest.approx(100, abs=2)
