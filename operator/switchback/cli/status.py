"""`switchback status`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import adopt, common, take


@click.command("status")
@common
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 3 when something is pending, 4 when files do not fit, 9 when one is applied in part, 11 "
    "when there are tables but no ledger.",
)
@adopt
@click.option(
    "--all", "everything", is_flag=True, help="Show every applied migration, not only the last ones."
)
def command(**values: Any) -> int:
    """Show what is applied, pending, missing, changed, renamed and out of order. Changes nothing."""
    from switchback.cli import overview  # noqa: PLC0415 - help must not import the driver

    shared = take(values)
    console = Console(json=shared.json)
    return overview.run(
        shared, console, check=values["check"], everything=values["everything"], adopt=values["adopt"]
    )
