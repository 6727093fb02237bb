"""`switchback wait`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import connection, take_connection


@click.command("wait")
@connection
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=60,
    show_default=True,
    metavar="S",
    help="Longest time to wait, in seconds; 0 tries once.",
)
def command(**values: Any) -> int:
    """Wait until the database accepts logins, such as in a script that has just started it.

    It is tried again while the host is not known, while it refuses or does not answer, while the server
    starts, is a standby or has no connection left. What waiting does not mend, such as a wrong password,
    ends it at once.

    Exit codes: 0 it accepts logins, 7 it does not.
    """
    from switchback.cli import wait_work  # noqa: PLC0415 - help must not import the driver

    shared = take_connection(values)
    return wait_work.run(shared, Console(json=shared.json), values["timeout"])
