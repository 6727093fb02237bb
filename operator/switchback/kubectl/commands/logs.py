"""`kubectl switchback logs`."""

from __future__ import annotations

from typing import Any

import click

from switchback.contract.words import Operation
from switchback.kubectl.options import name, perform, place, take


def _steps(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    return [step for step in map(str, Operation) if step.startswith(incomplete)]


@click.command("logs")
@name
@click.option(
    "--step",
    default="",
    metavar="STEP",
    shell_complete=_steps,
    help=f"Of the newest Job of this step: {', '.join(Operation)}.",
)
@click.option("--attempt", type=click.IntRange(min=1), default=None, metavar="N", help="Of this attempt.")
@click.option("--job", default="", metavar="NAME", help="Of this Job.")
@click.option(
    "-c",
    "--container",
    default="switchback",
    show_default=True,
    metavar="NAME",
    help="Of this container of the pod.",
)
@click.option("-f", "--follow", is_flag=True, help="Wait for the pod, and go on as it writes, until Ctrl-C.")
@click.option(
    "--tail", type=click.IntRange(min=0), default=None, metavar="LINES", help="Only the last lines."
)
@place("json")
def command(**values: Any) -> int:
    """Write the log of a Job's pod: of the newest Job, or of the one that is chosen.

    Exit codes: 0 written, 2 there is no such Job or its pod is gone, 3 its container has not started yet.
    """
    if values["follow"] and values["output"] == "json":
        raise click.UsageError("-o json needs the whole log; it does not go with --follow.")
    values["attempt"] = values["attempt"] or 0
    return perform(take(values), "logs:logs", **values)
