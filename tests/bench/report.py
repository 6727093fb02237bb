"""Goals beside what was measured, as a table that can be read."""

from __future__ import annotations

from typing import NamedTuple

MET, MISSED, OPEN = "met", "MISSED", ""
WHAT, GOAL = 52, 6
"""Widths of the first two columns; what was measured may take the rest."""


class Row(NamedTuple):
    """One line. `goal` may be empty: then the number is only told."""

    what: str
    goal: str
    measured: str
    verdict: str = OPEN


def judged(what: str, goal: str, measured: str, *, good: bool) -> Row:
    """A line with a goal that was met, or was not."""
    return Row(what, goal, measured, MET if good else MISSED)


def lines(rows: list[Row]) -> list[str]:
    """The rows in columns, the same for each table of a run."""
    return [_line(row).rstrip() for row in rows]


def _line(row: Row) -> str:
    verdict = f" [{row.verdict}]" if row.verdict else ""
    return f"{row.what:{WHAT}} {row.goal:{GOAL}} {row.measured}{verdict}"
