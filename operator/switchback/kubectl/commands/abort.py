"""`kubectl switchback abort`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting, yes


@click.command("abort")
@name
@yes
@waiting("10m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """End the operation under way. What it has committed stays.

    Exit codes: 0 aborted, 3 not yet, 11 nothing is under way or you may not, 12 it has ended otherwise, 13 no
    answer.
    """
    return perform(take(values), "steer:abort", seconds=patience(values), **values)
