"""`switchback config`: every setting, and where it comes from."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import ahead_policy, allow_out_of_order, common, hold_contract, limits


@click.command("config")
@common
@limits
@ahead_policy
@allow_out_of_order
@hold_contract
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> int:
    """Print every setting with its value and where it comes from. The database is not asked.

    A flag counts before a SWITCHBACK_* variable, that before the configuration file, that before the default.
    The file is the first `switchback.toml`, or `pyproject.toml` with [tool.switchback], from here upwards.
    Passwords are not shown.
    """
    from switchback.cli import config_show  # noqa: PLC0415 - not for a help text

    return config_show.run(ctx, Console(json=values["as_json"]), values)
