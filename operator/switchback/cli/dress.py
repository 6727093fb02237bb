"""What every command gets alike: options in one order and under headings, examples, ids to complete."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from switchback.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "switchback"

FILES = ("folder", "format_name", "ignore", "down_folder")
DATABASE = ("url", "environment", "iam_region", "role", "ledger_schema", "search_path", "lock_timeout",
            "statement_timeout", "advisory_lock_timeout")  # fmt: skip
OUTPUT = ("as_json", "debug", "help")
_GROUPS = (("Migrations", FILES), ("Database", DATABASE), ("Output", OUTPUT))
_OWN = "Options"


class MigrationId(click.types.StringParamType):
    """An id, `latest` or `base`: a text that a shell completes from the folder."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # type: ignore[explicit-override]  # noqa: ARG002 - click's signature
        """Ids of the folder."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only when a shell asks

        from switchback.cli import completing  # noqa: PLC0415 - same

        return [CompletionItem(word) for word in completing.targets(ctx, incomplete)]


def dress(command: click.Command, name: str) -> click.Command:
    """The command, with what every command has.

    Args:
        command: as its module defines it.
        name: the words by which it is called, without the program.
    """
    if name in EXAMPLES:
        command.format_epilog = functools.partial(_format_examples, EXAMPLES[name])  # type: ignore[method-assign]
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for sub in command.list_commands(context):
            inner = command.get_command(context, sub)
            if inner is not None:
                dress(inner, f"{name} {sub}")
        return command
    command.params.sort(key=_rank)
    for param in command.params:
        if "--target" in param.opts and type(param.type) is type(click.STRING):
            param.type = MigrationId()
    command.format_options = functools.partial(_format_options, command)  # type: ignore[method-assign]
    return command


def _format_examples(lines: tuple[str, ...], _: click.Context, formatter: click.HelpFormatter) -> None:
    """Examples as they are typed."""
    with formatter.section("Examples"):
        for line in lines:
            formatter.write(f"  {PROGRAM} {line}\n")


def _rank(param: click.Parameter) -> tuple[int, int]:
    """Arguments and a command's own options stay as they are; the shared ones come behind, in one order."""
    for number, (_, names) in enumerate(_GROUPS, start=1):
        if param.name in names:
            return number, names.index(param.name)
    return 0, 0


def _format_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Options under headings."""
    for title, records in _sections(command, ctx):
        with formatter.section(title):
            formatter.write_dl(records)


def _sections(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for number, title in enumerate((_OWN, *(title for title, _ in _GROUPS))):
        found = [
            record
            for param in command.get_params(ctx)
            if isinstance(param, click.Option)
            and _rank(param)[0] == number
            and (record := param.get_help_record(ctx)) is not None
        ]
        if found:
            yield title, found
