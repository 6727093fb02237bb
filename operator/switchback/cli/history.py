"""`switchback history`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import connection, take_connection


@click.command("history")
@connection
@click.argument("migration", metavar="[ID]", default="")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, metavar="N",
              help="Show at most so many; 0: all.")  # fmt: skip
def command(**values: Any) -> int:
    """Show what has happened to the database, newest first. Changes nothing, and needs no files.

    With an ID, or a number that only one id begins with: what happened to this migration, whatever its id was
    then.
    """
    from switchback.cli import history_work  # noqa: PLC0415 - help must not import the driver

    shared = take_connection(values)
    return history_work.run(shared, Console(json=shared.json), values["migration"], values["limit"])
