"""The same patch by hand: how long until it is acknowledged, seen in the slices, and felt by clients.

This is the floor for whoever switches: nothing can be faster than one patch, the EndpointSlice controller and
kube-proxy.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tests.traffic.load import NEW
from tests.traffic.slots import other

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.traffic.load import Request, Tally
    from tests.traffic.slots import Slots
    from tests.traffic.story import Story, Write

LOOK_SECONDS = 0.2
CALM = 1.3
"""Longer than the second for which kube-proxy may rest between two looks."""


@dataclass(frozen=True)
class Times:
    """Seconds from when one patch came to the API server."""

    acknowledged: float
    in_slices: float
    first_new: float
    last_old: float


def switch(slots: Slots, count: int, *, pause: float = CALM) -> None:
    """Patch there and back, so many times."""
    for _ in range(count):
        time.sleep(pause)
        slots.switch(other(slots.live() or ""))
    time.sleep(pause)


def measure(story: Story, tally: Tally) -> list[Times]:
    """What watch, audit log and load tell of each switch of the actor."""
    writes = story.own
    ends = [*(write.begun for write in writes[1:]), float("inf")]
    return [_of(story, tally.of(NEW), write, end) for write, end in zip(writes, ends, strict=True)]


def _of(story: Story, requests: list[Request], write: Write, end: float) -> Times:
    """One switch, until the next one begins."""
    slot, begin = write.after[story.key], write.begun
    slices = (
        change.seen
        for change in story.of("EndpointSlice")
        if change.version > write.version and set(story.behind(change.version)) == {slot}
    )
    mine = [one for one in requests if begin <= one.sent < end and not one.fault]
    return Times(
        acknowledged=write.at - begin,
        in_slices=next(slices) - begin,
        first_new=min(one.end for one in mine if one.slot == slot) - begin,
        last_old=max((one.sent for one in mine if one.slot == other(slot)), default=begin) - begin,
    )


def wait(ended: Callable[[], bool], seconds: float) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + seconds
    while not ended():
        if time.monotonic() > deadline:
            raise AssertionError(f"the switch has not ended within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)


def medians(times: Sequence[Times]) -> Times:
    """The middle of each."""
    return Times(**{one.name: statistics.median(_values(times, one.name)) for one in fields(Times)})


def table(times: Sequence[Times]) -> list[str]:
    """For people: milliseconds, median, 95 of 100, longest."""
    lines = [f"{'milliseconds from the patch':42} {'median':>8} {'p95':>8} {'max':>8}"]
    for one in fields(Times):
        values = sorted(value * 1000 for value in _values(times, one.name))
        p95 = values[int(len(values) * 0.95) - 1] if len(values) > 1 else values[0]
        lines.append(f"{_TITLES[one.name]:42} {statistics.median(values):8.1f} {p95:8.1f} {values[-1]:8.1f}")
    return lines


_TITLES = {
    "acknowledged": "acknowledged, by the audit log",
    "in_slices": "EndpointSlices hold the new slot only",
    "first_new": "first answer of the new slot",
    "last_old": "last new connection to the old slot",
}


def _values(times: Sequence[Times], name: str) -> list[float]:
    return [getattr(one, name) for one in times]
