"""The contract as the page has it: what each tool has to say in each situation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from switchback.api.conditions import Situation

PAGE = CHECKOUT / "docs" / "reference" / "consumers.md"
NOT_SEEN = "not seen yet, or edited since"


class Promise(NamedTuple):
    """One row of the page."""

    kstatus: str
    argo: str
    finished: bool


def promises() -> dict[str, Promise]:
    """The rows by their situation, in the words of the page."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch("goes on|ends", cells[3]):
            found[cells[0]] = Promise(cells[1], cells[2], finished=cells[3] == "ends")
    return found


def promised(situation: Situation) -> Promise:
    """The row of a situation. A situation without one fails the test that asks."""
    found = promises().get(situation.value)
    if found is None:
        pytest.fail(
            f"the table of {PAGE.relative_to(CHECKOUT)} has no row for Situation.{situation.name}, "
            f"{situation.value!r}: decide what kstatus, Argo CD and kubectl wait shall make of it, write the "
            "row, and add one to ROWS in tests/consumers/expected.py"
        )
    return found
