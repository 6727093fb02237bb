"""`switchback adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import common, take
from switchback.runner.adoption.wish import TOOLS


@click.command("adopt")
@common
@click.option("--from", "tool", type=click.Choice(TOOLS, case_sensitive=False),
              help="Whose history; default: whatever is found.")  # fmt: skip
@click.option("--table", default="", metavar="SCHEMA.NAME", help="Its table, where it has another name than "
              "the tool gives it, or is outside the search path.")  # fmt: skip
@click.option("--target", metavar="ID", help="This file and every one before it count as applied, whatever "
              "the tool's versions are called.")  # fmt: skip
@click.option("--map", "map_file", metavar="FILE", type=click.Path(path_type=Path), help="Lines of the "
              "tool's version and the ID that it is here, or - where it has no file.")  # fmt: skip
@click.option("--keep-rows/--no-keep-rows", default=None, help="For Drizzle: write its rows as well from now "
              "on, as Drizzle would, so that it sees nothing pending; or write them no more.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")
def command(**values: Any) -> int:
    """Begin a ledger with what another tool's history says is applied. No file runs.

    Knows the tables of golang-migrate, dbmate, goose, Flyway, Drizzle, yoyo and Alembic, and changes none of
    them. Shows first what it would take over, and asks; where nobody can be asked, in CI too, it needs --yes.

    Exit codes: 0 taken over, or there is a ledger already; 2 nobody to ask, target unknown; 4 files; 6 lock;
    7 connection, rights; 11 refused: history and files do not fit; 12 the history has moved.
    """
    from switchback.cli import adopt_work  # noqa: PLC0415 - help must not import the driver

    if values["target"] is not None and values["map_file"] is not None:
        raise click.UsageError("--target and --map exclude each other.")
    if values["keep_rows"] and (values["target"] is not None or values["map_file"] is not None):
        raise click.UsageError(
            "--keep-rows needs a history that fits the files as it is: no --target, no --map."
        )
    shared = take(values)
    return adopt_work.run(shared, Console(json=shared.json), **values)
