"""What `status` draws, letter by letter: with and without colour, narrow and wide.

The pictures are in golden/. After a wished change run this file with SWITCHBACK_GOLDEN=write, and look at the
difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from switchback.kubectl.draw import tree
from switchback.kubectl.history import table
from switchback.kubectl.jobs import job_lines
from switchback.kubectl.text import ASCII, length, lines, paint
from tests.unit.kubectl import statuses, traffic

GOLDEN = Path(__file__).parent / "golden"
CASES = ("unseen", "awaiting_approval", "taking_snapshot", "retrying", "failed", "done")
TRAFFIC = ("switched", "soaking", "draining", "restored", "waits_for_yes")


def drawn(case: str, *, width: int | None, colour: bool = False, wide: bool = False) -> list[str]:
    resource = getattr(statuses, case)()
    jobs = job_lines(*statuses.world(), statuses.NOW) if case == "taking_snapshot" else []
    return lines(tree(resource, jobs, statuses.NOW, wide=wide), width=width, colour=colour)


def matches(name: str, shown: list[str]) -> None:
    """The text is that of the golden file."""
    text, path = "\n".join(shown) + "\n", GOLDEN / f"{name}.txt"
    if os.environ.get("SWITCHBACK_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_a_tree_on_a_terminal(case: str) -> None:
    shown = drawn(case, width=100)
    matches(case, shown)
    assert max(map(len, shown)) <= 100


@pytest.mark.parametrize("case", TRAFFIC)
def test_a_tree_with_both_rails(case: str) -> None:
    shown = lines(tree(getattr(traffic, case)(), [], statuses.NOW), width=100)
    matches(case, shown)
    assert max(map(len, shown)) <= 100


def test_a_wide_tree_with_both_rails() -> None:
    matches("restored-wide", lines(tree(traffic.restored(), [], statuses.NOW, wide=True)))


@pytest.mark.parametrize("case", ["awaiting_approval", "taking_snapshot"])
def test_a_tree_in_colour(case: str) -> None:
    shown = drawn(case, width=100, colour=True)
    matches(f"{case}-colour", shown)
    assert [click.unstyle(line).rstrip() for line in shown] == drawn(case, width=100)


@pytest.mark.parametrize("case", ["taking_snapshot", "done"])
def test_a_wide_tree(case: str) -> None:
    matches(f"{case}-wide", drawn(case, width=None, wide=True))


@pytest.mark.parametrize("width", [20, 47, 79, 131])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_longer_than_the_terminal_and_nothing_that_matters_is_cut(case: str, width: int) -> None:
    shown = drawn(case, width=width)
    assert max(map(len, shown)) <= max(width, 56)
    whole = " ".join("".join(one for one in line if one not in "│├└─").strip() for line in shown)
    message = getattr(statuses, case)().message
    assert " ".join(message.split()) in " ".join(whole.split())


def test_for_a_terminal_without_symbols_every_line_keeps_its_length() -> None:
    for case in CASES:
        for line in drawn(case, width=100):
            plain = line.translate(ASCII)
            assert len(plain) == len(line)
            assert plain.isascii()


def test_what_would_steer_a_terminal_is_shown_as_text() -> None:
    evil = statuses.resource(
        statuses.Status(), reason="Progressing", message="\x1b[2Jgone\x07", spec={"target": "\x1b]0;x\x07"}
    )
    text = "\n".join(lines(tree(evil, [], statuses.NOW), width=100))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "?[2Jgone?" in text


def test_an_edit_that_the_operator_has_not_seen_is_told() -> None:
    resource = statuses.done(generation=5)
    assert "The operator has not seen the newest edit yet (generation 5)." in "\n".join(
        lines(tree(resource, [], statuses.NOW))
    )


def test_a_request_is_shown_until_it_is_answered() -> None:
    asked = {
        "switchback.dev/retry": "x/1",
        "switchback.dev/preview": "0001/1",
        "switchback.dev/approve": "old",
    }
    text = "\n".join(lines(tree(statuses.done(annotations=asked), [], statuses.NOW)))
    assert "Request    ◷ retry x/1 · not answered yet" in text
    assert "preview 0001/1 · not" not in text, "lastHandled names it"
    assert "approve old" not in text, "nothing waits for that"


def test_a_restore_point_at_a_provider_says_how_far_it_is_and_who_is_kept_out_meanwhile() -> None:
    there = statuses.taking_snapshot()
    status = there.status
    status["operation"]["fence"] = {"phase": "Lowering", "time": statuses.ago(minutes=3), "tries": 2}
    status["snapshots"][-1] |= {"rawStatus": "creating", "progress": 37}
    status["snapshots"][0] |= {"transactionsSince": 4, "protectedBy": "its operation ended Failed"}
    text = "\n".join(lines(tree(there, [], statuses.NOW, wide=True)))
    assert "✖ Lowering   writers may be kept out since 3m ago · lowering it has failed 2 times" in text
    assert "InProgress creating 37 %" in text
    assert "4 transactions begun since · stays: its operation ended Failed" in text


def test_the_history_as_a_table() -> None:
    matches(
        "history", [paint(row, colour=False) for row in table(statuses.failed(), statuses.NOW, wide=False)]
    )
    wide = [paint(row, colour=False) for row in table(statuses.failed(), statuses.NOW, wide=True)]
    assert wide[1].endswith('relation "book" does not exist (42P01)')


def test_widths_are_counted_without_styles() -> None:
    assert length([("abc", "bad"), ("de", "")]) == 5
