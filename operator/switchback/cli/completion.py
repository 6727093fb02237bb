"""`switchback completion`: the script that a shell reads at its start."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_SWITCHBACK_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a completion script for bash, zsh or fish.

    For bash: switchback completion bash > /etc/bash_completion.d/switchback
    """
    root = context.find_root()
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice has admitted the name
    click.echo(kind(root.command, {}, "switchback", VARIABLE).source())
