"""`switchback redo`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.backward import backward
from switchback.cli.console import Console
from switchback.cli.options import take


@click.command("redo")
@click.option("--steps", type=click.IntRange(1), help="Roll back so many, and apply them again; default: 1.")
@backward
def command(**values: Any) -> int:
    """Roll back the last migration and apply it again, as its file is now. Never in a protected database.

    All that can be known to stop either half is looked for before anything runs. If applying fails all the
    same, the message says so, and migrate goes on from there.

    Exit codes: as rollback and migrate.
    """
    from switchback.cli import rollback_work  # noqa: PLC0415 - help must not import the driver

    shared = take(values)
    return rollback_work.redo(shared, Console(json=shared.json), **values)
