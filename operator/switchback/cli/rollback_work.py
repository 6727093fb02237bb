"""What `rollback`, `reset` and `redo` do: plan, ask, roll back, perhaps apply again, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from switchback.cli import around, confirm, outcome, show, work
from switchback.cli.life_work import declined
from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, Operation, Risk
from switchback.runner.errors import RunnerError
from switchback.runner.operations import anew, rollback
from switchback.runner.operations.base import Request
from switchback.runner.policy import Ahead, DownFrom, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.operations.base import Answer, Facts
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session

    Question = Callable[[Plan, Plan | None], frozenset[Risk]]
    """With the plan, and with what is applied after it."""
    Before = Callable[[], None]
    Half = Callable[[Session, Request, Facts, Question, Before | None], Answer]


def run(shared: Common, console: Console, **values: Any) -> int:
    """Roll back, and give the exit code."""

    def act(
        session: Session, request: Request, facts: Facts, question: Question, before: Before | None
    ) -> Answer:
        return rollback.run(session, request, facts, lambda plan: question(plan, None), before)

    if values["every"] and values["steps"] is None:
        values["target"] = BASE
    return _run(shared, console, "rollback", act, Ahead.ROLLBACK, **values)


def reset(shared: Common, console: Console, **values: Any) -> int:
    """Roll back all and apply every file, and give the exit code."""

    def act(
        session: Session, request: Request, facts: Facts, question: Question, before: Before | None
    ) -> Answer:
        return anew.reset(session, request, facts, question, before)

    return _run(shared, console, "reset", act, Ahead.REFUSE, **values)


def redo(shared: Common, console: Console, **values: Any) -> int:
    """Roll back the last steps and apply them again, and give the exit code."""

    def act(
        session: Session, request: Request, facts: Facts, question: Question, before: Before | None
    ) -> Answer:
        return anew.redo(session, request, facts, question, before)

    return _run(shared, console, "redo", act, Ahead.REFUSE, **values)


def _run(shared: Common, console: Console, command: str, half: Half, ahead: Ahead, **values: Any) -> int:
    request = _request(shared, ahead, **values)
    given = confirm.Given(values["yes"], values["confirm_database"])
    try:
        taken = around.Taken.of(values["snapshot"])
    except RunnerError as error:
        raise click.UsageError(f"{error.message} {error.advice}") from None

    def action(session: Session, wished: Request, facts: Facts) -> Answer:
        def question(plan: Plan, then: Plan | None) -> frozenset[Risk]:
            place = confirm.where(session)
            return confirm.consent(plan, place, console, accepted=wished.accept, given=given, then=then)

        def before() -> None:
            taken.take(session, shared, console, facts)

        return half(session, wished, facts, question, before if taken.asked else None)

    try:
        ending = work.work(shared, console, request, reason=values["reason"], action=action)
    except confirm.Declined:
        return declined(shared, console, command)
    plan = ending.facts.plan
    refused = ending.result.reason is Reason.DATA_LOSS_REFUSED
    if plan is not None and not shared.json and (request.dry_run or refused):
        show.show(plan, console, then=ending.facts.then)
    ending = around.with_point(ending, taken)
    if not request.dry_run:
        ending = around.checked(ending, values["checks"], console)
    return work.answer(ending, console, shared)


def _request(shared: Common, ahead: Ahead, **values: Any) -> Request:
    force = values.get("force", False)
    accepted: set[Risk] = set()
    if force or values["forget_missing"]:
        accepted |= {Risk.FORGET_MISSING}
    if values["accept_data_loss"]:
        accepted |= {Risk.DATA_LOSS, Risk.UNKNOWN}
    if values["accept_cascade"]:
        accepted |= {Risk.CASCADE}
    return Request(
        Operation.ROLLBACK,
        outcome.laptop_id(),
        shared.folder,
        target=values.get("target"),
        steps=values.get("steps"),
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
        force=force,
        forget_missing=values["forget_missing"],
        every=values.get("every", False),
        cascade=values["cascade"],
        down_from=DownFrom(values["down_from"]),
        down_folder=values["down_folder"],
        policy=Policy(ahead=ahead, adopt=values["adopt"]),
        accept=frozenset(accepted),
    )
