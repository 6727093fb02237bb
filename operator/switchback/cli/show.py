"""A plan for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.cli.console import harmless
from switchback.contract.words import Direction, Severity
from switchback.migrations.halves import Code
from switchback.runner.plan import ROLLS_BACK, Way, deeds, flags, is_look

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.migrations.script import Statement
    from switchback.runner.plan import Plan, PlannedStep

WIDTH = 100
LINES = 12
"""Statements that are shown of one half; `--sql` shows all, in full."""

_WAYS = {
    Way.UP: "apply",
    Way.FILE: "roll back",
    Way.LEDGER: "roll back",
    Way.UNBEGUN: "roll back",
    Way.NOTHING: "not undone",
    Way.FORGET: "forget",
}
_LOUD = {
    Severity.DATA: {"fg": "red", "bold": True},
    Severity.UNKNOWN: {"fg": "yellow", "bold": True},
}


def headline(plan: Plan, then: Plan | None = None) -> str:
    """Where the database is and where the plan goes, in one sentence.

    Args:
        plan: what is done.
        then: what is applied after it.
    """
    here = plan.ledger.identity.database
    at = f"{here.name} (PostgreSQL {here.major}) is at {plan.current}"
    number = len(plan.steps)
    back = deeds(plan.steps, ROLLS_BACK)
    if then is not None:
        what = f"{back}, then applies {len(then.steps)}" if number else f"applies {count(len(then.steps))}"
        return f"{at}; this {what}."
    match plan.direction:
        case Direction.NONE:
            return f"{at}: nothing to do."
        case Direction.FORWARD:
            return f"{at}; reaching {plan.target} applies {count(number)}."
        case Direction.BACKWARD:
            return f"{at}; reaching {plan.target} {back}."


def count(number: int) -> str:
    """`1 migration`, `3 migrations`."""
    return "1 migration" if number == 1 else f"{number} migrations"


def show(plan: Plan, console: Console, *, sql: bool = False, then: Plan | None = None) -> None:
    """Steps with their statements and losses, then the risks.

    Args:
        plan: what would be done.
        console: to show it.
        sql: every statement in full.
        then: what would be applied after it.
    """
    console.print(harmless(headline(plan, then)))
    for step in (*plan.steps, *(then.steps if then is not None else ())):
        console.print()
        _step(step, console, sql=sql)
    if plan.held:
        console.print()
        console.print(harmless(plan.waits.strip()))
    if plan.risks:
        console.print()
        console.print(f"Risks: {', '.join(plan.risks)}. To accept: {flags(plan.risks)}.")


def _step(step: PlannedStep, console: Console, *, sql: bool) -> None:
    console.print(f"{console.style(_WAYS[step.way], bold=True)}  {harmless(step.id)}")
    if step.notice:
        console.print(f"  {console.style(harmless(step.notice), fg='yellow')}")
    if step.half is not None:
        if isinstance(step.half, Code):
            console.print(
                f"  Python: {harmless(step.half.path)}:{step.half.first_line}  {_called(step.half)}"
            )
        if step.ran:
            console.print(f"  {console.style(_left(step), fg='yellow')}")
        statements = [one for one in step.half.statements[step.ran :] if sql or not is_look(one)]
        for statement in statements if sql else statements[:LINES]:
            console.print(harmless(f"  {step.half.path}:{statement.line}  {_text(statement, sql=sql)}"))
        if not sql and len(statements) > LINES:
            console.print(f"  … {len(statements) - LINES} more statements")
    for loss in step.losses:
        console.print(f"  {console.style('at stake:', **_LOUD.get(step.severity, {}))} {harmless(loss)}")


def _left(step: PlannedStep) -> str:
    have = "has" if step.ran == 1 else "have"
    if step.half is not None and step.ran >= step.half.count:
        return f"all of it has run ({step.ran}): only its record is left"
    return f"goes on at statement {step.ran + 1}; {step.ran} {have} run"


def _called(half: Code) -> str:
    return f"{half.function}(connection)"


def _text(statement: Statement, *, sql: bool) -> str:
    if sql:
        return "\n" + "\n".join(f"    {line}" for line in f"{statement.text};".splitlines())
    text = " ".join(statement.text.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def as_data(plan: Plan) -> dict[str, Any]:
    """The same for programs. Keys are stable."""
    return {
        "direction": plan.direction,
        "current": plan.current,
        "target": plan.target,
        "planDigest": plan.digest if plan.steps else "",
        "adopts": "" if plan.ledger.adoption is None else plan.ledger.adoption.text,
        "heldBack": list(plan.held),
        "risks": list(plan.risks),
        "steps": [_step_data(step) for step in plan.steps],
    }


def _step_data(step: PlannedStep) -> dict[str, Any]:
    half = step.half
    left = () if half is None else half.statements[step.ran :]
    statements = [{"line": each.line, "text": each.text} for each in left]
    if isinstance(half, Code):
        statements = [{"line": half.first_line, "text": f"Python: {_called(half)}"}]
    return {
        "id": step.id,
        "direction": step.direction,
        "does": _WAYS[step.way],
        "file": None if half is None else half.path,
        "notice": step.notice,
        "severity": step.severity,
        "losses": list(step.losses),
        "statementsDone": step.ran,
        "statements": statements,
    }
