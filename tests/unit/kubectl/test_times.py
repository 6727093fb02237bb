from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from switchback.kubectl.times import between, duration, since, span, until

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 20 * 60, "3h20m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
        (729 * 86400, "729d"),
        (800 * 86400, "2y"),
    ],
)
def test_spans_are_those_of_kubectl(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_times_of_the_api_server() -> None:
    assert since("2026-03-01T11:48:00Z", NOW) == "12m"
    assert until("2026-03-01T12:00:28Z", NOW) == "in 28s"
    assert until("2026-03-01T11:59:30Z", NOW) == "30s ago"
    assert between("2026-03-01T11:59:30Z", "2026-03-01T12:00:00.5Z") == "30s"
    assert since(None, NOW) == until("", NOW) == between("x", "2026-03-01T12:00:00Z") == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("90", 90),
        ("0", 0),
        ("2d", 172800),
    ],
)
def test_durations_are_read_as_kubectl_reads_them(text: str, seconds: float) -> None:
    assert duration(None, None, text) == seconds  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "soon", "5x", "m5", "-5s", "5 m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no duration"):
        duration(None, None, text)  # type: ignore[arg-type]


def test_no_duration_given() -> None:
    assert duration(None, None, None) is None  # type: ignore[arg-type]
