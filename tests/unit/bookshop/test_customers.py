"""What the counter of the story counts, and how it looks."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from examples.bookshop import telling
from examples.bookshop.customers import Count, Customers, Request, parse
from examples.bookshop.kube import FailedError, Kube
from examples.bookshop.telling import at_the_bottom, say, tell_bottom

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE = "new\t1000000\t1000500\t1002500\tblue\tshop-blue-1\t"


def counted(*requests: Request, bad: Iterable[str] = ()) -> Count:
    count = Count(bad_pods=frozenset(bad))
    for one in requests:
        count.add(one)
    return count


def request(sent: float = 0.0, slot: str = "blue", pod: str = "blue-1", fault: str = "") -> Request:
    return Request(sent, sent + 0.01, slot, pod, fault)


def test_a_line_of_the_log_is_a_request_on_the_clock_of_the_node() -> None:
    found = parse(f"{LINE}\n", zero=100.0)
    assert found == Request(pytest.approx(101.0005), pytest.approx(101.0025), "blue", "shop-blue-1", "")


@pytest.mark.parametrize("line", ["", "kind\tdue_us\tsent_us\tend_us\tslot\tpod\tfault\n", '{"new": {}}\n'])
def test_other_lines_are_none(line: str) -> None:
    assert parse(line, zero=0.0) is None


def test_a_failure_of_a_bad_pod_is_counted_apart_and_any_other_is_not() -> None:
    count = counted(
        request(pod="blue-2", fault="status-500"),
        request(pod="blue-2"),
        request(pod="green-1", slot="green", fault="status-500"),
        # Nobody has answered: so it is not known to be the bad version's fault.
        request(pod="", slot="", fault="refused"),
        bad=["blue-2"],
    )
    assert (count.sent, count.failed, count.failed_by_bad, count.answered_by_bad) == (4, 2, 1, 1)
    assert count.faults == {"status-500": 1, "refused": 1}


def test_the_line_tells_of_the_last_second() -> None:
    count = counted(*(request(number / 100) for number in range(300)), request(3.0, slot="green"))
    text, style = count.line()
    assert text == "failed: 0 of 301 requests | blue 100/s, green 1/s"
    assert style == "green"


def test_a_failure_is_red_and_the_bad_version_is_named_once_there_is_one() -> None:
    assert counted(request(fault="refused")).line()[1] == "red"
    text, style = counted(request(fault="status-500"), bad=["blue-1"]).line()
    assert "failed: 0 (and 1 of the bad version) of 1 requests" in text
    assert style == "green"


def test_one_failure_that_is_not_the_bad_versions_ends_the_story() -> None:
    customers = Customers(Kube("bookshop"))
    customers.beware(["blue-1"])
    customers.count.add(request(fault="status-500"))
    customers.none_failed()
    customers.count.add(request(pod="", slot="", fault="refused"))
    with pytest.raises(FailedError, match="1 requests have failed that should not: 1 refused"):
        customers.none_failed()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(output: str, width: int) -> list[str]:
    """What a terminal shows in the end of text with carriage returns and erasures."""
    lines = [""]
    for part in output.replace("\r\033[K", "\r").split("\n"):
        lines[-1] += part
        lines.append("")
    rows = [line.rpartition("\r")[2] for line in lines[:-1]]
    assert all(len(row) < width for row in rows), rows
    return rows


def test_on_a_terminal_the_line_stays_below_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    say("before")
    with at_the_bottom(lambda: ("failed: 0 " + "x" * 100, "green")):
        say("one")
        say("two")
        assert shown(terminal.getvalue(), 40)[-3:] == ["   one", "   two", "   failed: 0 " + "x" * 26]
        tell_bottom()
    say("after")
    assert shown(terminal.getvalue(), 120)[-3:] == ["   failed: 0 " + "x" * 100, "   after", ""]


def test_where_nothing_can_be_drawn_over_a_line_is_printed_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(telling, "LINE_SECONDS", 0.3)
    monkeypatch.setattr(telling, "REDRAW_SECONDS", 0.02)
    with at_the_bottom(lambda: ("failed: 0", "green")):
        say("one")
        telling.time.sleep(0.5)
        tell_bottom()
    told = capsys.readouterr().out
    assert "\r" not in told
    assert told.splitlines() == ["   one", "   failed: 0", "   failed: 0"]
