"""What the commands of `switchback snapshot` do. Imports the driver: they import it when they run."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome, places, work
from switchback.cli.options import Common
from switchback.contract.points import Purpose
from switchback.contract.reasons import Reason
from switchback.contract.result import Database, Snapshot
from switchback.contract.words import Operation
from switchback.runner.connect import Wishes
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Answer, Request
from switchback.runner.operations.perform import Ending, perform
from switchback.runner.session import Session
from switchback.runner.stop import Stop
from switchback.snapshots import laptop, manifest
from switchback.snapshots.places import store_at
from switchback.snapshots.prepare import Order
from switchback.snapshots.store import refuse_odd_name, size_text, telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.cli.console import Console
    from switchback.contract.result import Result
    from switchback.snapshots.places import Place
    from switchback.snapshots.seal import Sealed


def perform_here(
    console: Console,
    operation_id: str,
    act: Callable[[Opener], Answer],
    *,
    url: str | None = None,
    role: str | None = None,
    read_only: bool = False,
    as_json: bool = False,
    debug: bool = False,
    operation: Operation = Operation.SNAPSHOT,
    conclude: Callable[[Ending], None] = lambda _: None,
) -> Ending:
    """Run `act` with signals handled, catch everything that can go wrong, and tell people about it.

    Args:
        console: for progress.
        operation_id: on whose behalf.
        act: does the work; gets what opens connections.
        url: of the database; None: from the environment.
        role: that does the work; None: the user that logs in.
        read_only: whether the server refuses writes on these connections.
        as_json: whether stdout belongs to JSON.
        debug: whether to show where a bug happened.
        operation: what the result says was done.
        conclude: gets the ending before anything else is said; a signal cannot come in between.
    """
    common = Common(url, Path(), None, (), None, "", as_json, debug)
    request = Request(operation, operation_id, Path())
    stop = Stop()
    with stop.installed(), stop.held():
        stop.unblock()
        opener = Opener(url, Wishes(operation_id, role=role, read_only=read_only), console.warn, stop.wait)
        session = Session(opener, Names(), Author(operation_id), stop, console)
        ending = perform(session, request, opener, lambda *_: act(opener))
        conclude(ending)
    return work.tell(ending, console, common, opener)


def create(console: Console, **values: Any) -> int:
    """`switchback snapshot create`."""
    place, operation_id = places.place(values["to"], values), outcome.laptop_id()
    made: list[Sealed] = []
    where: list[str] = []

    def act(opener: Opener) -> Answer:
        name = values["name"] or default_name(opener.address.database)
        refuse_odd_name(name)
        with laptop.advising(), room(place, values["scratch"]) as inside:
            kept = store_at(place)
            order = Order(
                kept=kept,
                room=inside,
                work=Path(),
                name=name,
                jobs=values["jobs"],
                requester=manifest.Requester(operation_id, purpose=Purpose.MANUAL),
                names=Names(values["ledger_schema"]),
                role=values["role"] or "",
            )
            made.append(laptop.create(order, opener, console.say))
            where.append(kept.locate(name))
        return Answer(Reason.SUCCEEDED, summary(made[0]))

    flags = {"as_json": values["as_json"], "debug": values["debug"], "role": values["role"]}
    ending = perform_here(console, operation_id, act, url=values["url"], read_only=True, **flags)
    ending = replace(ending, result=with_snapshot(ending, made))
    if values["as_json"]:
        click.echo(json.dumps(outcome.of(ending), ensure_ascii=False, indent=2))
    elif made:
        console.print(ending.result.message)
        console.print(where[0])
    return ending.result.exit_code


@contextlib.contextmanager
def room(place: Place, scratch: str | None) -> Iterator[Path]:
    """The folder that the dump is made in: the store's own, or one that vanishes."""
    if not place.is_bucket:
        root = Path(place.text)
        with telling(root, "The folder for restore points could not be made"):
            root.mkdir(exist_ok=True)
        yield root
        return
    above = Path(scratch or tempfile.gettempdir())
    with telling(above, "The folder for the dump could not be made"):
        folder = tempfile.TemporaryDirectory(prefix="switchback-", dir=above)
    with folder as room:
        yield Path(room)


def default_name(database: str) -> str:
    """Of a restore point of this database, taken now."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", database).strip("-_")[:40] or "database"
    return f"{plain}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def summary(sealed: Sealed) -> str:
    """One sentence about a restore point."""
    known = sealed.manifest
    what = "was there already and was verified" if sealed.adopted else "was read back in full and sealed"
    return (
        f"Restore point {known.name} {what}: {len(known.files)} files, {size_text(known.size)}, holding all "
        f"that was committed before {known.restore_point}."
    )


def with_snapshot(ending: Ending, made: list[Sealed]) -> Result:
    """The result with the restore point in it, if there is one."""
    if not made or ending.error is not None:
        return ending.result
    known = made[0].manifest
    origin = known.origin
    return replace(
        ending.result,
        database=Database(origin.database, origin.system_identifier, origin.server_version),
        snapshot=Snapshot(
            known.name, made[0].digest, known.size, known.restore_point, made[0].verify_seconds
        ),
    )
