"""How many pods are enough: to switch, and to have proven it."""

from __future__ import annotations

import pytest

from switchback.traffic.guards import proven, required
from tests.unit.traffic.build import Object, a_slice, cutover, endpoint, pod, seen, workload


def slots(green: int) -> dict[str, Object | None]:
    """Both workloads, of which the new one wants so many pods."""
    return {"blue": workload("blue"), "green": workload("green", green)}


@pytest.mark.parametrize(
    ("percent", "live_ready", "desired", "expected"),
    [
        (100, 2, 2, 2),
        (100, 3, 2, 3),
        (100, 2, 5, 5),
        (50, 3, 2, 2),
        (50, 4, 1, 2),
        (50, 1, 1, 1),
        (1, 10, 10, 1),
        (100, 0, 1, 1),
        (100, 0, 0, 1),
        (34, 3, 1, 2),
    ],
)
def test_how_many_ready_pods_are_needed(percent: int, live_ready: int, desired: int, expected: int) -> None:
    blue = [pod("blue", number) for number in range(live_ready)]
    wanted = cutover(minimumReadyPercent=percent)
    traffic = seen(
        pods=blue,
        slices=[a_slice(*map(endpoint, blue))],
        workloads=slots(desired),
    )
    assert required(wanted, traffic, "blue", traffic.slots[1]) == expected
    assert 1 <= proven(wanted, live_ready, traffic.slots[1]) <= expected


@pytest.mark.parametrize(
    ("percent", "before", "desired", "expected"),
    [
        (100, 2, 2, 2),
        (100, 3, 2, 2),
        (100, 2, 5, 2),
        (50, 4, 4, 2),
        (50, 3, 4, 2),
        (34, 3, 3, 2),
        (1, 9, 9, 1),
    ],
)
def test_how_many_endpoints_prove_a_switch(percent: int, before: int, desired: int, expected: int) -> None:
    """The share that was enough to begin it is enough to believe in it."""
    traffic = seen(workloads=slots(desired))
    assert proven(cutover(minimumReadyPercent=percent), before, traffic.slots[1]) == expected
