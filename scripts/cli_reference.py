"""The command line's reference, read off the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from switchback.cli.examples import EXAMPLES
from switchback.cli.main import ALIASES, COMMANDS, Lazy, cli

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands() -> str:
    """A section for each command: what it does, how it is called, its options."""
    context = click.Context(cli, info_name="switchback")
    return "\n".join(_command(context, name) for name in COMMANDS)


def _command(parent: click.Context, name: str) -> str:
    assert isinstance(cli, Lazy)  # noqa: S101 - it is; mypy cannot see through the decorator
    command = cli.get_command(parent, name)
    assert command is not None  # noqa: S101 - the name comes from the group itself
    lines = [f"## {name}\n"]
    alias = next((short for short, long in ALIASES.items() if long == name), None)
    if alias is not None:
        lines.append(f"Also `switchback {alias}`.\n")
    lines += _body(command, parent, name)
    return "\n".join(lines)


def _body(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"`{usage}`\n"
    for paragraph in (command.help or "").replace("\b", "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            inner = command.get_command(context, sub)
            assert inner is not None  # noqa: S101 - same
            yield f"### {name} {sub}\n"
            yield from _body(inner, context, sub)
        return
    rows = list(_options(command, context))
    if rows:
        yield "| option | meaning |"
        yield "| --- | --- |"
        yield from (f"| {option} | {meaning} |" for option, meaning in rows)
        yield ""
    yield "```console"
    yield from (f"$ switchback {line}" for line in EXAMPLES[" ".join(context.command_path.split()[1:])])
    yield "```\n"


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option) and "--help" not in record[0]:
            yield f"`{record[0]}`".replace("|", "\\|"), record[1].replace("|", "\\|").replace("<", "&lt;")
