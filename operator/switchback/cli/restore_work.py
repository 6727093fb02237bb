"""What `switchback restore` does. Imports the driver: the command imports it when it runs."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome
from switchback.cli.console import duration
from switchback.cli.snapshot_work import perform_here
from switchback.contract.reasons import Reason
from switchback.runner.operations.base import Answer
from switchback.runner.stop import Stopped
from switchback.snapshots.restore import Order, Restored, check, preflight, restore
from switchback.snapshots.store import size_text

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.runner.opening import Opener
    from switchback.snapshots.manifest import Manifest


def run(console: Console, **values: Any) -> int:
    """Check, ask, restore, and say what came of it."""
    operation_id = outcome.laptop_id()
    order = Order(values["folder"], values["database"], values["jobs"], not values["no_owner"], operation_id)
    made: list[Restored] = []

    def act(opener: Opener) -> Answer:
        where = opener.address.where
        preflight(order, opener)
        known = check(order.folder, console.say)
        if _wants_question(values):
            _ask(known, order, where)
        made.append(restore(order, known, opener, console.say))
        return Answer(Reason.SUCCEEDED, _summary(made[0], where))

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, operation_id, act, url=values["url"], **flags)
    if values["as_json"]:
        click.echo(json.dumps(outcome.as_json(ending.result) | _data(made), ensure_ascii=False, indent=2))
    elif made:
        for notice in made[0].notices:
            console.print(notice)
        console.print(ending.result.message)
    return ending.result.exit_code


def _wants_question(values: dict[str, Any]) -> bool:
    return not values["yes"] and not values["as_json"] and sys.stdin.isatty() and sys.stdout.isatty()


def _ask(known: Manifest, order: Order, where: str) -> None:
    origin = known.origin
    click.echo(
        f"{known.name}: database {origin.database} ({size_text(origin.size)}, PostgreSQL {origin.major}) "
        f"as of {known.restore_point}."
    )
    question = f"Restore it into the new database {order.database} at {where}?"
    try:
        agreed = click.confirm(question, default=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise Stopped(signal.SIGINT, "Nothing was restored.")


def _summary(made: Restored, where: str) -> str:
    tables = "1 table" if made.tables == 1 else f"{made.tables} tables"
    return (
        f"Restored {made.manifest.name} into the new database {made.database} at {where}: {tables}, about "
        f"{made.rows} rows, in {duration(round(made.seconds * 1000))}. It holds what was committed before "
        f"{made.manifest.restore_point}; {made.manifest.origin.database} was not touched."
    )


def _data(made: list[Restored]) -> dict[str, Any]:
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
            "notices": list(one.notices),
        }
    }
