"""`kubectl switchback restore`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl import complete
from switchback.kubectl.options import name, patience, perform, place, take, waiting, yes


@click.command("restore")
@name
@click.option(
    "--snapshot",
    required=True,
    metavar="ID",
    shell_complete=complete.points,
    help="Name of the restore point, as `snapshots` shows it; or latest.",
)
@click.option("--to", "database", required=True, metavar="NEW", help="Name of the database to create.")
@click.option(
    "--admin-secret",
    default="",
    metavar="NAME/KEY",
    help="Secret with the URL of a role that may create databases; default: the resource's own connection.",
)
@click.option("--claim", default="", metavar="NAME", help="Claim that holds it; default: as spec.snapshot.")
@click.option(
    "--no-owner",
    is_flag=True,
    help="Everything belongs to the role that restores; rights are not restored.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    default=2,
    show_default=True,
    help="Tables restored at the same time.",
)
@click.option(
    "--image", default="", metavar="IMAGE", help="Ours; default: that of the resource's newest Job."
)
@click.option(
    "--client-image",
    default="",
    metavar="IMAGE",
    help="With pg_restore of the dump's major version; default: as spec.snapshot, or as the newest dump.",
)
@click.option("--dry-run", is_flag=True, help="Show the Job that would be made, and make nothing.")
@click.option("-f", "--follow", is_flag=True, help="Write the logs of its containers to stderr meanwhile.")
@yes
@waiting("6h")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Restore a restore point into a new database, beside the live one.

    It makes a Job in the resource's namespace, with your own rights, and waits for its end. Nothing that
    exists is touched: you compare, and switch by an edit. Restore points that are no dumps are restored by a
    runbook, which is named.

    Exit codes: 0 restored, 2 there is no such restore point, 3 goes on, 7 the connection, or a missing right
    there, 8 failed, 11 refused, 13 nobody can say, 130 answered with no.
    """
    if values["follow"] and values["no_wait"]:
        raise click.UsageError("--follow and --no-wait exclude each other.")
    values["owners"] = not values.pop("no_owner")
    return perform(take(values), "restore:restore", seconds=patience(values), **values)
