"""`switchback check`: the checks of a resource, as a Job runs them and as a person tries them."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import click

from switchback.contract.result import DEFAULT_BUDGET
from switchback.contract.words import CheckStage
from switchback.runner.stop import SIGNALS

SIGNAL_FILE = click.Path(path_type=Path, dir_okay=False)
_PLACE = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):([0-9]{1,5})$")
_MOST_PORTS = 65535


def _places(_: click.Context, __: click.Parameter, places: tuple[str, ...]) -> tuple[str, ...]:
    for place in places:
        found = _PLACE.match(place)
        if found is None or not 0 < int(found[2]) <= _MOST_PORTS:
            raise click.BadParameter(f"{place} is not host:port.")
    return places


@click.command("check")
@click.option(
    "-f",
    "--filename",
    "file",
    metavar="FILE",
    help="Manifest of a DatabaseMigration, whose spec.checks are run; - is standard input. Without it they "
    "come from the environment, where a Job has them.",
)
@click.option("--name", metavar="NAME", help="Which resource, when the file holds several.")
@click.option(
    "--stage",
    type=click.Choice([str(stage) for stage in CheckStage]),
    required=True,
    help="Run the checks of this stage.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this check; repeatable.")
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    default=0,
    metavar="S",
    help="Longest time for a verdict. 0: no limit but that of each check. AfterCutover has its own.",
)
@click.option(
    "--connect",
    multiple=True,
    metavar="HOST:PORT",
    callback=_places,
    help="AfterCutover: make 20 new connections there; repeatable.",
)
@click.option(
    "--soak-seconds",
    type=click.FloatRange(0),
    default=0,
    metavar="S",
    help="AfterCutover: so long the checks run.",
)
@click.option(
    "--signal",
    "signal_file",
    type=SIGNAL_FILE,
    metavar="FILE",
    help="AfterCutover: begin when this file has content.",
)
@click.option(
    "--wait-seconds",
    type=click.FloatRange(0),
    default=600,
    show_default=True,
    metavar="S",
    help="Longest wait for that.",
)
@click.option("--url", metavar="URL", help="Database, as postgresql://user:password@host:5432/name. "
              "Default: DATABASE_URL, else PGHOST, PGDATABASE, PGUSER, PGPASSWORD.")  # fmt: skip
@click.option("--role", metavar="NAME", help="Role that asks the database; default: the user that logs in.")
@click.option(
    "--search-path", multiple=True, metavar="NAME", help="Schema of the session; repeatable, in this order."
)
@click.option("--operation-id", metavar="ID", help="On whose behalf.")
@click.option(
    "--result-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the result there."
)
@click.option(
    "--result-budget",
    type=click.IntRange(256),
    default=DEFAULT_BUDGET,
    show_default=True,
    help="Bytes that the result may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout; text goes to stderr.")
@click.option("--debug", is_flag=True, envvar="SWITCHBACK_DEBUG", help="Show where a bug happened.")
def command(**values: Any) -> int:
    """Run the checks of a stage from here.

    They are asked from this machine: names of Services are known in the cluster alone. Checks of kind command
    run in a pod alone. A value that is kept in a Secret is taken from the variable that the error names.

    Ends with 0 when all of them hold and with 8 when one has failed.
    """
    # The first process of a container would not notice a signal that comes before there is a handler for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    from switchback.cli import check_work  # noqa: PLC0415 - help must not import what only the work needs

    return check_work.run(**values)
