"""Who may move the traffic by hand: one that does it well, and some that leave out what matters.

The bad ones are there to be caught. A measurement in which they lose no request proves nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.traffic.slots import KEY, SERVICE, other

if TYPE_CHECKING:
    from tests.traffic.slots import Slots

NOTHING = "nobody"
GAP = 1.5
"""kube-proxy looks once per second at most: what is shorter than that it may not even see."""


def careful(slots: Slots, slot: str) -> None:
    """Looks whether the other side is ready, patches once over what it saw, and waits for the endpoints."""
    slots.until_ready(slot, len(slots.pods(slot)))
    slots.switch(slot)
    slots.until_behind({slot}, seconds=10)


def blind(slots: Slots, slot: str) -> None:
    """Patches without a look at the pods behind."""
    slots.switch(slot)


def hasty(slots: Slots, slot: str) -> None:
    """Switches well, and takes the old side away at once."""
    careful(slots, slot)
    slots.scale(other(slot), 0)


def through_nothing(slots: Slots, slot: str) -> None:
    """Takes the old side out first and puts the new one in afterwards."""
    slots.switch(NOTHING)
    time.sleep(GAP)
    slots.switch(slot)


def through_empty(slots: Slots, slot: str) -> None:
    """The same with a Service that has no selector in between, as two applies one after the other make it."""
    now = slots.kube.get("Service", slots.namespace, SERVICE)
    slots.point(dict.fromkeys(now["spec"]["selector"]))
    time.sleep(GAP)
    slots.point({**now["spec"]["selector"], KEY: slot})
