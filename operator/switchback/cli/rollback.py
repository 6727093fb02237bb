"""`switchback rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from switchback.cli.console import Console
from switchback.cli.options import common, take
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason

if TYPE_CHECKING:
    from switchback.runner.operations.base import Answer, Facts
    from switchback.runner.session import Session


@click.command("rollback")
@common
@click.option("--steps", type=click.IntRange(1), help="Roll back so many; default: 1.")
@click.option("--target", metavar="ID", help="Roll back to this migration, which stays; or `base`.")
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@click.option("--force", is_flag=True, help="Forget rows without file and stored down half; "
              "roll back all when asked for more steps than are applied.")  # fmt: skip
@click.option("--down-from", type=click.Choice(["auto", "file", "ledger"]), default="auto", show_default=True,
              help="Whose down half runs when file and ledger differ; auto refuses.")  # fmt: skip
@click.option("--accept-data-loss", is_flag=True, help="Accept that data is lost, or may be.")
@click.option("--accept-cascade", is_flag=True, help="Accept that CASCADE takes other objects along.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask; losses still need their flag.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")
def command(**values: Any) -> int:
    """Roll back applied migrations, last applied first.

    Every down half of the range is checked before the first one runs.

    Exit codes: 0 rolled back or nothing to do, 4 files, 5 no way back, 6 lock, 7 connection, 8 failed and
    stopped at the last good migration, 11 refused for safety.
    """
    from functools import partial  # noqa: PLC0415 - help must not import the driver, nor what only runs use

    from switchback.cli import confirm, show, work  # noqa: PLC0415 - help must not import the driver
    from switchback.contract.words import Operation, Risk  # noqa: PLC0415 - same
    from switchback.runner.downs import DownFrom  # noqa: PLC0415 - same
    from switchback.runner.operations import rollback  # noqa: PLC0415 - same
    from switchback.runner.operations.base import Request  # noqa: PLC0415 - same

    shared = take(values)
    if values["target"] is not None and values["steps"] is not None:
        raise click.UsageError("--target and --steps exclude each other.")
    console = Console(json=shared.json)
    accepted = {Risk.FORGET_MISSING} if values["force"] else set()
    if values["accept_data_loss"]:
        accepted |= {Risk.DATA_LOSS, Risk.UNKNOWN}
    if values["accept_cascade"]:
        accepted |= {Risk.CASCADE}
    request = Request(
        Operation.ROLLBACK,
        work.laptop_id(),
        shared.folder,
        target=values["target"],
        steps=values["steps"],
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
        force=values["force"],
        down_from=DownFrom(values["down_from"]),
        accept=frozenset(accepted),
    )

    def asking(session: Session, wished: Request, facts: Facts) -> Answer:
        info = session.work.info
        question = partial(
            confirm.ask, where=f"{info.host}:{info.port}", console=console, accepted=wished.accept
        )
        return rollback.run(session, wished, facts, question)

    silent = values["yes"] or values["dry_run"] or not confirm.may_ask()
    action = None if silent else asking
    try:
        ending = work.work(shared, console, request, reason=values["reason"], action=action)
    except confirm.Declined:
        console.print("Nothing was changed.")
        return int(ExitCode.INTERRUPTED)
    plan = ending.facts.plan
    if (
        plan is not None
        and not shared.json
        and (request.dry_run or ending.result.reason is Reason.DATA_LOSS_REFUSED)
    ):
        show.show(plan, console)
    return work.answer(ending, console, shared)
