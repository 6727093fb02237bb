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

    It completes commands, options, their values, files and folders; formats; environments of the
    configuration file; and for --target the ids in the folder. No database is asked.

    To try it in a running bash or zsh: source <(switchback completion bash)
    """
    root = context.find_root()
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice has admitted the name
    click.echo(kind(root.command, {}, "switchback", VARIABLE).source())
