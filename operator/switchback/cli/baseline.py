"""`switchback baseline`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import common, take


@click.command("baseline")
@common
@click.option("--target", metavar="ID", required=True, help="Last migration that the database has already; "
              "it and every file before it count as applied.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")
def command(**values: Any) -> int:
    """Begin a ledger in a database that has tables: files up to ID count as applied. None of them runs.

    For a database whose tables were made without a migration tool, or by one that is not known here.
    What another tool says is taken over with adopt instead.

    Exit codes: 0 written, 2 target unknown, 4 files, 6 lock, 7 connection, 11 refused: there is a ledger with
    rows, another tool's history, or no table at all.
    """
    from switchback.cli import life_work  # noqa: PLC0415 - help must not import the driver

    shared = take(values)
    return life_work.baseline(shared, Console(json=shared.json), **values)
