"""A plan for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.words import Direction, Risk, Severity
from switchback.migrations.halves import Code
from switchback.runner.plan import Way, is_look

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
    Way.NOTHING: "not undone",
    Way.FORGET: "forget",
}
_LOUD = {
    Severity.DATA: {"fg": "red", "bold": True},
    Severity.UNKNOWN: {"fg": "yellow", "bold": True},
}
FLAGS = {
    Risk.DATA_LOSS: "--accept-data-loss",
    Risk.UNKNOWN: "--accept-data-loss",
    Risk.CASCADE: "--accept-cascade",
    Risk.FORGET_MISSING: "--forget-missing",
}
"""What accepts a risk on the command line."""


def headline(plan: Plan) -> str:
    """Where the database is and where the plan goes, in one sentence."""
    here = plan.ledger.identity.database
    at = f"{here.name} (PostgreSQL {here.major}) is at {plan.current}"
    number = len(plan.steps)
    count = "1 migration" if number == 1 else f"{number} migrations"
    match plan.direction:
        case Direction.NONE:
            return f"{at}: nothing to do."
        case Direction.FORWARD:
            return f"{at}; reaching {plan.target} applies {count}."
        case Direction.BACKWARD:
            return f"{at}; reaching {plan.target} rolls back {count}."


def show(plan: Plan, console: Console, *, sql: bool = False) -> None:
    """Steps with their statements and losses, then the risks."""
    console.print(headline(plan))
    for step in plan.steps:
        console.print()
        _step(step, console, sql=sql)
    if plan.held:
        console.print()
        console.print(plan.waits.strip())
    if plan.risks:
        console.print()
        flags = ", ".join(dict.fromkeys(FLAGS[risk] for risk in plan.risks))
        console.print(f"Risks: {', '.join(plan.risks)}. To accept: {flags}.")


def _step(step: PlannedStep, console: Console, *, sql: bool) -> None:
    console.print(f"{console.style(_WAYS[step.way], bold=True)}  {step.id}")
    if step.notice:
        console.print(f"  {console.style(step.notice, fg='yellow')}")
    if step.half is not None:
        if isinstance(step.half, Code):
            console.print(f"  Python: {step.half.path}:{step.half.first_line}  {_called(step.half)}")
        statements = [one for one in step.half.statements if sql or not is_look(one)]
        for statement in statements if sql else statements[:LINES]:
            console.print(f"  {step.half.path}:{statement.line}  {_text(statement, sql=sql)}")
        if not sql and len(statements) > LINES:
            console.print(f"  … {len(statements) - LINES} more statements")
    for loss in step.losses:
        console.print(f"  {console.style('at stake:', **_LOUD.get(step.severity, {}))} {loss}")


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
    statements = [] if half is None else [{"line": each.line, "text": each.text} for each in half.statements]
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
        "statements": statements,
    }
