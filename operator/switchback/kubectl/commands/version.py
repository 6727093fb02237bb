"""`kubectl switchback version`."""

from __future__ import annotations

import json
from importlib.metadata import version

import click


@click.command("version")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the answer."
)
def command(*, output: str) -> None:
    """Print the version of this plugin."""
    found = version("switchback")
    click.echo(json.dumps({"version": found}) if output == "json" else f"switchback {found}")
