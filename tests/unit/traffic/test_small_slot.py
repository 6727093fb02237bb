"""A slot with fewer replicas than the live one has endpoints: waiting does not help, so it is said."""

from __future__ import annotations

import pytest

from switchback.traffic.guards import guards
from tests.unit.traffic.build import cutover, pod, seen, workload


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_slot_that_is_too_small_says_how_many_pods_are_needed(replicas: int) -> None:
    green = [pod("green", number) for number in range(3, 3 + replicas)]
    small = seen(
        workloads={"blue": workload("blue"), "green": workload("green", replicas)},
        pods=[pod("blue", 1), pod("blue", 2), *green],
    )
    found = guards(cutover(), small, "blue", "green")
    (short,) = [one for one in found if one.name == "slot-ready"]
    assert short.message == f"Deployment web-green is scaled to {replicas}, and 2 ready pods are needed."
    assert "Scale it up" in short.advice
