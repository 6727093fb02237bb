"""Files are missing while traffic moves: they may come back; a wish that is not about them counts."""

from __future__ import annotations

import pytest

from tests.property.street import KEY
from tests.property.test_street_edges import looks, message
from tests.property.test_street_stories import go, phase, street
from tests.property.test_switch_table import edited, goes_on, lose_the_source, wish_blue


@pytest.mark.parametrize("wanted", ["Switching", "Switched", "Soaking"])
def test_a_wish_for_the_old_slot_is_heard_although_a_file_is_missing(wanted: str) -> None:
    world = street("Never")
    go(world, lambda: phase(world) == wanted)
    lose_the_source(world)
    wish_blue(world)
    for _ in range(30):
        looks(world, 1)
        for job in world.jobs.values():
            job.ended |= job.deleting
        world.sweep()
    assert (world.selector[KEY], phase(world)) == (
        "blue",
        "Cancelled" if wanted == "Switching" else "Restored",
    )
    assert "no such ConfigMap" in message(world), "the schema waits for its files"


def test_a_file_that_is_missing_ends_no_switch_by_itself() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    lose_the_source(world)
    edited(world, reason="just words")
    goes_on(world)
    assert (world.selector[KEY], phase(world)) == ("green", "Completed")
