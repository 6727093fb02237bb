"""`switchback repair`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import connection, take_connection


@click.command("repair")
@connection
@click.option(
    "--rebind",
    is_flag=True,
    help="The ledger came with a dump, a copy or an upgrade of the server: "
    "make it belong to the database that it is in.",
)
@click.option("--release", is_flag=True, help="Clear the reservation, whoever holds it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")  # fmt: skip
def command(**values: Any) -> int:
    """Bring the ledger in line after something happened to the database around it.

    No migration runs, and no table but the ledger's is touched.
    """
    from switchback.cli import outcome, work  # noqa: PLC0415 - help must not import the driver
    from switchback.contract.words import Operation  # noqa: PLC0415 - same
    from switchback.runner.operations import repair  # noqa: PLC0415 - same
    from switchback.runner.operations.base import Request  # noqa: PLC0415 - same

    shared = take_connection(values)
    if values["rebind"] == values["release"]:
        raise click.UsageError("Say either --rebind or --release.")
    console = Console(json=shared.json)
    action = repair.rebind if values["rebind"] else repair.release
    request = Request(Operation.RELEASE, outcome.laptop_id(), Path())
    ending = work.work(shared, console, request, reason=values["reason"], action=action)
    return work.answer(ending, console, shared)
