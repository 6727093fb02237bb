"""`switchback version`."""

from __future__ import annotations

import json
from importlib.metadata import version

import click


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def command(*, as_json: bool) -> None:
    """Print the version."""
    found = version("switchback")
    click.echo(json.dumps({"version": found}) if as_json else f"switchback {found}")
