"""`kubectl switchback status`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, perform, place, take


@click.command("status")
@name
@click.option("-w", "--watch", is_flag=True, help="Draw it anew as it changes, until Ctrl-C.")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="A table of all namespaces.")
@place("wide", "json", "yaml")
def command(**values: Any) -> int:
    """Show what a resource is, does and waits for, as a tree; several as a table.

    -o wide shows everything: long lines, conditions, earlier Jobs, the whole history.
    """
    if values["name"] and values["everywhere"]:
        raise click.UsageError("--all-namespaces shows all; it takes no NAME.")
    return perform(take(values), "status:status", **values)
