"""`switchback rollback`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.backward import backward
from switchback.cli.console import Console
from switchback.cli.options import take


@click.command("rollback")
@click.option("--steps", type=click.IntRange(1), help="Roll back so many; default: 1.")
@click.option("--target", metavar="ID", help="Roll back to this migration, which stays; or "
              "`base`, or `latest`: to the newest file.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="Roll back all that is applied; with --steps: when it is "
              "less than that.")  # fmt: skip
@click.option("--force", is_flag=True, help="What --forget-missing does; and with --steps what --all does.")
@backward
def command(**values: Any) -> int:
    """Roll back applied migrations, last applied first.

    Every down half of the range is checked before the first one runs.

    Exit codes: 0 rolled back or nothing to do, 4 files, 5 no way back, 6 lock, 7 connection, 8 failed and
    stopped at the last good migration, 11 refused for safety.
    """
    from switchback.cli import rollback_work  # noqa: PLC0415 - help must not import the driver

    if values["target"] is not None and (values["steps"] is not None or values["every"]):
        raise click.UsageError("--target excludes --steps and --all.")
    shared = take(values)
    return rollback_work.run(shared, Console(json=shared.json), **values)
