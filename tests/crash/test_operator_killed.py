"""The operator dies at its requests: before they are sent, after, after the answer. The end is the same."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.crash.chance import CAMPAIGN, SEED
from tests.crash.ending import Ending, ending
from tests.crash.kills import Killing, Point, every_point, sample
from tests.crash.proxy import Fault, Moment
from tests.crash.story import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.conftest import Plain, Tell
    from tests.crash.story import Story

AT_ONCE = 3
"""Stories that are told at the same time: mostly they wait for pods."""

DEATHS = 20
"""In one story, of the campaign."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200 if CAMPAIGN else 400)]


def test_the_end_is_the_same_wherever_the_operator_dies(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    begun = time.monotonic()
    chance = random.Random(SEED)  # noqa: S311 - repeatable, no secret
    points = every_point(plain.places) if CAMPAIGN else sample(plain.places, chance)
    print(f"SWITCHBACK_SEED={SEED}: {len(plain.places)} requests, {len(points)} crash points")
    missed = _die(points, plain.end, new_story, telling)
    missed = _die(missed, plain.end, new_story, telling)
    print(f"{len(points) - len(missed)} met within {time.monotonic() - begun:.0f} s; not met: {missed}")
    met = {point.kind for point in points if point not in missed}
    assert met >= {(place.what, moment) for place in plain.places if place.stage for moment in Moment}
    # How often a stage looks again depends on when pods tell of themselves; that it looks does not.
    assert not [point for point in missed if point.place.stage and point.place.number == 1]
    assert len(missed) <= len(points) / 10, "the story has changed too much to say what was tried"


def _die(points: list[Point], good: Ending, new_story: Callable[[], Story], telling: Tell) -> list[Point]:
    """Tells stories in which the operator dies at these points. Returns the points that none came to."""
    if not points:
        return []
    count = max(min(AT_ONCE, len(points)), -(-len(points) // DEATHS))
    faults = [Killing(points[offset::count]) for offset in range(count)]

    def tell(fault: Fault) -> Ending:
        story = new_story()
        with telling(story, fault):
            told(story)
        return ending(story)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(tell, faults))
    for fault, end in zip(faults, ends, strict=True):
        assert end == good, f"after deaths at {fault.met}"
    return [point for fault in faults for point in fault.missed]
