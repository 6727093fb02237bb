"""`kubectl switchback plan`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl import complete
from switchback.kubectl.options import name, patience, perform, place, take, waiting


@click.command("plan")
@name
@click.option(
    "--target",
    default="",
    metavar="ID",
    shell_complete=complete.targets,
    help="Where to go, forward or back; default: spec.target.",
)
@click.option(
    "--steps",
    "steps_back",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="So many back from where the schema is.",
)
@click.option(
    "--slot",
    default="",
    metavar="SLOT",
    shell_complete=complete.slots,
    help="Judge a switch to this slot; default: spec.cutover.activeSlot.",
)
@click.option("--exit-code", is_flag=True, help="End with 3 when there is something to do.")
@waiting("5m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Show what reaching a version would take, what would be lost, and what stands in the way of the traffic.

    The operator looks at the database with a Job that only reads. The guards of a cutover are judged here, by
    what you may read yourself.

    Exit codes: 0 worked out, 3 something to do (with --exit-code), 13 no answer in time, else the code of the
    reason, such as 4 files or 5 no way back.
    """
    if values["target"] and values["steps_back"]:
        raise click.UsageError("--target and --steps are two ways to say the same: pass one.")
    values["steps_back"] = values["steps_back"] or 0
    return perform(take(values), "look:plan", seconds=patience(values), **values)
