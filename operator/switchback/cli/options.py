"""Options that several commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from switchback.cli import durations
from switchback.cli.config_keys import (
    AHEAD,
    DEFAULT_ADVISORY,
    DEFAULT_FOLDER,
    DEFAULT_LEDGER_SCHEMA,
    DEFAULT_LOCK_TIMEOUT,
    ENV,
    ENV_VARIABLE,
)
from switchback.contract.words import SourceFormat
from switchback.runner.iam import VARIABLE as IAM_REGION
from switchback.runner.policy import Ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click.shell_completion import CompletionItem

F = TypeVar("F", bound="Callable[..., Any]")

INSTALL_OPERATOR = "pip install '/path/to/checkout[operator]'"
"""What brings the operator's packages. Not by name: none is published under it, a stranger's may be."""


@dataclass(frozen=True, slots=True)
class Common:
    """What every command that looks at files and database is told.

    Attributes:
        url: of the database; None: from the environment.
        folder: of the migrations.
        format: of the migrations; None: look.
        ignore: patterns of files that are no migrations.
        role: that does the work; None: the user that logs in.
        ledger_schema: where the ledger is.
        search_path: schemas in which names without one are looked up; empty: as user or database say.
        lock_timeout_ms: for each lock that a file with DDL needs; None: as long as it is without a word.
        statement_timeout_ms: for each statement; None: the same.
        advisory_ms: for another run to end; None: the same.
        json: answer in JSON on stdout.
        debug: show tracebacks.
    """

    url: str | None
    folder: Path
    format: str | None
    ignore: tuple[str, ...]
    role: str | None
    ledger_schema: str
    json: bool
    debug: bool
    search_path: tuple[str, ...] = ()
    lock_timeout_ms: int | None = None
    statement_timeout_ms: int | None = None
    advisory_ms: int | None = None


def _in_region(_: click.Context, __: click.Parameter, region: str | None) -> None:
    """The region goes where a Job has it: whatever of this process reads the address reads it there."""
    if region:
        os.environ[IAM_REGION] = region


class AnyCase(click.Choice[str]):
    """Words that may be written in any case, and are shown in their own."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words, case_sensitive=False)
        self.words = tuple(words)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # type: ignore[explicit-override]  # noqa: ARG002, D102 - click's signature
        return f"[{'|'.join(self.words)}]"

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:  # type: ignore[explicit-override]  # noqa: ARG002, D102 - same
        return f"{value!r} is not one of {', '.join(self.words)}."


iam_region = click.option(
    "--iam-region",
    metavar="REGION",
    expose_value=False,
    callback=_in_region,
    help=f"Log in with a token of AWS, for an RDS instance in this region, where the address has no "
    f"password. Default: {IAM_REGION}.",
)


