"""A Service without an address of its own: no pod can watch the soak, so the kubelets' word counts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.traffic.shop import at
from tests.traffic.slots import BLUE, GREEN, SERVICE, service

if TYPE_CHECKING:
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster

SOAK = 12


def headless() -> dict[str, Any]:
    made = service(BLUE)
    return made | {"spec": made["spec"] | {"clusterIP": "None"}}


def ready_since(pod: dict[str, Any]) -> datetime:
    (ready,) = [one for one in pod["status"]["conditions"] if one["type"] == "Ready"]
    return datetime.fromisoformat(ready["lastTransitionTime"])


def test_the_soak_begins_anew_when_a_pod_was_not_ready_meanwhile(shop: Shop) -> None:
    shop.slots.start()
    kube, namespace = shop.world.kube, shop.world.namespace
    kube.delete("Service", namespace, SERVICE)
    kube.create(headless(), namespace)
    shop.slots.until_behind({BLUE})
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE, soakPeriodSeconds=SOAK)
        move.succeeded()
        move.switch(GREEN)
        move.phase("Soaking")
        shop.slots.fault_of(shop.slots.pods(GREEN)[0], unready=True)
        shop.slots.until_ready(GREEN, 1)
        shop.slots.fault(GREEN, unready=False)
        shop.slots.until_ready(GREEN, 2)
        state = move.succeeded()

    assert shop.slots.live() == GREEN
    assert at(state)["phase"] == "Completed"
    back = max(ready_since(pod) for pod in shop.slots.pods(GREEN))
    ended = datetime.fromisoformat(at(state)["completionTime"])
    assert (ended - back).total_seconds() >= SOAK
    assert oracle.violations() == []
