"""`kubectl switchback snapshots`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, perform, place, take
from switchback.kubectl.times import duration


@click.command("snapshots")
@name
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@click.option(
    "--scan",
    is_flag=True,
    help="Read where dumps are kept as well, by a Job in each resource's namespace that writes nothing.",
)
@click.option(
    "--prune-plan",
    is_flag=True,
    help="Show what retention would delete of one resource's restore points, and why. Deletes nothing.",
)
@click.option(
    "--image", default="", metavar="IMAGE", help="For Jobs; default: that of the resource's newest Job."
)
@click.option(
    "--timeout",
    callback=duration,
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="Longest wait for each of these Jobs; 0: no limit.",
)
@place("wide", "json", "yaml")
def command(**values: Any) -> int:
    """List restore points: those of the statuses, and those that are objects of the cluster.

    The latter outlive their resource; one whose resource is no more is called orphaned. -o wide adds ids,
    digests, operations and how many transactions began since. What cannot be listed from here, such as
    snapshots of Amazon RDS, is said.
    """
    if values["name"] and values["everywhere"]:
        raise click.UsageError("--all-namespaces shows all; it takes no NAME.")
    if values["prune_plan"] and values["everywhere"]:
        raise click.UsageError("--prune-plan is about one resource.")
    return perform(take(values), "snapshots:snapshots", seconds=values.pop("timeout"), **values)
