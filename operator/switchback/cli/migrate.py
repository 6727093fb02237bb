"""`switchback migrate`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import (
    adopt,
    ahead_policy,
    allow_out_of_order,
    common,
    hold_contract,
    limits,
    take,
)
from switchback.runner.policy import Ahead, Policy


@click.command("migrate")
@common
@limits
@click.option("--target", metavar="ID", help="Apply up to this migration; default: latest.")
@click.option("--steps", type=click.IntRange(1), help="Apply at most so many.")
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@allow_out_of_order
@ahead_policy
@hold_contract
@adopt
@click.option("--allow-non-empty", is_flag=True, help="Begin in a database that already has tables.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")
def command(**values: Any) -> int:
    """Apply pending migrations, each in a transaction of its own together with its record.

    Exit codes: 0 applied or nothing to do, 4 files, 6 lock, 7 connection, 8 failed and rolled back to the
    last good migration, 12 the target lies behind.
    """
    from switchback.cli import outcome, show, work  # noqa: PLC0415 - help must not import the driver
    from switchback.contract.words import Operation  # noqa: PLC0415 - same
    from switchback.runner.operations.base import Request  # noqa: PLC0415 - same

    shared = take(values)
    if values["target"] is not None and values["steps"] is not None:
        raise click.UsageError("--target and --steps exclude each other.")
    console = Console(json=shared.json)
    request = Request(
        Operation.MIGRATE,
        outcome.laptop_id(),
        shared.folder,
        target=values["target"],
        steps=values["steps"],
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
        allow_non_empty=values["allow_non_empty"],
        policy=Policy(
            Ahead(values["ahead_policy"]),
            values["allow_out_of_order"],
            values["adopt"],
            values["hold_contract"],
        ),
    )
    ending = work.work(shared, console, request, reason=values["reason"])
    if request.dry_run and ending.facts.plan is not None and not shared.json:
        show.show(ending.facts.plan, console)
    return work.answer(ending, console, shared)
