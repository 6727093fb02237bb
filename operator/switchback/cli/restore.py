"""`switchback restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from switchback.cli.console import Console


@click.command("restore")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="SNAPSHOT_DIR")
@click.option(
    "--url",
    metavar="URL",
    help="Any database of the server, for example postgres, as a role that may create databases. "
    "Default: DATABASE_URL, else PGHOST, PGDATABASE, PGUSER, PGPASSWORD.",
)
@click.option("--database", required=True, metavar="NEWNAME", help="Name of the database to create.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    default=2,
    show_default=True,
    help="Tables restored at the same time; each takes a connection.",
)
@click.option(
    "--no-owner",
    is_flag=True,
    help="Everything belongs to the role that restores; rights are not restored. "
    "For servers that lack the original's roles.",
)
@click.option("--yes", is_flag=True, help="Do not ask, on a terminal either.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout; text goes to stderr.")
@click.option("--debug", is_flag=True, envvar="SWITCHBACK_DEBUG", help="Show where a bug happened.")
def command(**values: Any) -> int:
    """Restore a restore point into a new database.

    Every byte of it is checked first. A database that exists is never touched: the copy stands beside the
    original, for you to compare and to switch to. Publications and subscriptions are left out. If anything
    fails, the new database is dropped again.
    """
    from switchback.cli import restore_work  # noqa: PLC0415 - help must not import the driver

    return restore_work.run(Console(json=values["as_json"]), **values)
