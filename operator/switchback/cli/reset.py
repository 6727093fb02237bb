"""`switchback reset`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.backward import backward
from switchback.cli.console import Console
from switchback.cli.options import take


@click.command("reset")
@backward
def command(**values: Any) -> int:
    """Roll back everything, then apply every file. For a database of your own; never a protected one.

    All that can be known to stop either half is looked for before anything runs. If applying fails all the
    same, the message says so, and migrate goes on from there.

    Exit codes: as rollback and migrate.
    """
    from switchback.cli import rollback_work  # noqa: PLC0415 - help must not import the driver

    shared = take(values)
    return rollback_work.reset(shared, Console(json=shared.json), **values)
