"""`switchback`: commands are imported when they are called, so that each starts fast."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from switchback.cli.dress import dress
from switchback.cli.entry import begun
from switchback.contract.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable


DAILY = "Commands"
LEDGER = "A database's history"
AROUND = "Databases and restore points"
SETUP = "Set-up and help"
OPERATOR = "The operator, and what its Jobs call"


class Entry(NamedTuple):
    """Where a command is, what the overview says of it, and under which heading."""

    module: str
    summary: str
    group: str = DAILY


COMMANDS: dict[str, Entry] = {
    "status": Entry("switchback.cli.status", "What is applied, pending, missing, changed."),
    "plan": Entry("switchback.cli.plan", "What migrate or rollback would do, and what would be lost."),
    "migrate": Entry("switchback.cli.migrate", "Apply pending migrations (alias: up)."),
    "rollback": Entry("switchback.cli.rollback", "Roll back migrations (alias: down)."),
    "redo": Entry("switchback.cli.redo", "Roll back the last migration and apply it again."),
    "reset": Entry("switchback.cli.reset", "Roll back everything, then apply every file."),
    "new": Entry("switchback.cli.new", "Write the files of a new migration."),
    "history": Entry("switchback.cli.history", "What has happened to the database, newest first.", LEDGER),
    "adopt": Entry("switchback.cli.adopt", "Begin a ledger with another tool's history.", LEDGER),
    "baseline": Entry(
        "switchback.cli.baseline", "Begin a ledger where there are tables; no file runs.", LEDGER
    ),
    "repair": Entry(
        "switchback.cli.repair", "Mark, unmark, rename or accept a migration; rebind; release.", LEDGER
    ),
    "protect": Entry("switchback.cli.protect", "Guard a database against a rollback by mistake.", LEDGER),
    "wait": Entry("switchback.cli.wait", "Wait until the database accepts logins.", AROUND),
    "dump": Entry(
        "switchback.cli.dump", "Print the database's schema as SQL, the same for the same schema.", AROUND
    ),
    "snapshot": Entry("switchback.cli.snapshot", "Take, verify and list restore points.", AROUND),
    "restore": Entry("switchback.cli.restore", "Restore a snapshot into a new database.", AROUND),
    "config": Entry("switchback.cli.config", "Print every setting, and where it comes from.", SETUP),
    "help": Entry("switchback.cli.help", "Help on a command, exit codes, formats, directives.", SETUP),
    "version": Entry("switchback.cli.version", "Print the version.", SETUP),
    "completion": Entry(
        "switchback.cli.completion", "Print a completion script for bash, zsh or fish.", SETUP
    ),
    "explain": Entry("switchback.cli.explain", "What the operator would do with a manifest.", OPERATOR),
    "check": Entry(
        "switchback.cli.check", "Run the checks of a resource: HTTP, SQL, Prometheus, commands.", OPERATOR
    ),
    "crd": Entry("switchback.cli.crd", "Print the custom resource definition.", OPERATOR),
    "run": Entry("switchback.cli.run", "One operation of the operator, as its Jobs call it.", OPERATOR),
    "operator": Entry("switchback.cli.operator", "Run the Kubernetes operator.", OPERATOR),
}
ALIASES = {"up": "migrate", "down": "rollback"}


class Lazy(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # type: ignore[explicit-override]  # noqa: ARG002 - click's signature
        """Names in the order of the overview."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # type: ignore[explicit-override]  # noqa: ARG002 - same
        """Import the command's module."""
        entry = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        begun()
        command.short_help = entry.summary  # for completion
        return dress(command, ALIASES.get(cmd_name, cmd_name))

    def resolve_command(  # type: ignore[explicit-override] # typing.override needs Python 3.12
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but name the nearest command for one that is not known."""
        name = args[0]
        if name not in COMMANDS and name not in ALIASES and not ctx.resilient_parsing and name[:1] != "-":
            import difflib  # noqa: PLC0415 - only for a wrong word

            near = difflib.get_close_matches(name, [*COMMANDS, *ALIASES], n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command: {name}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:  # type: ignore[explicit-override]  # see above
        """As click does, but when nobody reads any more, end as the signal would, which is no bug."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(128 + signal.SIGPIPE) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # type: ignore[explicit-override]  # noqa: ARG002 - same
        """The overview, from the table alone."""
        widest = max(map(len, COMMANDS))
        for group in dict.fromkeys(entry.group for entry in COMMANDS.values()):
            entries = [(n, entry.summary) for n, entry in COMMANDS.items() if entry.group == group]
            with formatter.section(group):
                formatter.write_dl([(n.ljust(widest), summary) for n, summary in entries])


@click.command(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(package_name="switchback", message="switchback %(version)s")
def cli() -> None:
    """Change a PostgreSQL schema in both directions."""


def main() -> NoReturn:
    """Run the command line and exit with a code of the public contract."""
    code = run(cli, "switchback")
    if PROCESS in sys.modules:  # code of a migration has run in this process
        _end(code)
    sys.exit(code)


PROCESS = "switchback.runner.process"
"""The module that looks after the process while a migration's own code runs."""


def _end(code: int) -> None:
    """End at once with a warning where a thread that a migration began would keep the process for ever."""
    left = sys.modules[PROCESS].left()
    if not left:
        return
    click.echo(
        f"warning: the thread {left}, which a migration began, is still at work; it is not waited for.",
        err=True,
    )
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(command: click.Command, name: str, early: Callable[[ExitCode, str], int] | None = None) -> int:
    """Run a click command; every way in which it ends becomes an exit code.

    Args:
        command: what to run.
        name: of the program.
        early: tells programs of an end before there was an answer, and gives the exit code.
    """
    early = early or _early
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return early(ExitCode.USAGE, _shown(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return early(ExitCode.INTERRUPTED, "Stopped.")
    except Exception as error:
        if "SWITCHBACK_DEBUG" in os.environ:
            raise
        if why := _unwritten(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
            code, message = ExitCode.USAGE, f"The answer could not be written: {why}."
        elif isinstance(error, ImportError):
            code, message = ExitCode.USAGE, _not_installed(error)
        else:
            code, message = ExitCode.BUG, _bug(error)
        click.echo(f"error: {message}", err=True)
        return early(code, message)
    return code if isinstance(code, int) else 0


def _shown(error: click.ClickException) -> str:
    """Show what is wrong with the words, and give the message."""
    from switchback.cli.words import hidden  # noqa: PLC0415 - only when something is wrong

    message = hidden(error.format_message(), sys.argv[1:])
    error.format_message = lambda: message  # type: ignore[method-assign]  # click's own form around our words
    error.show()
    return message


def _early(code: ExitCode, message: str) -> int:
    """An end before there was a run: who has asked for JSON, or for a file, gets it all the same."""
    from switchback.cli import outcome  # noqa: PLC0415 - only when something is wrong
    from switchback.cli.console import Console  # noqa: PLC0415 - same

    words = sys.argv[1:]
    told = outcome.early(words, outcome.reason_of(code), message, int(code))
    outcome.leave(words, told)
    if outcome.wanted(words):
        Console(json=True).outcome(told)
    return int(code)


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def _unwritten(error: Exception) -> str:
    """Why an answer could not be written, as for a full disk; empty when something else has failed.

    An error of a file has its name with it, one of stdout has none.
    """
    if not isinstance(error, OSError) or error.filename is not None or error.errno not in _FULL:
        return ""
    return os.strerror(error.errno)


def _not_installed(error: ImportError) -> str:
    from switchback.cli.options import INSTALL_OPERATOR  # noqa: PLC0415 - only when something is wrong

    return f"this command needs {error.name}, which is not installed: {INSTALL_OPERATOR}"


def _bug(error: Exception) -> str:
    """What to say of an error that nobody expected. Its text may hold anything, so it is not shown."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__} in Switchback itself ({Path(last.filename).name}:{last.lineno}).\n"
        "Please report it; SWITCHBACK_DEBUG=1 shows where it happened."
    )
