"""`switchback plan`."""

from __future__ import annotations

import json
from typing import Any

import click

from switchback.cli.backward import cascade, forget_missing
from switchback.cli.console import Console
from switchback.cli.options import (
    adopt,
    ahead_policy,
    allow_out_of_order,
    common,
    down_dir,
    down_from,
    hold_contract,
    take,
)
from switchback.contract.exits import ExitCode
from switchback.runner.policy import Ahead, Policy


@click.command("plan")
@common
@click.option("--target", metavar="ID", help="Where to go, forward or back; default: latest.")
@click.option("--sql", is_flag=True, help="Show every statement in full.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when there is something to do.")
@allow_out_of_order
@ahead_policy
@hold_contract
@adopt
@forget_missing
@down_from
@down_dir
@cascade
@click.option("--allow-non-empty", is_flag=True, help="Begin in a database that already has tables.")
def command(**values: Any) -> int:
    """Show what migrate or rollback would do: files, statements, and what a rollback would lose.

    Changes nothing; the server enforces it.
    """
    from switchback.cli import outcome, show, work  # noqa: PLC0415 - help must not import the driver
    from switchback.contract.words import Operation  # noqa: PLC0415 - same
    from switchback.runner.operations.base import Request  # noqa: PLC0415 - same
    from switchback.runner.policy import DownFrom  # noqa: PLC0415 - same

    shared = take(values)
    console = Console(json=shared.json)
    request = Request(
        Operation.INSPECT,
        outcome.laptop_id(),
        shared.folder,
        target=values["target"],
        format=shared.format,
        ignore=shared.ignore,
        dry_run=True,
        allow_non_empty=values["allow_non_empty"],
        policy=Policy(
            Ahead(values["ahead_policy"]),
            values["allow_out_of_order"],
            values["adopt"],
            values["hold_contract"],
        ),
        down_from=DownFrom(values["down_from"]),
        down_folder=values["down_folder"],
        forget_missing=values["forget_missing"],
        cascade=values["cascade"],
    )
    ending = work.work(shared, console, request)
    plan = ending.facts.plan
    if ending.error is not None or plan is None:
        return work.answer(ending, console, shared)
    if shared.json:
        click.echo(json.dumps(show.as_data(plan), ensure_ascii=False, indent=2))
    else:
        show.show(plan, console, sql=values["sql"])
    return int(ExitCode.PENDING) if values["exit_code"] and plan.steps else int(ExitCode.OK)
