"""`kubectl wait` on a real API server ends when the page says so, and not before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from switchback.api.conditions import Situation
from tests.consumers.bed import ended
from tests.consumers.contract import promised
from tests.consumers.expected import mistakes
from tests.consumers.statuses import is_deleting, status

if TYPE_CHECKING:
    from tests.consumers.bed import Bed
    from tests.e2e.kube import Object

pytestmark = pytest.mark.cluster

SHORT, LONG = 6, 60
"""Seconds for what shall not come, and for what shall."""
A_MOMENT = 1.5


def name(situation: Situation, suffix: str = "") -> str:
    return situation.name.lower().replace("_", "-") + suffix


def place(bed: Bed, situation: Situation, suffix: str = "") -> Object:
    """A resource in this situation, in the generation that it has."""
    called = name(situation, suffix)
    made = bed.create(called, held=is_deleting(situation))
    if is_deleting(situation):
        bed.delete(called)
        made = bed.get(called)
        assert "deletionTimestamp" in made["metadata"]
    return bed.write(called, status(situation, "SQLFailed", generation=made["metadata"]["generation"]))


def test_it_ends_in_the_situations_in_which_the_page_says_so(bed: Bed) -> None:
    """All at once: each wait that has to time out takes its time."""
    placed = {situation: place(bed, situation) for situation in Situation}
    assert mistakes(list(placed.values())) == [], "what the API server has stored is read as it was written"
    waits = {
        (situation, kind): bed.wait(name(situation), kind, seconds=SHORT)
        for situation in Situation
        for kind in ("Finished", "Ready")
    }
    seen = {key: ended(process) for key, process in waits.items()}
    for situation in Situation:
        promise = promised(situation)
        assert seen[situation, "Finished"] == promise.finished, situation.name
        assert seen[situation, "Ready"] == (promise.kstatus == "Current"), situation.name


def test_after_an_edit_no_old_end_counts(bed: Bed) -> None:
    over = [one for one in Situation if promised(one).finished]
    assert Situation.DONE in over
    edited = []
    for situation in over:
        place(bed, situation, "-edited")
        edited.append(bed.edit(name(situation, "-edited"), reason="INC-4711"))
    assert {one["metadata"]["generation"] for one in edited} == {2}
    assert mistakes(edited) == []
    waits = [
        bed.wait(name(one, "-edited"), kind, seconds=3) for one in over for kind in ("Finished", "Ready")
    ]
    assert {ended(process) for process in waits} == {False}


def test_a_new_resource_is_no_success(bed: Bed) -> None:
    """Straight from the API server, before any operator has seen it."""
    made = bed.create("new")
    assert made["status"] == {"observedGeneration": -1}
    assert mistakes([made]) == []
    assert not ended(bed.wait("new", "Finished", seconds=1))


def test_a_wait_that_begins_right_after_an_edit_ends_with_the_new_operation(bed: Bed) -> None:
    """Done, edited, at work, failed: the wait goes through all of it and ends with the failure."""
    place(bed, Situation.DONE, "-again")
    called = name(Situation.DONE, "-again")
    bed.edit(called, target="0007")
    wait = bed.wait(called, "Finished", seconds=LONG)
    for situation in (None, Situation.WORKING, Situation.RETRYING):
        if situation is not None:
            bed.write(called, status(situation, "ConnectionLost", generation=2))
        time.sleep(A_MOMENT)
        assert wait.poll() is None, f"ended during {situation}"
    bed.write(called, status(Situation.FAILED, "SQLFailed", generation=2))
    assert ended(wait)
    assert not ended(bed.wait(called, "Ready", seconds=1))
    assert ended(bed.wait(called, "Stalled", seconds=LONG))
    assert ended(bed.wait(called, "Ready=False", seconds=LONG))
