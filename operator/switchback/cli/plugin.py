"""`kubectl-switchback`: what kubectl runs for `kubectl switchback`."""

from __future__ import annotations

import difflib
import importlib
import json
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from switchback.cli.entry import begun
from switchback.cli.main import Entry, Lazy, run

if TYPE_CHECKING:
    from switchback.contract.exits import ExitCode

PROGRAM = "kubectl-switchback"
VARIABLE = "_KUBECTL_SWITCHBACK_COMPLETE"
"""What the shell sets when it asks for completions."""

_HERE = "switchback.kubectl.commands"

COMMANDS: dict[str, Entry] = {
    "status": Entry(
        f"{_HERE}.status", "What a resource is, does and waits for, as a tree; several as a table."
    ),
    "plan": Entry(f"{_HERE}.plan", "What reaching another version would take, and what would be lost."),
    "approve": Entry(f"{_HERE}.approve", "Say yes to the plan that waits."),
    "reject": Entry(f"{_HERE}.reject", "Say no to the plan that waits."),
    "rollback": Entry(f"{_HERE}.rollback", "Go back to an older version."),
    "cutover": Entry(f"{_HERE}.cutover", "Move the traffic: let another slot be live."),
    "abort": Entry(f"{_HERE}.abort", "End the operation under way."),
    "retry": Entry(f"{_HERE}.retry", "Try again: at once while it waits, anew after a failure."),
    "suspend": Entry(f"{_HERE}.suspend", "Let nothing new start."),
    "resume": Entry(f"{_HERE}.resume", "Go on after suspend."),
    "inspect": Entry(f"{_HERE}.inspect", "Read in the database where the schema is."),
    "history": Entry(f"{_HERE}.history", "Ended operations."),
    "snapshots": Entry(f"{_HERE}.snapshots", "Restore points: whose, how good, what may be deleted."),
    "restore": Entry(f"{_HERE}.restore", "Restore a restore point into a new database."),
    "logs": Entry(f"{_HERE}.logs", "The log of a Job."),
    "wait": Entry(f"{_HERE}.wait", "Wait for the end, or for a plan that needs approval."),
    "version": Entry(f"{_HERE}.version", "Print the version."),
    "completion": Entry(f"{_HERE}.completion", "Print a completion script for kubectl, bash, zsh or fish."),
}
COMPLETE = "__complete"
HIDDEN = {COMPLETE: f"{_HERE}.completing"}

_DOCUMENTS = {"json", "yaml"}
_ALONE = re.compile(r"-[Afwy]*o|--output")
_ATTACHED = re.compile(r"(?:-[Afwy]*o=?|--output=)(?:json|yaml)")
"""`-o` may stand behind the letters of options that take no value."""


class Plugin(Lazy):
    """The plugin's commands, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # type: ignore[explicit-override]  # noqa: ARG002, D102
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # type: ignore[explicit-override]  # noqa: ARG002, D102
        module = COMMANDS[cmd_name].module if cmd_name in COMMANDS else HIDDEN.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        begun()
        if cmd_name in COMMANDS:
            command.short_help = COMMANDS[cmd_name].summary  # for completion
        return command

    def resolve_command(  # type: ignore[explicit-override]
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but name the nearest command for one that is not known."""
        name = args[0]
        if name not in COMMANDS and name not in HIDDEN and not ctx.resilient_parsing and name[:1] != "-":
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command: {name}.{hint}")
        return click.Group.resolve_command(self, ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # type: ignore[explicit-override]  # noqa: ARG002, D102
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:  # type: ignore[explicit-override]
        """As click does, with the plugin's own variable for completion."""
        extra.setdefault("complete_var", VARIABLE)
        return super().main(*args, **extra)


@click.command(
    cls=Plugin,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
def cli() -> None:
    """See and steer DatabaseMigrations.

    NAME may be left out where the namespace has only one. What is asked for goes on when this command is
    stopped.
    """


def _early(code: ExitCode, message: str) -> int:
    """An end before there was an answer: who has asked for a document gets one. JSON is YAML, too."""
    from switchback.cli.outcome import reason_of  # noqa: PLC0415 - only when something is wrong

    if _wants_document(sys.argv[1:]):
        told = {"reason": reason_of(code), "message": message, "exitCode": int(code)}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    return int(code)


def _wants_document(words: list[str]) -> bool:
    """Whether the words of a command line say `-o json` or `-o yaml`, in one of the ways to say it."""
    words = words[: words.index("--")] if "--" in words else words
    pairs = zip(words, [*words[1:], ""], strict=False)
    return any(
        _ATTACHED.fullmatch(word) or (_ALONE.fullmatch(word) and after in _DOCUMENTS) for word, after in pairs
    )


def main() -> NoReturn:
    """Run the plugin."""
    sys.exit(run(cli, "kubectl switchback", _early))


def complete() -> NoReturn:
    """Run `kubectl_complete-switchback`, which kubectl asks for words wherever its own completion is on."""
    sys.argv[1:1] = [COMPLETE]
    main()
