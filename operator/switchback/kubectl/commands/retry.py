"""`kubectl switchback retry`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl.options import name, patience, perform, place, take, waiting


@click.command("retry")
@name
@waiting("30m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Try again: at once where an operation waits for its next attempt, anew after it has failed.

    Exit codes: 0 it has ended well, 3 it goes on or waits for approval, 8 it has failed again, 11 there is
    nothing to try again, 13 no answer.
    """
    return perform(take(values), "steer:retry", seconds=patience(values), **values)
