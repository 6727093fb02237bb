"""`kubectl switchback rollback`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl import complete
from switchback.kubectl.options import name, patience, perform, place, take, waiting, yes


@click.command("rollback")
@name
@click.option(
    "--target",
    default="",
    metavar="ID",
    shell_complete=complete.targets,
    help="The version that shall remain, or base.",
)
@click.option(
    "--steps",
    "steps_back",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Undo so many; default: 1.",
)
@click.option(
    "--slot",
    default="",
    metavar="SLOT",
    shell_complete=complete.slots,
    help="Let this slot be live: the traffic goes there first, then the schema goes back.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the resource and in the ledger.")
@click.option(
    "--via",
    type=click.Choice(["auto", "spec", "request"]),
    default="auto",
    show_default=True,
    help="Edit spec.target, or ask beside the spec, where a GitOps tool would undo the edit.",
)
@yes
@waiting("30m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Go back to an older version.

    Where nobody else owns spec.target, it is edited. Where a GitOps tool (Argo CD, Flux, Helm or another
    applier) owns it, the operator is asked by annotation, and the spec stays. Losses still wait for approval.
    With --slot both rails go back by one edit; where a tool owns the spec, this says what to commit instead.

    Exit codes: 0 rolled back, 3 waits for approval or goes on, 8 failed, 11 refused, 12 the resource has
    changed, 13 no answer, 130 answered with no.
    """
    if values["target"] and values["steps_back"]:
        raise click.UsageError("--target and --steps are two ways to say the same: pass one.")
    values["steps_back"] = values["steps_back"] or 0
    return perform(take(values), "rollback:rollback", seconds=patience(values), **values)
