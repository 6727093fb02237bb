"""What `adopt` does: look, show, ask, write, answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import confirm, outcome, work
from switchback.cli.life_work import declined
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner.adoption.wish import NO_FILE, Wish
from switchback.runner.errors import RunnerError
from switchback.runner.operations import adopt
from switchback.runner.operations.base import Request
from switchback.runner.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.compare import Comparison
    from switchback.runner.operations.base import Answer, Facts
    from switchback.runner.session import Session

SHOWN = 20
"""Lines of a long table at its end; of the ones before only the number is told."""


def run(shared: Common, console: Console, **values: Any) -> int:
    """Take over, and give the exit code."""
    seen: list[Comparison] = []

    def show(comparison: Comparison) -> None:
        seen.append(comparison)
        if not shared.json:
            _show(comparison, console)

    def action(session: Session, request: Request, facts: Facts) -> Answer:
        def question(comparison: Comparison) -> None:
            if not values["yes"]:
                _ask(comparison, confirm.where(session))

        return adopt.run(session, request, facts, show, question)

    request = _request(shared, values)
    try:
        ending = work.work(shared, console, request, reason=values["reason"], action=action)
    except confirm.Declined:
        return declined(shared, console, "adopt")
    if shared.json and ending.error is None:
        data = outcome.as_json(ending.result)
        console.outcome(json.dumps(data | _data(seen), ensure_ascii=False, indent=2))
        return ending.result.exit_code
    return work.answer(ending, console, shared)


def _request(shared: Common, values: dict[str, Any]) -> Request:
    wish = Wish(
        tool=values["tool"] or "",
        table=values["table"],
        target=values["target"],
        mapping=() if values["map_file"] is None else read_map(values["map_file"]),
        keep_rows=values["keep_rows"],
    )
    return Request(
        Operation.MIGRATE,
        outcome.laptop_id(),
        shared.folder,
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
        policy=Policy(adopt=True, wish=wish),
    )


def read_map(path: Path) -> tuple[tuple[str, str], ...]:
    """Pairs of a tool's version and an id; blank lines and lines that begin with # do not count.

    Raises:
        click.UsageError: the file cannot be read, or a line is no pair.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.UsageError(f"--map {path} cannot be read: {why}.") from None
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:  # noqa: PLR2004 - a pair
            raise click.UsageError(
                f"--map {path}, line {number}: expected are two words, the tool's version and an id here, or "
                f"{NO_FILE} where there is no file."
            )
        if words[0] in pairs:
            raise click.UsageError(f"--map {path}, line {number}: {words[0]} stands there twice.")
        pairs[words[0]] = words[1]
    return tuple(pairs.items())


def _ask(comparison: Comparison, where: str) -> None:
    """Wait for a yes.

    Raises:
        RunnerError: `Usage` when nobody is there.
        Declined, Stopped: as `confirm.agree`.
    """
    ledger = comparison.ledger
    adoption = ledger.adoption
    assert adoption is not None  # noqa: S101 - only then somebody is asked
    if not confirm.may_ask():
        raise RunnerError(
            Reason.USAGE,
            f"Nobody is there to ask whether {adoption.text} is to be taken over; nothing was changed.",
            "Look at what is shown, or at --dry-run; then run again with --yes.",
        )
    name = ledger.identity.database.name
    confirm.agree(ledger, f"Take over {adoption.text} in database {name} at {where}")


def _lines(comparison: Comparison) -> list[tuple[str, str]]:
    applied = [("applied", row.id) for row in comparison.ledger.rows]
    return [*applied, *(("pending", migration.id) for migration in comparison.pending)]


def _show(comparison: Comparison, console: Console) -> None:
    """Every file, with what the history says of it."""
    lines = _lines(comparison)
    console.print()
    if len(lines) > SHOWN:
        earlier = len(lines) - SHOWN
        applied = sum(state == "applied" for state, _ in lines[:earlier])
        console.print(f"{earlier} more before these, {applied} of them applied; --json shows all.")
    console.table(("STATE", "ID"), lines[-SHOWN:])
    console.print()


def _data(seen: list[Comparison]) -> dict[str, Any]:
    """What was shown, for programs. Keys are stable."""
    if not seen or seen[0].ledger.adoption is None:
        return {}
    comparison, adoption = seen[0], seen[0].ledger.adoption
    assert adoption is not None  # noqa: S101 - just looked
    return {
        "adopts": {
            "tool": adoption.tool,
            "table": adoption.table.text,
            "version": adoption.history.version,
            "applied": [row.id for row in comparison.ledger.rows],
            "pending": [migration.id for migration in comparison.pending],
            "notices": list(adoption.history.notices),
            "keepsRows": adoption.keep_rows,
        }
    }
