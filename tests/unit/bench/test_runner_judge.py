from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.report import MET, MISSED
from tests.bench.runner import files, judge
from tests.bench.runner.timing import APPLY, DRIVER, FLOOR, NOTHING, Case, Samples, Took, timed
from tests.bench.runner.wire import Talk
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def samples(**seconds: dict[Case, float]) -> Samples:
    found = Samples()
    for tool, cases in seconds.items():
        for case, took in cases.items():
            for value in (took, took * 10, took / 10):
                found.add(case, tool, Took(value, value / 2))
    return found


AT_ONCE, SLOW = Case(APPLY, 1000, 0), Case(APPLY, 1000, 1)


def test_the_best_peer_is_what_counts_at_a_slow_line_and_goose_without_delay() -> None:
    found = samples(
        ours={AT_ONCE: 1.1, SLOW: 2.0},
        goose={AT_ONCE: 1.0, SLOW: 5.0},
        other={AT_ONCE: 0.5, SLOW: 3.0},
    )
    rows = judge.goals(found, "ours", ["ours", "goose", "other"])
    told = {row.what: (row.measured, row.verdict) for row in rows}
    assert told == {
        "apply, 1,000, at 1 ms / other": ("2.000 / 3.000 = 0.67", MISSED),
        "apply, 1,000, at 1 ms / our own at 0 ms": ("2.000 / 1.100 = 1.82", MISSED),
        "apply, 1,000, at 0 ms / goose": ("1.100 / 1.000 = 1.10", MET),
    }


def test_nothing_to_do_is_held_against_its_floors() -> None:
    one, many = Case(NOTHING, 1), Case(NOTHING, 10000)
    found = samples(ours={one: 0.3, many: 0.5}, **{DRIVER: {one: 0.2}, FLOOR: {one: 0.2, many: 0.4}})
    rows = judge.goals(found, "ours", ["ours"])
    assert [(row.what, row.verdict) for row in rows] == [
        ("nothing to do, 10,000 / floor script", MET),
        (f"nothing to do, 1, beyond {DRIVER}", MET),
    ]


def test_a_tool_that_cannot_do_it_has_no_number() -> None:
    found = samples(ours={AT_ONCE: 1.0}, goose={SLOW: 5.0})
    lines = judge.medians(found, "ours", ["ours", "goose"])
    assert [[cell.strip() for cell in line.split("|")[1:4]] for line in lines[2:]] == [
        ["apply, 1,000, at 0 ms", "1.000", "-"],
        ["apply, 1,000, at 1 ms", "-", "5.000"],
    ]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("talk", "missed"),
    [
        (Talk(3, 10, 20, 5, ("SELECT id FROM migrations",)), []),
        (Talk(5, 10, 20, 5, ()), ["round trips after authentication"]),
        (Talk(0, 0, 0, 0, ()), ["round trips after authentication"]),
        (Talk(1, 1, 1, 1, ("SELECT pg_try_advisory_lock(1)",)), ["lock taken"]),
        (Talk(1, 1, 1, 1, ("SELECT id, down_sql FROM m",)), ["stored down halves fetched"]),
    ],
)
def test_what_may_not_be_said_when_there_is_nothing_to_do(talk: Talk, missed: list[str]) -> None:
    assert [row.what for row in judge.wire([talk]) if row.verdict == MISSED] == missed


def test_a_call_that_fails_has_no_time() -> None:
    assert timed(["sh", "-c", "exit 2"], (0, 2)).wall > 0
    with pytest.raises(BedError, match=r"exit 3.*: no luck"):
        timed(["sh", "-c", "echo no luck >&2; exit 3"])


@pytest.mark.parametrize("write", [files.pairs, files.dbmate, files.goose, files.drizzle])
def test_every_format_has_the_same_tables(write: Callable[[Path, int], None], tmp_path: Path) -> None:
    write(tmp_path, 3)
    found = "".join(file.read_text() for file in sorted(tmp_path.rglob("*.sql")))
    assert [found.count(files.up(number)) for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert found.count("DROP") == (0 if write is files.drizzle else 3)
