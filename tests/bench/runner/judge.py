"""From what was timed to tables: medians side by side, ratios beside their goals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.report import Row, judged
from tests.bench.runner.timing import (
    APPLY,
    DRIVER,
    FLOOR,
    HELP,
    INTERPRETER,
    NOTHING,
    ROLLBACK,
    VERSION,
    Case,
    Samples,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.runner.wire import Talk

BESIDE_BEST, BESIDE_OURSELVES, BESIDE_GOOSE, BESIDE_FLOOR = 0.5, 1.5, 1.2, 1.3
OWN_SECONDS = 0.15
MOST_TRIPS = 4
GOOSE = "goose"


def medians(samples: Samples, ours: str, tools: Sequence[str]) -> list[str]:
    """One line for each case, one column for each tool; `-` where a tool cannot do it."""
    names = [*tools, *(name for name in (FLOOR, DRIVER, INTERPRETER) if _measured(samples, name))]
    titles = ["seconds, median", *(_short(name) for name in names), "ours from … to"]
    rows = [
        [
            case.text,
            *(_seconds(samples.median(case, name)) for name in names),
            "{:.3f} … {:.3f}".format(*samples.spread(case, ours)) if samples.median(case, ours) else "",
        ]
        for case in samples.cases()
    ]
    return table(titles, rows)


def processor(samples: Samples, tools: Sequence[str]) -> list[str]:
    """The same for the processor's time of the call alone: what a busy machine does not stretch much."""
    names = [*tools, *(name for name in (FLOOR, DRIVER, INTERPRETER) if _measured(samples, name))]
    rows = [
        [case.text, *(_seconds(samples.processor(case, name)) for name in names)] for case in samples.cases()
    ]
    return table(["processor seconds, median", *map(_short, names)], rows)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table that reads well as text and as Markdown: numbers to the right."""
    body = [list(row) for row in rows]
    widths = [max(len(row[at]) for row in [list(titles), *body]) for at in range(len(titles))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        told = [
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)),
        ]
        return f"| {' | '.join(told)} |"

    rule = f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|"
    return [line(titles), rule, *(line(row) for row in body)]


def goals(samples: Samples, ours: str, tools: Sequence[str]) -> list[Row]:
    """Every goal that the samples say something about."""
    return [*_with_files(samples, ours, tools), *_settled(samples, ours), *_start_up(samples, ours)]


def _with_files(samples: Samples, ours: str, tools: Sequence[str]) -> list[Row]:
    found: list[Row] = []
    for what in (APPLY, ROLLBACK):
        for count in sorted({case.count for case in samples.cases() if case.what == what}):
            at_once, slow = Case(what, count, 0), Case(what, count, 1)
            peers = {
                name: seconds
                for name in tools
                if name != ours and (seconds := samples.median(slow, name)) is not None
            }
            if peers:
                best = min(peers, key=lambda name: peers[name])
                found += _ratio(samples, (slow, ours), (slow, best), BESIDE_BEST)
            found += _ratio(samples, (slow, ours), (at_once, ours), BESIDE_OURSELVES)
            found += _ratio(samples, (at_once, ours), (at_once, GOOSE), BESIDE_GOOSE)
    return found


def _settled(samples: Samples, ours: str) -> list[Row]:
    """With the most files there are: with few the start is nearly all of it, which has a goal of its own."""
    cases = [case for case in samples.cases() if case.what == NOTHING and case.count > 1]
    if not cases:
        return []
    case = max(cases, key=lambda case: case.count)
    return _ratio(samples, (case, ours), (case, FLOOR), BESIDE_FLOOR)


def _start_up(samples: Samples, ours: str) -> list[Row]:
    """By the processor's time: a start computes and waits for nobody; a busy machine stretches the clock."""
    one = Case(NOTHING, 1)
    pairs = (
        (Case(HELP), samples.processor(Case(HELP), INTERPRETER), INTERPRETER),
        (Case(VERSION), samples.processor(Case(HELP), INTERPRETER), INTERPRETER),
        (one, samples.processor(one, DRIVER), DRIVER),
    )
    found: list[Row] = []
    for case, floor, name in pairs:
        whole = samples.processor(case, ours)
        if whole is None or floor is None:
            continue
        own = whole - floor
        told = f"{whole:.3f} - {floor:.3f} = {own:.3f} s of the processor"
        what = f"{case.text}, beyond {name}"
        found.append(judged(what, f"≤ {OWN_SECONDS}", told, good=own <= OWN_SECONDS))
    return found


def _ratio(samples: Samples, one: tuple[Case, str], other: tuple[Case, str], goal: float) -> list[Row]:
    top, below = samples.median(*one), samples.median(*other)
    if top is None or below is None:
        return []
    (case, _), (reference, name) = one, other
    against = f"our own at {reference.delay} ms" if one[1] == name else name
    found = top / below
    told = f"{top:.3f} / {below:.3f} = {found:.2f}"
    return [judged(f"{case.text} / {against}", f"≤ {goal}", told, good=found <= goal)]


def wire(talks: Sequence[Talk], lock: str = "advisory", kept: str = "down_sql") -> list[Row]:
    """What a call with nothing to do has said to the server."""
    trips = sum(talk.trips for talk in talks)
    said = " ".join(query for talk in talks for query in talk.queries).lower()
    messages, sent, received = (
        sum(getattr(talk, name) for talk in talks) for name in ("messages", "sent", "received")
    )
    return [
        judged(
            "round trips after authentication", f"≤ {MOST_TRIPS}", str(trips), good=0 < trips <= MOST_TRIPS
        ),
        judged("connections", "1", str(len(talks)), good=len(talks) == 1),
        judged("lock taken", "no", _word(found=lock in said), good=lock not in said),
        judged("stored down halves fetched", "no", _word(found=kept in said), good=kept not in said),
        Row("messages both ways; bytes sent, received", "", f"{messages:,}; {sent:,}, {received:,}"),
    ]


def _word(*, found: bool) -> str:
    return "yes" if found else "no"


def _measured(samples: Samples, name: str) -> bool:
    return any(samples.median(case, name) is not None for case in samples.cases())


def _short(name: str) -> str:
    return name.replace(DRIVER, "psycopg import")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
