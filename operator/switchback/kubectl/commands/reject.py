"""`kubectl switchback reject`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting, yes


@click.command("reject")
@name
@click.option("--token", default="", metavar="TOKEN", help="Reject this plan and no other.")
@yes
@waiting("5m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Say no to the plan that waits: the operation ends, and nothing has changed.

    Exit codes: 0 rejected, 11 nothing waits or you may not, 12 it has ended otherwise, 13 no answer.
    """
    return perform(take(values), "consent:reject", seconds=patience(values), **values)
