"""The reference of the Events, read off what they are made from: what a change of the conditions leads to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tables import code, sentence, table

from switchback.api.conditions import Situation, conditions_for
from switchback.api.reasons import REASONS, OperatorReason
from switchback.api.status import Status
from switchback.controller.events import NORMAL, REACHED, transitions

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN = "Why"
"""Stands where a situation leaves the reason open: then it is that of whatever went wrong."""

Row = tuple[str, str, str, str]


def events() -> str:
    """Every Event: reason, type, when it comes, and what the reason means."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for reason, kind, when, meaning in (*_of_situations(), *_of_conditions()):
        together.setdefault((reason, kind, meaning), []).append(when)
    rows = [
        (reason, kind, sentence("; or ".join(when)), meaning)
        for (reason, kind, meaning), when in together.items()
    ]
    return table(("reason", "type", "when", "meaning"), sorted(rows, key=_any_other_last))


def _any_other_last(row: tuple[str, ...]) -> tuple[bool, str]:
    return not row[0].startswith("`"), row[0]


def _of_situations() -> Iterator[Row]:
    """What is told of a resource that comes into a situation, by what tells it."""
    for situation in Situation:
        shown = conditions_for(situation, OPEN, "-", generation=1, now=datetime.now(UTC), previous=())
        for one in transitions(Status(), Status(conditions=shown)):
            if one.reason == OPEN:
                yield "any other", one.type, situation.value, "Why it has stopped: see the reasons."
            else:
                yield code(one.reason), one.type, situation.value, _meaning(one.reason)


def _of_conditions() -> Iterator[Row]:
    for kind, reasons in REACHED.items():
        for reason in reasons:
            yield code(reason), NORMAL, f"{code(kind)} becomes True", _meaning(reason)


def _meaning(reason: str) -> str:
    return REASONS[OperatorReason(reason)].meaning if reason in set(OperatorReason) else ""
