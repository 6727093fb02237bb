"""`kubectl switchback history`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, perform, place, take


@click.command("history")
@name
@place("wide", "json", "yaml")
def command(**values: Any) -> int:
    """Show the operations that have ended, newest first; -o wide with their messages."""
    return perform(take(values), "history:history", **values)
