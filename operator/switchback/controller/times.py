"""RFC 3339 in and out. Status holds text, decisions compare times."""

from __future__ import annotations

from datetime import UTC, datetime

GLANCE_SECONDS = 5
"""How often it is looked at what should have come as an event."""


def rfc3339(time: datetime) -> str:
    """UTC with whole seconds, such as `2026-01-31T09:30:00Z`: the form that Kubernetes itself writes."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime | None:
    """The time that `text` says; None when it is empty or no time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def passed(text: str, now: datetime) -> bool:
    """Whether `text` is a time that is not in the future."""
    time = parse(text)
    return time is not None and time <= now


def upcoming(now: datetime, *texts: str) -> datetime | None:
    """The first of these times that is still to come; None when there is none.

    Waiting for a moment that has passed would be a loop: whatever it meant has been looked at already.
    """
    times = (parse(text) for text in texts)
    return min((time for time in times if time is not None and time > now), default=None)
