"""`switchback dump`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import connection, take_connection


@click.command("dump")
@connection
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it there, only if it differs, and all or nothing; default: stdout.",
)
@click.option(
    "--schema-only/--with-data",
    default=True,
    show_default=True,
    help="Rows, too: as INSERTs, in the order in which the server gives them.",
)
def command(**values: Any) -> int:
    """Print the database's schema as SQL, with the pg_dump of this machine.

    The same schema gives the same text: without owners and rights, versions, and what pg_dump draws by lot.
    Keep it beside the migrations, and a review sees what they change. The ledger is left out.

    pg_dump has to be as new as the server, or newer. The password goes to it by a file that only you can
    read, and that is gone afterwards.

    Exit codes: 0 done, 7 connection, 8 no pg_dump that fits, or it failed.
    """
    from switchback.cli import dump_work  # noqa: PLC0415 - help must not import the driver

    shared = take_connection(values)
    return dump_work.run(
        shared, Console(json=shared.json or values["output"] is None), values["output"],
        data=not values["schema_only"],
    )  # fmt: skip
