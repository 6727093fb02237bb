"""Options that every command has that rolls back: rollback, reset, redo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from switchback.cli.options import adopt, common, down_dir, down_from, limits

if TYPE_CHECKING:
    from collections.abc import Callable

PGDUMP, RDS, NONE = "pgdump:", "rds:", "none"
HTTP = "http="


def _snapshot(_: click.Context, __: click.Parameter, said: str) -> str:
    """What restore point is taken; empty: none."""
    if said == NONE:
        return ""
    if not any(said.startswith(kind) and said != kind for kind in (PGDUMP, RDS)):
        raise click.BadParameter(f"{said} is none of {PGDUMP}DIR, {RDS}ID and {NONE}.")
    return said


def _checks(_: click.Context, __: click.Parameter, said: tuple[str, ...]) -> tuple[str, ...]:
    """URLs."""
    for one in said:
        if not one.startswith((f"{HTTP}http://", f"{HTTP}https://")):
            raise click.BadParameter(f"{one} is not http=URL, with a URL of http:// or https://.")
    return tuple(one.removeprefix(HTTP) for one in said)


F = TypeVar("F", bound="Callable[..., Any]")

forget_missing = click.option(
    "--forget-missing",
    is_flag=True,
    help="Forget rows that have neither a file nor a stored down half; what they did to the schema stays.",
)
cascade = click.option(
    "--cascade",
    is_flag=True,
    help="Add CASCADE to a DROP that fails without it. What goes along is shown, and has to be accepted.",
)

_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it."),
    forget_missing,
    down_from,
    down_dir,
    cascade,
    click.option("--accept-data-loss", is_flag=True, help="Accept that data is lost, or may be."),
    click.option("--accept-cascade", is_flag=True, help="Accept that CASCADE takes other objects along."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask; losses still need their flag, and a "
                 "protected database its name."),
    click.option("--confirm-database", default="", metavar="NAME", help="Name of the database, in place of "
                 "any question; another database is refused. Without a terminal a protected one needs it."),
    click.option("--snapshot", default="none", show_default=True, metavar="KIND",
                 callback=_snapshot, help="Take a restore point first: pgdump:DIR, in this folder, with this "
                 "machine's pg_dump; rds:ID, of this instance of Amazon RDS; or none."),
    click.option("--check", "checks", multiple=True, metavar="http=URL", callback=_checks, help="Ask this "
                 "URL afterwards, until it answers 200; ends with 8 when it does not. Repeatable."),
    click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger."),
    adopt,
)  # fmt: skip


def backward(function: F) -> F:
    """Add what says which files and database, and how far a rollback may go."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return common(limits(function))
