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
    from collections.abc import Iterable, Sequence

    from tests.traffic.load import Load, Request
    from tests.traffic.oracle import Oracle
    from tests.traffic.slots import Slots
    from tests.traffic.story import Story, Write

CALM = 1.3
"""Longer than the second for which kube-proxy may rest between two looks."""


@dataclass(frozen=True)
class Times:
    """Seconds from the start of one patch."""

    acknowledged: float
    in_slices: float
    first_new: float
    last_old: float


def switch(slots: Slots, count: int, *, pause: float = CALM) -> list[float]:
    """Patch there and back, so many times; the starts of these patches."""
    starts = []
    for _ in range(count):
        slot = other(slots.live() or "")
        starts.append(time.time())
        slots.switch(slot)
        time.sleep(pause)
    return starts


def measure(oracle: Oracle, load: Load, starts: Sequence[float]) -> list[Times]:
    """What watch, audit log and load tell of these patches."""
    story, requests = oracle.story(), load.tally.requests
    ends = [*starts[1:], time.time()]
    writes = [write for write in story.own if write.at >= starts[0]]
    return [
        of_write(story, requests, write, begin, end)
        for write, begin, end in zip(writes, starts, ends, strict=True)
    ]


def of_write(
    story: Story, requests: Iterable[Request], write: Write, begin: float, end: float = float("inf")
) -> Times:
    """One switch: from `begin`, when its patch was sent, to before the next one."""
    slot = write.after[story.key]
    slices = (
        change.seen
        for change in story.of("EndpointSlice")
        if change.version > write.version and set(story.behind(change.version)) == {slot}
    )
    fresh = [one for one in requests if one.kind == NEW and begin <= one.sent < end and not one.fault]
    return Times(
        acknowledged=write.at - begin,
        in_slices=next(slices) - begin,
        first_new=min(one.end for one in fresh if one.slot == slot) - begin,
        last_old=max((one.sent for one in fresh if one.slot == other(slot)), default=begin) - begin,
    )


def medians(times: Sequence[Times]) -> Times:
    """The middle of each."""
    return Times(**{one.name: statistics.median(_values(times, one.name)) for one in fields(Times)})


def table(times: Sequence[Times]) -> list[str]:
    """For people: milliseconds, median, 95 of 100, longest."""
    lines = [f"{'milliseconds from the start of the patch':42} {'median':>8} {'p95':>8} {'max':>8}"]
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
