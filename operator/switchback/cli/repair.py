"""`switchback repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from switchback.cli.console import Console
from switchback.cli.options import common, take

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS = ("mark", "unmark", "rename", "accept_changed", "rebind", "release")


@click.command("repair")
@common
@click.option("--mark", metavar="ID", help="Count this file as applied without running it; a half-applied "
              "one as applied from end to end.")  # fmt: skip
@click.option("--unmark", metavar="ID", help="Forget that this migration is applied; the schema stays.")
@click.option("--rename", nargs=2, metavar="OLD NEW", help="Give the row OLD the id of its renamed file NEW, "
              "which must hold what was applied.")  # fmt: skip
@click.option("--accept-changed", metavar="ID", help="Let the row say what its file is now: checksums, "
              "fingerprint and down half. Nothing of it runs.")  # fmt: skip
@click.option(
    "--rebind",
    is_flag=True,
    help="The ledger came with a dump, a copy or an upgrade of the server: "
    "make it belong to the database that it is in.",
)
@click.option("--release", is_flag=True, help="Clear the reservation, whoever holds it.")
@click.option("--dry-run", is_flag=True, help="Change nothing; the server enforces it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")  # fmt: skip
def command(**values: Any) -> int:
    """Bring the ledger in line after something happened to the files or the database around it.

    One action in each call. No migration runs, and no table but the ledger's is touched.
    """
    from switchback.cli import outcome, work  # noqa: PLC0415 - help must not import the driver
    from switchback.contract.words import Operation  # noqa: PLC0415 - same
    from switchback.runner.operations.base import Request  # noqa: PLC0415 - same

    shared = take(values)
    chosen = [name for name in ACTIONS if values[name] not in (None, False, ())]
    if len(chosen) != 1:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in ACTIONS)
        raise click.UsageError(f"Say exactly one of {flags}.")
    console = Console(json=shared.json)
    target, action = _action(chosen[0], values[chosen[0]])
    request = Request(
        Operation.RELEASE,
        outcome.laptop_id(),
        shared.folder,
        target=target,
        format=shared.format,
        ignore=shared.ignore,
        dry_run=values["dry_run"],
    )
    ending = work.work(shared, console, request, reason=values["reason"], action=action)
    return work.answer(ending, console, shared)


def _action(name: str, value: Any) -> tuple[str | None, Callable[..., Any]]:
    """The migration that is meant, and what is done."""
    from functools import partial  # noqa: PLC0415 - only when it runs

    from switchback.runner.operations import amend, repair  # noqa: PLC0415 - help must not import the driver

    match name:
        case "rename":
            return value[0], partial(amend.rename, new=value[1])
        case "mark" | "unmark":
            return value, getattr(amend, name)
        case "accept_changed":
            return value, amend.accept
        case _:
            return None, getattr(repair, name)
