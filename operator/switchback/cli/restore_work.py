"""What `switchback restore` does. Imports the driver: the command imports it when it runs."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome, places
from switchback.cli.console import duration
from switchback.cli.plain import plain
from switchback.cli.snapshot_work import perform_here
from switchback.contract.reasons import Reason
from switchback.runner.operations.base import Answer
from switchback.runner.stop import Stopped
from switchback.snapshots.places import fetched
from switchback.snapshots.progress import Meter
from switchback.snapshots.restore import Order, Restored, check, preflight, restore
from switchback.snapshots.store import size_text

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.runner.opening import Opener
    from switchback.snapshots.manifest import Manifest


def run(console: Console, **values: Any) -> int:
    """Check, ask, restore, and say what came of it."""
    operation_id = outcome.laptop_id()
    order = order_of(values, operation_id)
    made: list[Restored] = []

    def act(opener: Opener) -> Answer:
        where = opener.address.where
        known = preflight(order, opener)
        meter = Meter(console.say, "downloaded", known.size)
        with fetched(places.place(values["source"], values), values["scratch"], meter.add) as folder:
            here = replace(order, folder=folder, place=None)
            known = check(folder, console.say)
            if _wants_question(values):
                _ask(known, order, where)
            made.append(restore(here, known, opener, console.say))
        return Answer(Reason.SUCCEEDED, summary(made[0], where))

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, operation_id, act, url=values["url"], **flags)
    if values["as_json"]:
        data = outcome.of(ending) | outcome.camel(as_data(made))
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif made:
        for line in (*told(made[0]), ending.result.message, *next_steps(made[0])):
            console.print(plain(line))
    return ending.result.exit_code


def order_of(values: dict[str, Any], operation_id: str) -> Order:
    """What the options ask for. The folder of a restore point in a bucket is there once it was fetched."""
    place = places.place(values["source"], values)
    folder = Path(place.text)
    if place.is_bucket:
        folder = (values["scratch"] or Path()) / place.text.rstrip("/").rpartition("/")[2]
    return Order(
        folder=folder,
        database=values["database"],
        jobs=values["jobs"],
        owners=not values["no_owner"],
        operation_id=operation_id,
        digest=values["digest"],
        place=place if place.is_bucket else None,
    )


def _wants_question(values: dict[str, Any]) -> bool:
    if values["yes"] or values["as_json"] or os.environ.get("CI"):
        return False
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask(known: Manifest, order: Order, where: str) -> None:
    origin = known.origin
    text = f"{known.name}: database {origin.database} ({size_text(origin.size)}, PostgreSQL {origin.major})"
    click.echo(plain(f"{text} as of {known.restore_point}{_standing(known)}."))
    question = f"Restore it into the new database {order.database} at {where}?"
    try:
        agreed = click.confirm(question, default=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise Stopped(signal.SIGINT, "Nothing was restored.")


def _standing(known: Manifest) -> str:
    """Where the migrations of the restore point stand, as the end of a sentence."""
    mark = known.ledger
    if mark is None:
        return ", without a ledger"
    return f", at {mark.current} ({mark.applied} applied)" if mark.applied else f", at {mark.current}"


def told(made: Restored) -> list[str]:
    """What is known of the copy, in sentences."""
    lines = list(made.notices)
    if made.left_out:
        objects = ", ".join(one.text for one in made.left_out)
        lines.append(f"Left out, because they act beyond the copy: {objects}.")
    proof = made.ledger.text()
    return [*lines, proof] if proof else lines


def next_steps(made: Restored) -> list[str]:
    """How to switch to the copy, and how to go back."""
    requester, origin = made.manifest.requester, made.manifest.origin.database
    inspect = "kubectl switchback inspect NAME"
    if requester.resource:
        inspect = f"kubectl switchback inspect {requester.resource} -n {requester.namespace}"
    at = f" and spec.target to {made.ledger.current}" if made.ledger.current else ""
    secrets = "in the Secrets of the application and of the resource"
    return [
        f"To cut over: set the database {secrets} to {made.database}{at}; then look: {inspect}",
        f"To go back: the same edit with {origin}, which stays as it is.",
    ]


def summary(made: Restored, where: str) -> str:
    """One sentence about the copy."""
    tables = "1 table" if made.tables == 1 else f"{made.tables} tables"
    took = f", in {duration(round(made.seconds * 1000))}" if made.seconds else ""
    return (
        f"Restored {made.manifest.name} into the new database {made.database} at {where}: {tables}, about "
        f"{made.rows} rows{took}. It holds what was committed before "
        f"{made.manifest.restore_point}; {made.manifest.origin.database} was not touched."
    )


def as_data(made: list[Restored]) -> dict[str, Any]:
    """The same for programs, with the keys that kubectl-switchback reads in a pod's log."""
    if not made:
        return {}
    one = made[0]
    return {
        "restored": {
            "database": one.database,
            "tables": one.tables,
            "estimated_rows": one.rows,
            "seconds": round(one.seconds, 3),
            "restore_point": one.manifest.restore_point,
            "name": one.manifest.name,
            "origin": asdict(one.manifest.origin),
            "ledger": asdict(one.ledger),
            "left_out": [asdict(entry) for entry in one.left_out],
            "notices": list(one.notices),
        }
    }
