"""`kubectl switchback wait`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, perform, place, take
from switchback.kubectl.times import duration


@click.command("wait")
@name
@click.option(
    "--for",
    "what",
    type=click.Choice(["finished", "ready", "approval", "traffic"]),
    default="finished",
    show_default=True,
    help="The end, well or not; all that is wished; a plan that needs a yes; the wished slot is live.",
)
@click.option(
    "--timeout",
    "seconds",
    callback=duration,
    default="30m",
    show_default=True,
    metavar="DURATION",
    help="Longest wait; 0: no limit.",
)
@place("json", "yaml")
def command(**values: Any) -> int:
    """Wait for what the spec asks for, as it is now. It ends early when it has ended badly.

    Exit codes: 0 it is so, 3 not within the time, 8 it has ended badly, 12 it has ended without asking for
    approval, or moves no traffic, 13 the operator has not looked at it.
    """
    return perform(take(values), "waitfor:wait_for", **values)
