"""The operator moves the traffic there and back, and no request fails."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.traffic.load import KEPT, NEW
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.traffic.load import Load
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster

CAMPAIGN = os.environ.get("SWITCHBACK_CAMPAIGN", "") not in ("", "0")
CYCLES = 20 if CAMPAIGN else 3


@pytest.mark.timeout(1200)
def test_there_and_back_again_without_a_failed_request(shop: Shop, load: Callable[..., Load]) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.traffic(BLUE)
        move.succeeded()
        with load() as running:
            for _ in range(CYCLES):
                for slot in (GREEN, BLUE):
                    move.switch(slot)
                    move.succeeded()
                    assert shop.slots.live() == slot
    tally = running.tally

    assert not tally.failed, tally.text()
    assert {one.slot for one in tally.of(NEW)} == {BLUE, GREEN}
    assert {one.slot for one in tally.of(KEPT)} >= {BLUE}  # and green where the load needed one more
    assert oracle.violations() == []
    assert len(oracle.switches()) == 2 * CYCLES
    print(tally.text(), time.time())
