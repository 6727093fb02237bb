"""`switchback new`."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import configured, files


@click.command("new")
@click.argument("title", metavar="TITLE...", nargs=-1, required=True)
@files
@configured
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout; text goes to stderr.")
def command(**values: Any) -> int:
    """Write the files of a new migration, after all that the folder holds.

    They are named as the folder's are: with the next number, as wide as the last one, or with the time in UTC
    where the others have times. In an empty folder the format is Pairs, unless --format names another. No
    file is ever overwritten, and no database is asked.
    """
    from switchback.cli import new_work  # noqa: PLC0415 - not for a help text

    return new_work.run(Console(json=values["as_json"]), **values)
