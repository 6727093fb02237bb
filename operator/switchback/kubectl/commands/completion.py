"""`kubectl switchback completion`: what makes a shell complete the plugin's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "kubectl-switchback"
VARIABLE = "_KUBECTL_SWITCHBACK_COMPLETE"
FOR_KUBECTL = """\
#!/bin/sh
# kubectl looks for this name on PATH to complete `kubectl switchback`; kubectl's own completion has to be on.
exec kubectl-switchback __complete "$@"
"""


@click.command("completion")
@click.argument("shell", type=click.Choice(["kubectl", "bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a completion script.

    For `kubectl switchback`, whatever the shell, kubectl needs kubectl_complete-switchback on PATH. It is
    installed beside kubectl-switchback; where only that one is at hand, save the script for kubectl:

    \b
      kubectl switchback completion kubectl > ~/.local/bin/kubectl_complete-switchback
      chmod +x ~/.local/bin/kubectl_complete-switchback

    bash, zsh and fish are for calls of kubectl-switchback by that name.
    """  # noqa: D301 - click wants the character, to keep the lines as they are
    if shell == "kubectl":
        click.echo(FOR_KUBECTL, nl=False)
        return
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice has admitted the name
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())
