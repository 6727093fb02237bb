"""Times for people: ages as kubectl writes them, durations as kubectl reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


def moment(text: object) -> datetime | None:
    """The time that a field of the API server says; None when it says none."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def since(text: object, now: datetime) -> str:
    """How long ago that was, such as `12m`; empty when it is not known."""
    time = moment(text)
    return span((now - time).total_seconds()) if time is not None else ""


def until(text: object, now: datetime) -> str:
    """`in 28s`, or `28s ago`; empty when it is not known."""
    time = moment(text)
    if time is None:
        return ""
    left = (time - now).total_seconds()
    return f"in {span(left)}" if left >= 0 else f"{span(-left)} ago"


def between(start: object, end: object) -> str:
    """How long something took; empty when it is not known."""
    first, last = moment(start), moment(end)
    return span((last - first).total_seconds()) if first is not None and last is not None else ""


_SPANS = (
    (2 * MINUTE, 1, "s", 0, ""),
    (10 * MINUTE, MINUTE, "m", 1, "s"),
    (3 * HOUR, MINUTE, "m", 0, ""),
    (8 * HOUR, HOUR, "h", MINUTE, "m"),
    (2 * DAY, HOUR, "h", 0, ""),
    (8 * DAY, DAY, "d", HOUR, "h"),
    (2 * YEAR, DAY, "d", 0, ""),
)
"""(below, large unit, its name, small unit or 0, its name)."""


def span(seconds: float) -> str:
    """A length of time in at most two units, coarser the longer it is: `75s`, `12m`, `3h20m`, `5d`."""
    whole = max(0, int(seconds))
    for below, large, name, small, other in _SPANS:
        if whole < below:
            rest = whole % large // small if small else 0
            return f"{whole // large}{name}" + (f"{rest}{other}" if rest else "")
    return f"{whole // YEAR}y"


def duration(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """Seconds of `30s`, `5m`, `1h30m` or a plain number, for an option. `0` is no limit; None stays None."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    if not text or _PART.sub("", text):
        raise click.BadParameter(f"{value!r} is no duration: write it like 30s, 5m or 1h30m.")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
