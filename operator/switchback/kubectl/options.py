"""Options that the plugin's commands share. Nothing here takes time to import: help has to be quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from switchback.kubectl import complete
from switchback.kubectl.times import duration

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

PREFIXES = ("dbm/", "databasemigration/", "databasemigrations/", "databasemigrations.switchback.dev/")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the API server is, as whom to talk to it, and in which namespace; and how to answer.

    Attributes:
        namespace: empty: the one of the context.
        context: of the kubeconfig; empty: the current one.
        kubeconfig: the file; empty: as kubectl finds it.
        user: to act as; empty: oneself.
        groups: of that user.
        request_seconds: longest wait for one answer; None: the usual one; 0: no limit.
        output: text, json, yaml or wide.
    """

    namespace: str
    context: str
    kubeconfig: str
    user: str
    groups: tuple[str, ...]
    request_seconds: float | None
    output: str


_PLACE = (
    click.option("-n", "--namespace", default="", metavar="NAME", shell_complete=complete.namespaces,
                 help="Namespace; default: that of the context."),
    click.option("--context", default="", metavar="NAME", shell_complete=complete.contexts,
                 help="Context of the kubeconfig; default: the current one."),
    click.option("--kubeconfig", default="", metavar="FILE", type=click.Path(dir_okay=False),
                 help="Default: KUBECONFIG, else ~/.kube/config."),
    click.option("--as", "user", default="", metavar="USER", help="Act as somebody else."),
    click.option("--as-group", "groups", multiple=True, metavar="GROUP", help="Their groups; repeatable."),
    click.option("--request-timeout", callback=duration, metavar="DURATION",
                 help="Longest wait for one answer of the API server; 0: no limit.  [default: 20s]"),
)  # fmt: skip


def place(*outputs: str) -> Callable[[F], F]:
    """Add the options that say where, and `-o` with these choices; `take` takes their values."""

    def add(function: F) -> F:
        output = click.option(
            "-o",
            "--output",
            default="text",
            type=click.Choice(["text", *outputs]),
            help="Form of the answer.",
        )
        for option in reversed((*_PLACE, output)):
            function = option(function)
        return function

    return add


def take(values: dict[str, Any]) -> Place:
    """The shared options' values out of a command's keyword arguments; the others stay in `values`."""
    return Place(
        namespace=values.pop("namespace"),
        context=values.pop("context"),
        kubeconfig=values.pop("kubeconfig"),
        user=values.pop("user"),
        groups=tuple(values.pop("groups")),
        request_seconds=values.pop("request_timeout"),
        output=values.pop("output"),
    )


def short_name(value: str) -> str:
    """The name alone, where somebody writes `dbm/shop`, as kubectl takes it."""
    for prefix in PREFIXES:
        if value.startswith(prefix):
            return value[len(prefix) :]
    return value


def _name(_context: click.Context, _argument: click.Parameter, value: str | None) -> str:
    return short_name(value or "")


def name(function: F) -> F:
    """The resource; may be left out where there is only one in the namespace."""
    return click.argument(
        "name", required=False, callback=_name, metavar="[NAME]", shell_complete=complete.names
    )(function)


def waiting(default: str) -> Callable[[F], F]:
    """`--no-wait` and `--timeout`."""

    def add(function: F) -> F:
        function = click.option(
            "--timeout", callback=duration, default=default, show_default=True, metavar="DURATION",
            help="Longest wait for the end; 0: no limit. What was asked for goes on.",
        )(function)  # fmt: skip
        return click.option(
            "--no-wait", is_flag=True, help="Leave the request and do not wait for anything."
        )(function)

    return add


def patience(values: dict[str, Any]) -> float | None:
    """The value of these two: seconds, 0 for no limit, None for not waiting."""
    seconds: float = values.pop("timeout")
    return None if values.pop("no_wait") else seconds


def yes(function: F) -> F:
    """`--yes`."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(function)


def perform(place: Place, work: str, **values: Any) -> int:
    """Run a command's work, `module:function` below `switchback.kubectl`, and give its exit code."""
    from switchback.kubectl.run import run  # noqa: PLC0415 - the Kubernetes client takes a second to load

    return run(place, work, values)
