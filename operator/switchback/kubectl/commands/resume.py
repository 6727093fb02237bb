"""`kubectl switchback resume`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting


@click.command("resume")
@name
@waiting("5m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Go on after suspend.

    Exit codes: 0 it goes on, 12 somebody has set it back, 13 no answer.
    """
    return perform(take(values), "steer:resume", seconds=patience(values), **values)
