"""`switchback rollback`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import adopt, common, down_dir, down_from, take


@click.command("rollback")
@common
@click.option("--steps", type=click.IntRange(1), help="Roll back so many; default: 1.")
@click.option("--target", metavar="ID", help="Roll back to this migration, which stays; or "
              "`base`, or `latest`: to the newest file.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@click.option("--force", is_flag=True, help="Forget rows without file and stored down half; "
              "roll back all when asked for more steps than are applied.")  # fmt: skip
@down_from
@down_dir
@adopt
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
    from switchback.cli import rollback_work  # noqa: PLC0415 - help must not import the driver

    if values["target"] is not None and values["steps"] is not None:
        raise click.UsageError("--target and --steps exclude each other.")
    shared = take(values)
    return rollback_work.run(shared, Console(json=shared.json), **values)
