"""What `rollback` does: plan, ask, roll back, answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from switchback.cli import confirm, outcome, show, work
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation, Risk
from switchback.runner.downs import DownFrom
from switchback.runner.operations import rollback
from switchback.runner.operations.base import Request
from switchback.runner.policy import Ahead, Policy

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.operations.base import Answer, Facts
    from switchback.runner.session import Session


def run(shared: Common, console: Console, **values: Any) -> int:
    """Roll back, and give the exit code."""
    request = _request(shared, **values)

    def asking(session: Session, wished: Request, facts: Facts) -> Answer:
        info = session.work.info
        where = f"{info.host}:{info.port}"
        question = partial(confirm.ask, where=where, console=console, accepted=wished.accept)
        return rollback.run(session, wished, facts, question)

    silent = values["yes"] or request.dry_run or not confirm.may_ask()
    action = None if silent else asking
    try:
        ending = work.work(shared, console, request, reason=values["reason"], action=action)
    except confirm.Declined:
        code, message = int(ExitCode.INTERRUPTED), "Nothing was changed."
        console.print(message)
        if shared.json:
            console.outcome(outcome.early(("rollback",), Reason.INTERRUPTED, message, code))
        return code
    plan = ending.facts.plan
    refused = ending.result.reason is Reason.DATA_LOSS_REFUSED
    if plan is not None and not shared.json and (request.dry_run or refused):
        show.show(plan, console)
    return work.answer(ending, console, shared)


def _request(shared: Common, **values: Any) -> Request:
    accepted: set[Risk] = set()
    if values["force"]:
        accepted |= {Risk.FORGET_MISSING}
    if values["accept_data_loss"]:
        accepted |= {Risk.DATA_LOSS, Risk.UNKNOWN}
    if values["accept_cascade"]:
        accepted |= {Risk.CASCADE}
    return Request(
        Operation.ROLLBACK,
        outcome.laptop_id(),
        shared.folder,
        target=values["target"],
        steps=values["steps"],
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
        force=values["force"],
        down_from=DownFrom(values["down_from"]),
        down_folder=values["down_folder"],
        policy=Policy(ahead=Ahead.ROLLBACK, adopt=values["adopt"]),
        accept=frozenset(accepted),
    )
