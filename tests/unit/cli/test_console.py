"""Text for people: colour on terminals only."""

from __future__ import annotations

import io

import pytest

from switchback.cli.console import Console, duration
from switchback.contract.words import Direction


class Terminal(io.StringIO):
    def isatty(self) -> bool:  # type: ignore[explicit-override]
        return True


def test_no_colour_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.done(Direction.FORWARD, "0001_a", 12, "")
    console.say("going on")
    assert capsys.readouterr().out == "applied  0001_a  12 ms\ngoing on\n"


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    Console().done(Direction.BACKWARD, "0001_a", None, "a note")
    assert ("\x1b[" in out.getvalue()) is coloured
    assert "a note" in out.getvalue()


class Gone(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, _text: str) -> int:  # type: ignore[explicit-override]
        raise BrokenPipeError


def test_output_that_goes_nowhere_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Gone())
    monkeypatch.setattr("sys.stderr", Gone())
    for console in (Console(), Console(json=True)):
        console.done(Direction.FORWARD, "0001_a", 12, "a note")
        console.say("going on")
        console.warn("look")
        console.error("wrong")
        console.more("and why")
        console.outcome("done")


def test_an_answer_that_goes_nowhere_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Gone())
    with pytest.raises(BrokenPipeError):
        Console().table(["A"], [["1"]])


def test_json_has_stdout_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Console(json=True).print("for people")
    assert capsys.readouterr().out == ""


def test_tables_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(("STATE", "ID"), [("applied", "0001"), ("pending", "2")])
    assert capsys.readouterr().out == "STATE    ID\napplied  0001\npending  2\n"


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "1 min 1 s")]
)
def test_durations(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text