def _configure(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    """Before any other option is looked at: what variables and the file say."""
    from switchback.cli import config_values  # noqa: PLC0415 - not for a help text

    by_flag = ctx.get_parameter_source(str(param.name)) is _BY_FLAG
    config_values.install(ctx, name, by_flag=by_flag)


_BY_FLAG = click.core.ParameterSource.COMMANDLINE


def _environments(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from switchback.cli import completing  # noqa: PLC0415 - only when a shell asks

    return completing.environments(begun)


def _formats(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from switchback.cli import completing  # noqa: PLC0415 - only when a shell asks

    return completing.formats(begun)


def _as_spelled(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """A format's name in its own spelling, in whatever case it was written; another word as it is."""
    known = {str(one).lower(): str(one) for one in SourceFormat}
    return None if name is None else known.get(name.strip().lower(), name)


def _folders(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only when a shell asks

    return [CompletionItem(begun, type="dir")]


configured = click.option(
    f"--{ENV}",
    "environment",
    metavar="NAME",
    envvar=ENV_VARIABLE,
    is_eager=True,
    expose_value=False,
    callback=_configure,
    shell_complete=_environments,
    help=f"Environment of the configuration file: its table [{ENV}.NAME] counts over the rest. "
    f"Default: {ENV_VARIABLE}, else none.",
)
"""A command with this option reads the configuration: `switchback.toml` or `[tool.switchback]`."""

_CONNECTION = (
    click.option("--url", metavar="URL", help="Database, as postgresql://user:password@host:5432/name. "
                 "Default: SWITCHBACK_URL, DATABASE_URL, the configuration file, PGHOST and its like."),
    configured,
    iam_region,
    click.option("--role", metavar="NAME", help="Role that does the work; default: the user that logs in."),
    click.option("--ledger-schema", metavar="NAME", default=DEFAULT_LEDGER_SCHEMA,
                 show_default=True, help="Schema of the ledger."),
    click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout; text goes to stderr."),
    click.option("--debug", is_flag=True, envvar="SWITCHBACK_DEBUG", help="Show where a bug happened."),
)  # fmt: skip
_FILES = (
    click.option("--dir", "folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER,
                 show_default=True, shell_complete=_folders, help="Folder of the migrations."),
    click.option("--format", "format_name", metavar="NAME", shell_complete=_formats, callback=_as_spelled,
                 help=f"Format of the migrations: {', '.join(SourceFormat)}. Auto, the default, looks."),
    click.option("--ignore", multiple=True, metavar="GLOB", help="Files that are no migrations; repeatable."),
)  # fmt: skip


def _named(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    if not all(names):
        raise click.BadParameter("a schema has a name.")
    return names


search_path = click.option(
    "--search-path",
    multiple=True,
    metavar="NAME",
    callback=_named,
    help="Schema in which names without one are looked up; repeatable, in this order. Migrations may make "
    "it: one that is not there, and that no file speaks of, is refused. Default: of URL, role or database.",
)
"""The session's own path: what a file sets or resets comes back to it."""

ahead_policy = click.option(
    "--ahead-policy",
    type=AnyCase(AHEAD),
    default=str(Ahead.REFUSE),
    show_default=True,
    help="For target latest, when the database holds migrations beyond the files: Refuse, Keep them (what is "
    "pending is applied if it comes after them), or Rollback to the newest file.",
)
allow_out_of_order = click.option(
    "--allow-out-of-order/--no-allow-out-of-order",
    help="Apply a pending file although one that comes after it is applied.",
)
hold_contract = click.option(
    "--hold-contract/--no-hold-contract",
    help="Hold back the first pending file of phase=contract, and everything after it.",
)
adopt = click.option(
    "--adopt",
    is_flag=True,
    help="Where there is no ledger, begin with the history of another tool, as switchback adopt shows it.",
)
down_from = click.option(
    "--down-from",
    type=click.Choice(["auto", "file", "ledger"], case_sensitive=False),
    default="auto",
    show_default=True,
    help="Whose down half runs when file and ledger differ; auto refuses.",
)
down_dir = click.option(
    "--down-dir",
    "down_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with the files as they were applied; for a down half that neither --dir nor the ledger has.",
)


_LIMITS = (
    click.option("--lock-timeout", metavar="DURATION", default=DEFAULT_LOCK_TIMEOUT, show_default=True,
                 callback=durations.option,
                 help="For each lock that a file with DDL needs, such as 500ms or 5s; 0: no limit."),
    click.option("--statement-timeout", metavar="DURATION", default="0", callback=durations.option,
                 help="For each statement; default: no limit."),
    click.option("--advisory-lock-timeout", metavar="DURATION", default=DEFAULT_ADVISORY,
                 show_default=True, callback=durations.option, help="For another run to end."),
)  # fmt: skip


def limits(function: F) -> F:
    """Add the options that say how long a run waits; `take` takes their values."""
    for option in reversed(_LIMITS):
        function = option(function)
    return function


def connection(function: F) -> F:
    """Add the options that say which database; `take_connection` takes their values."""
    for option in reversed(_CONNECTION):
        function = option(function)
    return function


def files(function: F) -> F:
    """Add the options that say which files."""
    for option in reversed(_FILES):
        function = option(function)
    return function


def common(function: F) -> F:
    """Add the options that say which files and which database; `take` takes their values."""
    function = connection(function)
    for option in reversed((*_FILES, search_path)):
        function = option(function)
    return function


def take(values: dict[str, Any]) -> Common:
    """The shared options' values out of a command's keyword arguments; the others stay in `values`."""
    return Common(
        url=values.pop("url"),
        folder=values.pop("folder"),
        format=values.pop("format_name"),
        ignore=values.pop("ignore"),
        role=values.pop("role"),
        ledger_schema=values.pop("ledger_schema"),
        json=values.pop("as_json"),
        debug=values.pop("debug"),
        search_path=values.pop("search_path"),
        lock_timeout_ms=values.pop("lock_timeout", None),
        statement_timeout_ms=values.pop("statement_timeout", None),
        advisory_ms=values.pop("advisory_lock_timeout", None),
    )


def take_connection(values: dict[str, Any]) -> Common:
    """As `take`, for a command that reads no files."""
    return take(values | {"folder": Path(), "format_name": None, "ignore": (), "search_path": ()})
