"""What the parts of a snapshot Job do. Imports the driver: the commands import it when they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchback.cli import places, work
from switchback.cli.snapshot_work import perform_here, summary, with_snapshot
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import encode
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Answer
from switchback.runner.stop import Stop
from switchback.snapshots import manifest, record
from switchback.snapshots import prepare as preparing
from switchback.snapshots import seal as sealing
from switchback.snapshots.places import store_at
from switchback.snapshots.progress import Meter
from switchback.snapshots.store import size_text

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.contract.result import Result
    from switchback.runner.operations.perform import Ending
    from switchback.snapshots.seal import Sealed
    from switchback.snapshots.store import Store


def _room(values: dict[str, Any], kept: Store) -> Path:
    """The folder that the folder of the try is in."""
    if not kept.uploads:
        return Path(values["to"])
    if not values["scratch"]:
        raise RunnerError(
            Reason.USAGE, "A dump for a bucket is made in a folder first: give it with --scratch."
        )
    return Path(values["scratch"])


def prepare(console: Console, **values: Any) -> int:
    """`switchback snapshot prepare`."""
    requester = manifest.Requester(
        operation_id=values["operation_id"],
        namespace=values["namespace"],
        resource=values["resource"],
        uid_hash=values["uid_hash"],
        uid=values["uid"],
        installation=values["installation"],
        purpose=values["purpose"],
        attempt=values["attempt"],
        schema_version=values["schema_version"],
    )
    with Stop().installed() as stop:
        stop.unblock()
        wishes = Wishes(requester.operation_id, role=values["role"], read_only=True)
        opener = Opener(None, wishes, console.warn, stop.wait)
        try:
            try:
                order = _order(requester, values)
            except RunnerError as error:
                trouble = record.Trouble(error.reason, error.message, error.advice)
                found = record.Record(values["name"], requester, trouble=trouble)
                record.write(values["work"], found)
            else:
                found = preparing.prepare(order, opener, Meter(console.say, "read").add)
        except OSError as error:  # nobody can be told but the log
            console.error(f"{values['work']} cannot be written: {error.strerror}.")
            return int(meaning(Reason.SNAPSHOT_FAILED).exit_code)
    _tell(console, found)
    return 0


def _order(requester: manifest.Requester, values: dict[str, Any]) -> preparing.Order:
    kept = store_at(places.place(values["to"], values))
    return preparing.Order(
        kept=kept,
        room=_room(values, kept),
        work=values["work"],
        name=values["name"],
        jobs=values["jobs"],
        requester=requester,
        names=Names(values["ledger_schema"]),
        database=values["expect_database"],
        system_identifier=values["expect_system_identifier"],
        role=values["role"] or "",
        deadline_seconds=values["deadline_seconds"],
        writers_fenced=values["writers_fenced"],
    )


def _tell(console: Console, found: record.Record) -> None:
    for notice in found.notices:
        console.say(notice)
    if found.trouble is not None:
        console.error(f"{found.trouble.message} {found.trouble.advice}")
    if found.subject is not None:
        origin = found.subject.origin
        console.say(
            f"dumping database {origin.database} (PostgreSQL {origin.major}, {size_text(origin.size)}) into "
            f"{found.partial}"
        )


def seal(console: Console, **values: Any) -> int:
    """`switchback snapshot seal`."""
    made: list[Sealed] = []
    results: list[Result] = []

    def act(_: Opener) -> Answer:
        kept = store_at(places.place(values["to"], values))
        hashed, uploaded = Meter(console.say, "hashed").add, Meter(console.say, "uploaded").add
        made.append(sealing.seal(kept, _room(values, kept), values["work"], hashed, uploaded))
        if made[0].manifest.name != values["name"]:
            raise RunnerError(Reason.USAGE, f"{made[0].manifest.name} was prepared, not {values['name']}.")
        for notice in made[0].notices:
            console.say(notice)
        return Answer(Reason.SUCCEEDED, summary(made[0]))

    def conclude(ending: Ending) -> None:
        results.append(with_snapshot(ending, made))
        text = encode(results[0], values["result_budget"])
        if values["result_file"] is not None:
            work.write_result(values["result_file"], text, console)
        if values["as_json"]:
            console.outcome(text)
        elif ending.error is None:
            console.print(ending.result.message)

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, values["operation_id"], act, conclude=conclude, **flags)
    return ending.result.exit_code
