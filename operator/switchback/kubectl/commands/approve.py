"""`kubectl switchback approve`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting, yes


@click.command("approve")
@name
@click.option("--token", default="", metavar="TOKEN", help="Approve this plan and no other.")
@yes
@waiting("30m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Show the plan that waits, with its losses and risks, and say yes to it.

    Without a terminal it takes --token or --yes. Exit codes: 0 the operation has ended well, 3 it goes on or
    waits anew, 8 it has failed, 11 nothing waits or you may not, 12 the plan has moved, 13 no answer.
    """
    return perform(take(values), "consent:approve", seconds=patience(values), **values)
