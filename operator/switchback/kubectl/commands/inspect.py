"""`kubectl switchback inspect`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting


@click.command("inspect")
@name
@waiting("5m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Let the operator read in the database where the schema is, and wait for its answer.

    Exit codes: 0 read, 13 no answer in time, else the code of the reason, such as 7 connection.
    """
    return perform(take(values), "look:inspect", seconds=patience(values), **values)
