"""`switchback help`: a command, or what belongs to no command alone."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console

TOPICS = {
    "exit-codes": "what each exit code says, and the reasons that end with it",
    "formats": "the formats of migrations",
    "directives": "what a migration may say about itself in comments",
}


class Topic(click.types.StringParamType):
    """A topic, or words of a command."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # type: ignore[explicit-override]  # noqa: ARG002 - click's signature
        """Topics and commands."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only when a shell asks

        root = ctx.find_root().command
        commands = root.list_commands(ctx) if isinstance(root, click.Group) else []
        return [CompletionItem(word) for word in (*TOPICS, *commands) if word.startswith(incomplete)]


@click.command("help")
@click.argument("words", metavar="[TOPIC|COMMAND]...", nargs=-1, type=Topic())
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Help on a command, or on a topic: exit-codes, formats, directives."""
    from switchback.cli import help_topics  # noqa: PLC0415 - not for a help text

    help_topics.show(context, words, Console())
