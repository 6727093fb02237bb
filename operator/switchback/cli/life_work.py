"""What `baseline` and `protect` do. Imports the driver: the commands import it when they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.cli import confirm, outcome, work
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner.operations import baseline as baselines
from switchback.runner.operations import protect as protects
from switchback.runner.operations.base import Request
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.migrations.model import Migration
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.operations.base import Answer, Facts
    from switchback.runner.session import Session

    Action = Callable[[Session, Request, Facts], Answer]

DECLINED = "Nothing was changed."


def baseline(shared: Common, console: Console, **values: Any) -> int:
    """Begin a ledger, and give the exit code."""

    def action(session: Session, request: Request, facts: Facts) -> Answer:
        def question(ledger: Ledger, counted: Sequence[Migration]) -> None:
            if confirm.needed(ledger, confirm.Given(yes=values["yes"]), "written"):
                ids = listed([migration.id for migration in counted])
                name = ledger.identity.database.name
                text = (
                    f"Count {ids} as applied in database {name} at {confirm.where(session)}, without running"
                )
                confirm.agree(ledger, f"{text} {'it' if len(counted) == 1 else 'them'}")

        return baselines.run(session, request, facts, question)

    request = Request(
        Operation.MIGRATE,
        outcome.laptop_id(),
        shared.folder,
        target=values["target"],
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
    )
    try:
        ending = work.work(shared, console, request, reason=values["reason"], action=action)
    except confirm.Declined:
        return declined(shared, console, "baseline")
    return work.answer(ending, console, shared)


def protect(shared: Common, console: Console, **values: Any) -> int:
    """Protect the database or end that, and give the exit code."""

    def action(session: Session, request: Request, facts: Facts) -> Answer:
        def question(ledger: Ledger) -> None:
            given = confirm.Given(database=values["confirm_database"])
            if confirm.needed(ledger, given, "changed"):
                name = ledger.identity.database.name
                text = f"End the protection of database {name} at {confirm.where(session)}"
                confirm.agree(ledger, text)

        return protects.off(session, request, facts, question)

    request = Request(Operation.RELEASE, outcome.laptop_id(), shared.folder, dry_run=values["dry_run"])
    chosen = action if values["off"] else protects.on
    try:
        ending = work.work(shared, console, request, reason=values["reason"], action=chosen)
    except confirm.Declined:
        return declined(shared, console, "protect")
    return work.answer(ending, console, shared)


def declined(shared: Common, console: Console, command: str) -> int:
    """Somebody said no: say that nothing was changed, and give the exit code."""
    code = int(ExitCode.INTERRUPTED)
    console.print(DECLINED)
    if shared.json:
        console.outcome(outcome.early((command,), Reason.INTERRUPTED, DECLINED, code))
    return code
