"""What `switchback help` prints. No driver."""

from __future__ import annotations

import difflib
import shutil
import textwrap
from typing import TYPE_CHECKING

import click

from switchback.cli import exit_table
from switchback.cli.help import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from switchback.cli.console import Console

_INDENT = 6


def show(context: click.Context, words: tuple[str, ...], console: Console) -> None:
    """Help on the words; without any, the overview.

    Raises:
        click.UsageError: there is no such topic and no such command.
    """
    if words[:1] and words[0] in _WRITERS and len(words) == 1:
        _WRITERS[words[0]](console)
        return
    here = context.find_root()
    name = here.info_name or ""
    command: click.Command = here.command
    for word in words:
        inner = command.get_command(here, word) if isinstance(command, click.Group) else None
        if inner is None:
            raise click.UsageError(_unknown(word, command, here))
        here = click.Context(inner, info_name=word, parent=here)
        command, name = inner, f"{name} {word}"
    console.print(command.get_help(here))
    if not words:
        console.print()
        _entries(console, TOPICS.items(), f"Topics of `{name} help`:")


def _unknown(word: str, command: click.Command, context: click.Context) -> str:
    known = command.list_commands(context) if isinstance(command, click.Group) else []
    if context.parent is None:
        known = [*known, *TOPICS]
    near = difflib.get_close_matches(word, known, n=1)
    what = "topic and no command" if context.parent is None else "command"
    hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(known)}." if known else ""
    return f"There is no {what} {word}.{hint}"


def _entries(console: Console, entries: Iterable[tuple[str, str]], heading: str) -> None:
    console.print(console.style(heading, bold=True))
    rows = list(entries)
    wide = max(len(name) for name, _ in rows)
    for name, text in rows:
        console.print(f"  {name.ljust(wide)}  {text}")


def _exit_codes(console: Console) -> None:
    console.print("Every command ends with one of these. The reasons are those of results and of --json.")
    for row in exit_table.rows():
        console.print()
        console.print(
            f"{console.style(str(int(row.code)).rjust(3), bold=True)}   {row.meaning.replace('`', '')}"
        )
        if row.reasons:
            _flow(console, ", ".join(row.reasons))


def _flow(console: Console, text: str) -> None:
    width = min(shutil.get_terminal_size().columns, 100)
    margin = " " * _INDENT
    for line in textwrap.wrap(text, width, initial_indent=margin, subsequent_indent=margin):
        console.print(console.style(line, dim=True))


def _formats(console: Console) -> None:
    from switchback.migrations.formats import AUTO, FORMATS  # noqa: PLC0415 - only for this topic

    console.print(f"--format NAME; without it, or with {AUTO}, the folder tells.")
    for known in FORMATS:
        console.print()
        console.print(f"{console.style(known.NAME, bold=True)}: {known.EXPECTED}")
        for title, text in zip(("id", "order", "short ids", "down"), known.ABOUT, strict=True):
            console.print(f"  {title.ljust(9)}  {text.replace('`', '')}")


def _directives(console: Console) -> None:
    from switchback.migrations.directives import KNOWN  # noqa: PLC0415 - only for this topic

    console.print("A comment on a line of its own, in a file of any format:")
    for known in KNOWN:
        console.print()
        console.print(f"  {console.style(f'-- switchback: {known}', bold=True)}")
        _flow(console, DIRECTIVES[known])
    console.print()
    console.print("A duration is a whole number with its unit: ms, s, min or h; 0 is no limit.")


DIRECTIVES = {
    "no-transaction": "statements run one by one, outside a transaction: for CREATE INDEX CONCURRENTLY",
    "irreversible": "there is no way back: a rollback over it is refused",
    "down=none <reason>": "there is nothing to undo: a rollback passes it, and says so with the reason",
    "phase=contract": "it waits until no old program is left: --hold-contract and the operator hold it back",
    "lock-timeout=<duration>": "for each lock that this half needs, in place of --lock-timeout",
    "statement-timeout=<duration>": "for each statement of this half, in place of --statement-timeout",
    "opaque": "what a rollback would lose is not looked for: it counts as unknown",
}
_WRITERS: dict[str, Callable[[Console], None]] = {
    "exit-codes": _exit_codes,
    "formats": _formats,
    "directives": _directives,
}
