"""`switchback snapshot`: restore points, on a laptop and as the parts of a snapshot Job."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import places
from switchback.cli.console import Console
from switchback.cli.options import configured, iam_region
from switchback.contract.result import DEFAULT_BUDGET
from switchback.runner.stop import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable

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
_work = click.option(
    "--work", type=FOLDER, required=True, metavar="DIR", help="Memory volume that the parts share."
)
_result_file = click.option(
    "--result-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the result there."
)
_result_budget = click.option(
    "--result-budget",
    type=click.IntRange(1024),
    default=DEFAULT_BUDGET,
    show_default=True,
    help="Bytes that the result may take.",
)


def _hold_signals() -> None:
    """The first process of a container would not notice one that comes before there is a handler for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@click.group("snapshot")
def command() -> None:
    """Take, verify and list restore points: dumps that were read back in full and sealed with a manifest."""


@command.command("create")
@places.written_to
@click.option("--url", metavar="URL", help="Database, as postgresql://user:password@host:5432/name. "
              "Default: SWITCHBACK_URL, DATABASE_URL, the configuration file, PGHOST.")  # fmt: skip
@configured
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
    manifest.json beside the dump; without that file it is not complete. In a bucket it is the same files.
    """
    from switchback.cli import snapshot_work  # noqa: PLC0415 - help must not import the driver

    return snapshot_work.create(Console(json=values["as_json"]), **values)


@command.command("verify")
@click.argument("point", metavar=places.POINT)
@places.bucket
@click.option(
    "--digest", metavar="DIGEST", help="Digest that the manifest must have, as the status shows it."
)
@_json
@_debug
def verify(**values: Any) -> int:
    """Read every byte of a restore point and compare it with its manifest."""
    from switchback.cli import snapshot_store  # noqa: PLC0415 - help must not import the driver

    return snapshot_store.verify(Console(json=values["as_json"]), **values)


def _retention(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whose restore points, and which of them stay."""
    for option in (
        click.option(
            "--unfinished", multiple=True, metavar="ID", help="Operation whose restore points stay."
        ),
        click.option("--protect", multiple=True, metavar="NAME", help="Restore point that stays."),
        click.option(
            "--minimum-age-seconds",
            type=click.IntRange(0),
            default=7 * 24 * 60 * 60,
            show_default=True,
            metavar="S",
            help="Whatever is younger stays.",
        ),
        click.option(
            "--minimum-count",
            type=click.IntRange(1),
            default=3,
            show_default=True,
            metavar="N",
            help="So many verified ones of each database stay.",
        ),
        click.option("--installation", default="", metavar="ID", help="Installation of the operator."),
        click.option(
            "--uid-hash", default="", metavar="HASH", help="Hash of the UID; default: made from it."
        ),
    ):
        command = option(command)
    return command


@command.command("list")
@click.argument("root", metavar=places.KEEPS)
@places.bucket
@click.option(
    "--uid", default="", metavar="UID", help="UID of a resource: tell which of its restore points stay."
)
@_retention
@_json
@_debug
def list_(**values: Any) -> int:
    """List the restore points in a folder or bucket, newest first. Their files are not read: see verify."""
    from switchback.cli import snapshot_store  # noqa: PLC0415 - help must not import the driver

    return snapshot_store.show(Console(json=values["as_json"]), **values)


@command.command("prune")
@places.kept_in
@click.option("--uid", required=True, metavar="UID", help="UID of the resource.")
@_retention
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@click.option("--operation-id", metavar="ID", help="On whose behalf.")
@_result_file
@_result_budget
@_json
@_debug
def prune(**values: Any) -> int:
    """Delete restore points of a resource that are beyond both the minimum count and the minimum age.

    Never the newest one, never one with a keep mark (a file `keep` beside its manifest), never one of another
    resource, and nothing at all when not everything could be listed.
    """
    _hold_signals()
    from switchback.cli import snapshot_store  # noqa: PLC0415 - help must not import the driver

    return snapshot_store.prune(Console(json=values["as_json"]), **values)


@command.command("prepare")
@places.written_to
@_work
@click.option("--name", required=True, metavar="NAME", help="Name of the restore point.")
@_jobs
@click.option("--operation-id", required=True, metavar="ID", help="On whose behalf.")
@click.option("--namespace", default="", metavar="NAME", help="Namespace of the resource.")
@click.option("--resource", default="", metavar="NAME", help="Name of the resource.")
@click.option("--uid-hash", default="", metavar="HASH", help="Hash of the resource's UID.")
@click.option("--uid", default="", metavar="UID", help="UID of the resource.")
@click.option("--installation", default="", metavar="ID", help="Installation of the operator.")
@click.option("--purpose", default="", metavar="WORD", help="What the restore point is taken for.")
@click.option("--attempt", type=click.IntRange(1), default=1, metavar="N", help="Number of the try.")
@click.option("--schema-version", default="", metavar="ID", help="Where the migrations stand.")
@click.option("--writers-fenced", is_flag=True, help="Writers are kept out meanwhile.")
@click.option(
    "--deadline-seconds",
    type=click.IntRange(0),
    default=0,
    metavar="S",
    help="Longest time that it may take: refuse what would take longer. 0: any.",
)
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
    from switchback.cli import snapshot_parts  # noqa: PLC0415 - help must not import the driver

    return snapshot_parts.prepare(Console(), **values)


@command.command("seal")
@places.written_to
@_work
@click.option("--name", required=True, metavar="NAME", help="Name of the restore point.")
@click.option("--operation-id", required=True, metavar="ID", help="On whose behalf.")
@_result_file
@_result_budget
@_json
@_debug
def seal(**values: Any) -> int:
    """Last part of a snapshot Job: judge what the client programs did, hash, write the manifest, answer."""
    _hold_signals()
    from switchback.cli import snapshot_parts  # noqa: PLC0415 - help must not import the driver

    return snapshot_parts.seal(Console(json=values["as_json"]), **values)


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
@_result_file
@_result_budget
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
