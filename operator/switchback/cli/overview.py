"""What `status` shows: files and ledger side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome, work
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason, meaning
from switchback.contract.words import Operation
from switchback.runner.compare import Comparison, compare
from switchback.runner.errors import RunnerError
from switchback.runner.fitness import unfit
from switchback.runner.operations.base import Answer, Facts, Request, load_source
from switchback.runner.operations.forward import refuse_first_contact, refuse_overtaken
from switchback.runner.policy import Policy

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.session import Session

CONTRACT_NOTE = "phase=contract: --hold-contract holds it and what comes after it back"
COLOURS = {"pending": "yellow"} | dict.fromkeys(("missing", "changed", "renamed", "partial"), "red")
"""On a terminal: what waits, and what a person has to look at."""
TOLD = frozenset({Reason.BASELINE_REQUIRED, Reason.ADOPTION_REFUSED, Reason.PERMISSION_DENIED})
"""Why nothing could be applied or rolled back, although there is something to show."""
SHOWN_APPLIED = 10
"""The last applied migrations; earlier ones are counted, unless all are asked for."""


def run(common: Common, console: Console, *, check: bool, everything: bool, adopt: bool) -> int:
    """Compare, show, and give the exit code."""
    found: list[Comparison] = []
    problems: list[RunnerError] = []

    def action(session: Session, request: Request, facts: Facts) -> Answer:
        source = load_source(request, facts)
        ledger = session.read()
        if request.policy.adopt:
            from switchback.runner.adoption import take  # noqa: PLC0415 - only who comes from another tool

            ledger = take.look(session, request.policy, source, ledger)
        facts.ledger = ledger
        comparison = compare(source, ledger)
        try:
            refuse_first_contact(session, request, comparison)
            refuse_overtaken(session, comparison)
        except RunnerError as error:  # here nothing is applied: it is said beside what there is
            if error.reason not in TOLD:
                raise
            problems.append(error)
        found.append(comparison)
        return Answer(Reason.UP_TO_DATE, "")

    request = Request(
        Operation.INSPECT,
        outcome.laptop_id(),
        common.folder,
        format=common.format,
        ignore=common.ignore,
        policy=Policy(adopt=adopt),
    )
    ending = work.work(common, console, request, action=action)
    if not found:
        return work.answer(ending, console, common)
    comparison = found[0]
    problem = next(iter(problems), None)
    if common.json:
        click.echo(json.dumps(as_data(comparison, problem), ensure_ascii=False, indent=2))
    else:
        show(comparison, console, everything=everything)
    if problem is not None:
        console.warn(f"{problem.message} {problem.advice}")
    if not check:
        return int(ExitCode.OK)
    return exit_code(comparison) if problem is None else int(meaning(problem.reason).exit_code)


def exit_code(comparison: Comparison) -> int:
    """The most urgent code: 9 for a migration applied in part, 4 for files that do not fit, 3 for pending."""
    if comparison.partial:
        return int(ExitCode.PARTIAL)
    changed = any(not change.formatting_only for change in comparison.changed)
    if comparison.missing or comparison.renamed or changed or comparison.out_of_order:
        return int(ExitCode.SOURCE)
    return int(ExitCode.PENDING if comparison.pending else ExitCode.OK)


def _lines(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """(state, id, applied at, note) in the order of application, then what is pending."""
    notes: dict[str, tuple[str, str]] = {}
    for row in comparison.missing:
        notes[row.id] = ("missing", "its file is gone")
    for change in comparison.changed:
        word = "only comments or blanks differ" if change.formatting_only else "the file is not what ran"
        notes[change.row.id] = ("changed", f"{change.migration.up.path}: {word}")
    for change in comparison.renamed:
        notes[change.row.id] = ("renamed", f"its file is now {change.migration.up.path}")
    contract = {migration.id for migration in comparison.resumable if migration.is_contract}
    for row in comparison.partial:
        have = "statement has" if row.statements_total == 1 else "statements have"
        done = f"{row.statements_done} of {row.statements_total} {have} run"
        if row.down_done is not None:
            have = "statement has" if row.down_done == 1 else "statements have"
            count = f": {row.down_done} {have} run" if row.down_done else ""
            done = f"its rollback has begun{count}"
        waits = f"; {CONTRACT_NOTE}" if row.id in contract else ""
        notes[row.id] = ("partial", f"{done}{waits}")
    lines = [(*_state(notes, row.id), row) for row in comparison.ledger.rows]
    shown = [(state, row.id, row.applied_at, note) for state, note, row in lines]
    late = {migration.id for migration in comparison.out_of_order}
    for migration in comparison.pending:
        told = ["out of order: a later one is applied"] if migration.id in late else []
        told += [CONTRACT_NOTE] if migration.is_contract else []
        shown.append(("pending", migration.id, "", "; ".join(told)))
    return shown


def _state(notes: dict[str, tuple[str, str]], row_id: str) -> tuple[str, str]:
    return notes.get(row_id, ("applied", ""))


def show(comparison: Comparison, console: Console, *, everything: bool) -> None:
    """The table and a summary."""
    here = comparison.ledger.identity.database
    guard = " It is protected." if comparison.ledger.is_protected else ""
    console.print(f"{here.name} (PostgreSQL {here.major}) is at {comparison.current}.{guard}")
    problem = unfit(comparison.ledger, "")
    if problem is not None:
        console.warn(problem.message)
    lines = _lines(comparison)
    plain = [index for index, line in enumerate(lines) if line[0] == "applied"]
    hidden = set() if everything else set(plain[:-SHOWN_APPLIED])
    if hidden:
        console.print(f"{len(hidden)} earlier ones are applied; --all shows them.")
    if lines:
        console.print()
        console.table(
            ("STATE", "ID", "APPLIED", "NOTE"),
            [line for i, line in enumerate(lines) if i not in hidden],
            COLOURS,
        )
        console.print()
    console.print(summary(comparison))


def summary(comparison: Comparison) -> str:
    """Counts of everything that there is, in one line."""
    counts = {
        "applied": len(comparison.ledger.rows),
        "pending": len(comparison.pending),
        "missing": len(comparison.missing),
        "changed": len(comparison.changed),
        "renamed": len(comparison.renamed),
        "out of order": len(comparison.out_of_order),
        "partial": len(comparison.partial),
    }
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n or word in {"applied", "pending"}) + "."


def as_data(comparison: Comparison, problem: RunnerError | None = None) -> dict[str, Any]:
    """The same for programs, with what keeps migrate from running. Keys and states are stable."""
    here = comparison.ledger.identity.database
    told = () if problem is None else ("reason", "message", "advice")
    against = {"problem": {name: getattr(problem, name) for name in told}} if told else {}
    return against | {
        "database": {"name": here.name, "systemIdentifier": here.system_identifier, "version": here.version},
        "current": comparison.current,
        "protected": comparison.ledger.is_protected,
        "adopts": "" if comparison.ledger.adoption is None else comparison.ledger.adoption.text,
        "summary": {
            "applied": len(comparison.ledger.rows),
            "pending": len(comparison.pending),
            "missing": len(comparison.missing),
            "changed": len(comparison.changed),
            "renamed": len(comparison.renamed),
            "outOfOrder": len(comparison.out_of_order),
            "partial": len(comparison.partial),
        },
        "migrations": [
            {
                key: value
                for key, value in zip(("state", "id", "appliedAt", "note"), line, strict=True)
                if value
            }
            for line in _lines(comparison)
        ],
    }
