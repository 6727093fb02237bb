"""Options that every command has that rolls back: rollback, reset, redo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from switchback.cli.options import adopt, common, down_dir, down_from, limits

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it."),
    click.option("--forget-missing", is_flag=True, help="Forget rows that have neither a file nor a stored "
                 "down half; what they did to the schema stays."),
    down_from,
    down_dir,
    click.option("--accept-data-loss", is_flag=True, help="Accept that data is lost, or may be."),
    click.option("--accept-cascade", is_flag=True, help="Accept that CASCADE takes other objects along."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask; losses still need their flag, and a "
                 "protected database its name."),
    click.option("--confirm-database", default="", metavar="NAME", help="Name of the database, in place of "
                 "any question; another database is refused. Without a terminal a protected one needs it."),
    click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger."),
    adopt,
)  # fmt: skip


def backward(function: F) -> F:
    """Add what says which files and database, and how far a rollback may go."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return common(limits(function))
