"""`switchback run`: what the operator's Jobs call. Its last word is always a result."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import click

from switchback.cli.options import ahead_policy, down_dir, search_path
from switchback.cli.traffic_options import for_traffic
from switchback.contract.result import DEFAULT_BUDGET
from switchback.contract.words import BY_RUNNER, Operation, Risk
from switchback.runner.stop import SIGNALS

OPERATIONS = [str(name) for name in Operation if name in BY_RUNNER]
LONGEST_SECONDS = 2_147_483


def _uuid(_: click.Context, __: click.Parameter, text: str) -> str:
    """The text as the server writes a UUID."""
    if text and not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()):
        raise click.BadParameter(f"{text!r} is no UUID.")
    return text.lower()


@click.command("run")
@click.option("--operation", type=click.Choice(OPERATIONS), required=True, help="What to do.")
@click.option("--operation-id", required=True, metavar="ID", help="On whose behalf.")
@click.option("--intent-digest", default="", metavar="DIGEST", help="Hash of the intent; kept in the ledger.")
@click.option("--target", metavar="TARGET", help="latest, base or an id; default: latest.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default="/switchback/source",
    show_default=True,
    help="Folder of the migrations.",
)
@click.option("--format", "format_name", metavar="NAME", help="Format of the migrations; default: look.")
@click.option("--ignore", multiple=True, metavar="GLOB", help="Files that are no migrations; repeatable.")
@ahead_policy
@click.option(
    "--out-of-order-policy",
    type=click.Choice(["Refuse", "Allow"]),
    default="Refuse",
    show_default=True,
    help="What to do with a pending file although one that comes after it is applied.",
)
@click.option(
    "--adoption-policy",
    type=click.Choice(["Never", "IfNoLedger"]),
    default="Never",
    show_default=True,
    help="Whether a ledger begins with the history of another tool, where it fits the files.",
)
@click.option(
    "--down-source",
    type=click.Choice(["Auto", "Ledger", "Source"]),
    default="Auto",
    show_default=True,
    help="Whose down half runs when file and ledger differ; Auto refuses.",
)
@down_dir
@click.option(
    "--expect-ledger",
    default="",
    metavar="UUID",
    callback=_uuid,
    help="The database must have the ledger with this UUID, as a result has told it.",
)
@click.option("--expect-source", default="", metavar="DIGEST", help="The folder must have this digest.")
@click.option("--expect-plan", default="", metavar="DIGEST", help="The plan must have this digest.")
@click.option(
    "--accept",
    type=click.Choice([str(risk) for risk in Risk]),
    multiple=True,
    help="A risk that was accepted; repeatable.",
)
@click.option(
    "--reserve-unless-risky",
    is_flag=True,
    help="Inspect: reserve at once when no risk of a rollback is left unaccepted.",
)
@click.option(
    "--reserve-seconds",
    type=click.IntRange(1, LONGEST_SECONDS),
    default=2100,
    show_default=True,
    help="Life of the reservation.",
)
@click.option(
    "--withdraw-intent",
    is_flag=True,
    help="Rollback: keep in the ledger that the intent of --intent-digest is not wished any more.",
)
@click.option(
    "--allow-withdrawn",
    is_flag=True,
    help="Migrate, inspect: go forward although the intent of --intent-digest was withdrawn, which else ends "
    "with PreviouslyRolledBack. When migrate has done so, the intent counts again.",
)
@click.option(
    "--marker-transaction",
    default="",
    metavar="XID",
    help="Rollback, migrate: tell how many transactions have begun since this one, the marker's.",
)
@click.option("--allow-non-empty", is_flag=True, help="Begin in a database that already has tables.")
@for_traffic
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the ledger.")
@click.option(
    "--lock-timeout-seconds",
    type=click.FloatRange(0, LONGEST_SECONDS),
    default=2.0,
    show_default=True,
    help="For each lock that a file with DDL needs; 0: no limit.",
)
@click.option(
    "--statement-timeout-seconds",
    type=click.FloatRange(0, LONGEST_SECONDS),
    default=0.0,
    show_default=True,
    help="For each statement; 0: no limit.",
)
@click.option(
    "--advisory-lock-timeout-seconds",
    type=click.FloatRange(0, LONGEST_SECONDS),
    default=60.0,
    show_default=True,
    help="For another run to end.",
)
@click.option("--role", metavar="NAME", help="Role that does the work; default: the user that logs in.")
@search_path
@click.option(
    "--ledger-schema", metavar="NAME", default="switchback", show_default=True, help="Schema of the ledger."
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
@click.option("--json", "as_json", is_flag=True, help="Write the result to stdout; text goes to stderr.")
@click.option("--debug", is_flag=True, envvar="SWITCHBACK_DEBUG", help="Show where a bug happened.")
def command(**values: Any) -> int:
    """One operation of the operator.

    The database comes from DATABASE_URL, or from PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD. PGSSLMODE
    and PGSSLROOTCERT (a file, or `system`) count where the URL says nothing else.
    The result (version 1) goes to --result-file whatever happens, also after errors, signals and bugs.
    """
    # The first process of a container would not notice a signal that comes before there is a handler for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    from switchback.cli import run_work  # noqa: PLC0415 - help must not import the driver

    return run_work.run(**values)
