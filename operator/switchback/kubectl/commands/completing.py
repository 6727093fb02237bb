"""`kubectl-switchback __complete`: answers as kubectl reads them from a plugin's completion program."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete

from switchback.kubectl.commands.completion import PROGRAM, VARIABLE

NO_FILES = 4
"""Cobra's directive: what is offered is all there is, files do not count."""

DEFAULT = 0
"""Cobra's directive: let the shell complete, for files."""


@click.command(
    "__complete", hidden=True, context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Complete the last of these words."""
    *before, incomplete = words or ("",)
    found = ShellComplete(context.find_root().command, {}, PROGRAM, VARIABLE).get_completions(
        before, incomplete
    )
    plain = [one for one in found if one.type == "plain"]
    for one in plain:
        click.echo(f"{one.value}\t{one.help}" if one.help else one.value)
    click.echo(f":{NO_FILES if plain or not found else DEFAULT}")
