"""Text for people: colour on terminals only."""

from __future__ import annotations

import io

import click
import pytest

from switchback.cli.console import EACH, Console, duration
from switchback.contract.words import Direction
from switchback.runner.plan import PlannedStep, Way


class Terminal(io.StringIO):
    def isatty(self) -> bool:  # type: ignore[explicit-override]
        return True


def test_no_colour_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.done(Direction.FORWARD, "0001_a", 12, "")
    console.say("going on")
    assert capsys.readouterr().out == "applied  0001_a  12 ms\ngoing on\n"


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
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


def test_first_cells_have_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    Console().table(("STATE", "ID"), [("applied", "1"), ("pending", "2")], {"pending": "yellow"})
    assert out.getvalue().splitlines()[1:] == ["applied  1", "\x1b[33mpending\x1b[0m  2"]


def test_tables_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(("STATE", "ID"), [("applied", "0001"), ("pending", "2")])
    assert capsys.readouterr().out == "STATE    ID\napplied  0001\npending  2\n"


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "1 min 1 s")]
)
def test_durations(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


def step(migration_id: str, way: Way = Way.UP, direction: Direction = Direction.FORWARD) -> PlannedStep:
    return PlannedStep(direction, migration_id, way, None)


def apply(console: Console, number: int, *, note_at: int = 0, slow_at: int = 0) -> None:
    for at in range(1, number + 1):
        note = "not undone" if at == note_at else ""
        console.done(Direction.FORWARD, f"{at:04}", 5000 if at == slow_at else 1, note)
    console.outcome(f"Applied {number}.")


def test_many_migrations_share_a_line_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("switchback.cli.console.time.monotonic", lambda: next(clock) / 100)
    apply(Console(), 1000, note_at=500, slow_at=600)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:EACH] == [f"applied  {at:04}  1 ms" for at in range(1, EACH + 1)]
    rest = lines[EACH:]
    assert {"applied  0500  1 ms", "             not undone", "applied  0600  5.0 s"} <= set(rest)
    told = [line for line in rest if "the last one" in line]
    assert 1 <= len(told) <= 3, "one in five seconds"
    assert rest[-1] == "Applied 1000."
    assert len(lines) < EACH + 10


def test_many_migrations_share_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    apply(Console(), 1000, note_at=500)
    stays = out.getvalue().split("\n")
    seen = [click.unstyle(line.rpartition("\r")[2]) for line in stays]
    assert "applied  0500  1 ms" in seen
    assert len(stays) == EACH + 2 + 2, "the first ones, the one with a note, the end"
    assert seen[-2] == "Applied 1000.", "what passed was taken away before it"
    assert "1000 applied, the last one: 1000" in out.getvalue()


def test_how_many_there_are_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    console = Console()
    console.begin([step(f"{at:04}") for at in range(1, 1201)])
    apply(console, 1000)
    assert "1,000 of 1,200 applied, the last one: 1000" in out.getvalue()
    console.begin([step("0001")])
    console.done(Direction.FORWARD, "0001", 1, "")
    assert click.unstyle(out.getvalue()).endswith("applied  0001  1 ms\n"), "each run counts anew"


def test_what_only_leaves_the_ledger_is_not_called_rolled_back(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    back = Direction.BACKWARD
    console.begin([step("1", Way.FORGET, back), step("2", Way.NOTHING, back), step("3", Way.LEDGER, back)])
    for one in "123":
        console.done(back, one, None, "")
    assert capsys.readouterr().out == "forgot  1\nnot undone  2\nrolled back  3\n"


@pytest.mark.parametrize("word", ["print", "say", "warn", "error", "more", "outcome"])
def test_a_passing_line_is_taken_away_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", out)
    console = Console()
    console.tick("so far")
    getattr(console, word)("this")
    assert click.unstyle(out.getvalue()).rpartition("\r")[2].strip() in {
        "this",
        "warning: this",
        "error: this",
    }
    assert out.getvalue().count("\x1b[K") == 2


def test_a_passing_line_is_no_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    Console().tick("x" * 400)
    assert len(click.unstyle(out.getvalue()).strip()) < 40


def test_colours_follow_the_stream_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`2> errors.txt` on a terminal: no colours in the file."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, err = Terminal(), io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    console = Console()
    console.warn("look")
    console.error("wrong")
    assert err.getvalue() == "warning: look\nerror: wrong\n"
