"""`switchback protect`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import connection, take_connection


@click.command("protect")
@connection
@click.option("--off", is_flag=True, help="End the protection.")
@click.option("--confirm-database", default="", metavar="NAME", help="With --off: name of the database, in "
              "place of typing it.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")
def command(**values: Any) -> int:
    """Protect this database from a rollback by mistake.

    Who rolls it back by hand has to type its name, or give it with --confirm-database; reset and redo are
    refused. What the operator does is not affected. The mark counts in this very database: a copy of it, and
    what is restored from it, is not protected.

    Exit codes: 0 done or nothing to do, 6 lock, 7 connection, 11 refused.
    """
    from switchback.cli import life_work  # noqa: PLC0415 - help must not import the driver

    shared = take_connection(values)
    return life_work.protect(shared, Console(json=shared.json), **values)
