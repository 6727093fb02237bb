"""`switchback snapshot`: restore points, on a laptop and as the parts of a snapshot Job."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from switchback.cli.console import Console
from switchback.cli.options import iam_region
from switchback.contract.result import DEFAULT_BUDGET
from switchback.runner.stop import SIGNALS

FOLDER = click.Path(path_type=Path, file_okay=False)

_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout; text goes to stderr.")
_debug = click.option("--debug", is_flag=True, envvar="SWITCHBACK_DEBUG", help="Show where a bug happened.")
_schema = click.option(
    "--ledger-schema", metavar="NAME", default="switchback", show_default=True, help="Schema of the ledger."
)
_role = click.option(
    "--role", metavar="NAME", help="Role that reads the database; default: the user that logs in."
)
_jobs = click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    default=2,
    show_default=True,
    help="Tables dumped at the same time; each takes a connection.",
)
_to = click.option(
    "--to", "root", type=FOLDER, required=True, metavar="DIR", help="Folder that holds the restore points."
)
_work = click.option(
    "--work", type=FOLDER, required=True, metavar="DIR", help="Memory volume that the parts share."
)


def _hold_signals() -> None:
    """The first process of a container would not notice one that comes before there is a handler for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@click.group("snapshot")
def command() -> None:
    """Take, verify and list restore points: dumps that were read back in full and sealed with a manifest."""


@command.command("create")
@_to
@click.option("--url", metavar="URL", help="Database, as postgresql://user:password@host:5432/name. "
              "Default: DATABASE_URL, else PGHOST, PGDATABASE, PGUSER, PGPASSWORD.")  # fmt: skip
@iam_region
@click.option("--name", metavar="NAME", help="Name of the restore point; default: <database>-<time>.")
@_jobs
@_role
@_schema
@_json
@_debug
def create(**values: Any) -> int:
    """Take a restore point with the pg_dump of this machine.

    Its major version must be the server's. The restore point is a folder that pg_restore reads, with a
    manifest.json beside the dump; without that file it is not complete.
    """
    from switchback.cli import snapshot_work  # noqa: PLC0415 - help must not import the driver

    return snapshot_work.create(Console(json=values["as_json"]), **values)


@command.command("verify")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option(
    "--digest", metavar="DIGEST", help="Digest that the manifest must have, as the status shows it."
)
@_json
@_debug
def verify(**values: Any) -> int:
    """Read every byte of the restore point in DIR and compare it with its manifest."""
    from switchback.cli import snapshot_work  # noqa: PLC0415 - help must not import the driver

    return snapshot_work.verify(Console(json=values["as_json"]), **values)


@command.command("list")
@click.argument("root", type=FOLDER, metavar="DIR")
@_json
@_debug
def list_(**values: Any) -> int:
    """List the restore points in DIR, newest first. Their files are not read: see verify."""
    from switchback.cli import snapshot_work  # noqa: PLC0415 - help must not import the driver

    return snapshot_work.show(Console(json=values["as_json"]), **values)


@command.command("prepare")
@_to
@_work
@click.option("--name", required=True, metavar="NAME", help="Name of the restore point.")
@_jobs
@click.option("--operation-id", required=True, metavar="ID", help="On whose behalf.")
@click.option("--namespace", default="", metavar="NAME", help="Namespace of the resource.")
@click.option("--resource", default="", metavar="NAME", help="Name of the resource.")
@click.option("--uid-hash", default="", metavar="HASH", help="Hash of the resource's UID.")
@click.option("--expect-database", default="", metavar="NAME", help="The database must have this name.")
@click.option(
    "--expect-system-identifier", default="", metavar="ID", help="The server must have this identifier."
)
@_role
@_schema
def prepare(**values: Any) -> int:
    """First part of a snapshot Job: check the database, write connection files for the client programs.

    Ends with 0 also when something is wrong; the last part tells.
    """
    _hold_signals()
    from switchback.cli import snapshot_work  # noqa: PLC0415 - help must not import the driver

    return snapshot_work.prepare_part(Console(), **values)


@command.command("seal")
@_to
@_work
@click.option("--name", required=True, metavar="NAME", help="Name of the restore point.")
@click.option("--operation-id", required=True, metavar="ID", help="On whose behalf.")
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
@_json
@_debug
def seal(**values: Any) -> int:
    """Last part of a snapshot Job: judge what the client programs did, hash, write the manifest, answer."""
    _hold_signals()
    from switchback.cli import snapshot_work  # noqa: PLC0415 - help must not import the driver

    return snapshot_work.seal_part(Console(json=values["as_json"]), **values)


@command.command("accept")
@click.option("--operation-id", required=True, metavar="ID", help="On whose behalf.")
@click.option("--name", metavar="NAME", help="Name that the restore point must have.")
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE", help="What the command has reported."
)
@click.option(
    "--begin",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file as old as the pod: no restore point of before is accepted.",
)
@click.option(
    "--fence",
    type=click.Choice(["raise", "lower"]),
    help="Answer for a command that has raised or lowered a fence, which reports nothing.",
)
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
@_json
@_debug
def accept(**values: Any) -> int:
    """Last part of a Job that runs a command of yours: read what it reports of the restore point, and answer.

    The database is not asked. Its address is read from the environment, so that its password goes nowhere.
    """
    _hold_signals()
    if values["fence"] is None and None in {values["name"], values["report"], values["begin"]}:
        raise click.UsageError("--name, --report and --begin belong together; or give --fence.")
    from switchback.cli import snapshot_accept  # noqa: PLC0415 - help must not import the driver

    return snapshot_accept.run(Console(json=values["as_json"]), **values)


@command.command("login")
@click.option(
    "--to",
    "passfile",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The passfile.",
)
def login(**values: Any) -> int:
    """Write a passfile with a token of AWS, for programs of PostgreSQL: good for connecting for 15 minutes.

    The database comes from DATABASE_URL or PGHOST, PGPORT and PGUSER, the region from SWITCHBACK_IAM_REGION.
    """
    _hold_signals()
    from switchback.cli import snapshot_accept  # noqa: PLC0415 - help must not import the driver

    return snapshot_accept.login(Console(), values["passfile"])
