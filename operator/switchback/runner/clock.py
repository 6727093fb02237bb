"""Times as they travel and as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """RFC 3339, UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(time: datetime) -> str:
    """RFC 3339, UTC, whole seconds; fractions are cut."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
