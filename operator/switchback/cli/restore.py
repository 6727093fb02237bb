"""`switchback restore`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from switchback.cli import places
from switchback.cli.console import Console
from switchback.cli.options import iam_region
from switchback.contract.result import DEFAULT_BUDGET
from switchback.runner.stop import SIGNALS

PARTS = ("prepare", "finish")


@click.command("restore")
@click.argument("source", metavar=places.POINT)
@places.bucket
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder that a dump in a bucket is downloaded to; default: that for temporary files.",
)
@click.option(
    "--url",
    metavar="URL",
    help="Any database of the server, for example postgres, as a role that may create databases. "
    "Default: DATABASE_URL, else PGHOST, PGDATABASE, PGUSER, PGPASSWORD.",
)
@iam_region
@click.option("--database", required=True, metavar="NEWNAME", help="Name of the database to create.")
@click.option("--digest", default="", metavar="DIGEST", help="That the manifest must have; see the status.")
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
@click.option(
    "--part",
    type=click.Choice(PARTS),
    help="Only this part, as the containers of a restore Job call it; needs --work.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Memory volume that the parts share.",
)
@click.option("--operation-id", default="", metavar="ID", help="On whose behalf; for parts.")
@click.option(
    "--result-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the result there."
)
@click.option(
    "--result-budget",
    type=click.IntRange(1024),
    default=DEFAULT_BUDGET,
    show_default=True,
    help="Bytes that the result may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout; text goes to stderr.")
@click.option("--debug", is_flag=True, envvar="SWITCHBACK_DEBUG", help="Show where a bug happened.")
def command(**values: Any) -> int:
    """Restore a restore point into a new database.

    Every byte of it is checked first. A database that exists is never touched: the copy stands beside the
    original, for you to compare and to switch to. Publications, subscriptions and event triggers are left out
    and listed. The ledger in the copy has to be what the manifest says; otherwise the copy is kept and marked
    as unfinished. If anything else fails, the new database is dropped again.
    """
    if bool(values["part"]) != bool(values["work"]):
        raise click.UsageError("--part and --work go together.")
    if values["part"] and values["source"].startswith("s3://") and values["scratch"] is None:
        raise click.UsageError("A part that restores from a bucket needs --scratch.")
    if values["part"]:
        # The first process of a container would not notice a signal that comes before its handler is there.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        from switchback.cli import restore_parts  # noqa: PLC0415 - help must not import the driver

        return restore_parts.PARTS[values["part"]](Console(json=values["as_json"]), **values)
    from switchback.cli import restore_work  # noqa: PLC0415 - help must not import the driver

    return restore_work.run(Console(json=values["as_json"]), **values)
