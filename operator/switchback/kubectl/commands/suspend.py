"""`kubectl switchback suspend`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting


@click.command("suspend")
@name
@waiting("5m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Let nothing new start. A Job that runs ends by itself; `abort` ends it.

    Exit codes: 0 it is suspended, 12 somebody has set it back, 13 no answer.
    """
    return perform(take(values), "steer:suspend", seconds=patience(values), **values)
