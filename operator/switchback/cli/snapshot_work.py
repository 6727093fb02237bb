"""What the commands of `switchback snapshot` do. Imports the driver: they import it when they run."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome, work
from switchback.cli.options import Common
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Database, Snapshot, encode
from switchback.contract.words import Operation
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Answer, Request
from switchback.runner.operations.perform import Ending, perform
from switchback.runner.session import Session
from switchback.runner.stop import Stop
from switchback.snapshots import contents, laptop, manifest
from switchback.snapshots.layout import DAMAGED, MANIFEST, PARTIAL
from switchback.snapshots.prepare import Order, prepare
from switchback.snapshots.progress import Meter
from switchback.snapshots.seal import Sealed, seal
from switchback.snapshots.store import refuse_odd_name, size_text, telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.cli.console import Console
    from switchback.contract.result import Result
    from switchback.snapshots.manifest import Manifest


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
    work.tell(ending, console, common, opener)
    return ending


def create(console: Console, **values: Any) -> int:
    """`switchback snapshot create`."""
    root: Path = values["root"]
    operation_id = outcome.laptop_id()
    made: list[Sealed] = []

    def act(opener: Opener) -> Answer:
        name = values["name"] or _default_name(opener.address.database)
        refuse_odd_name(name)
        requester = manifest.Requester(operation_id)
        names, role = Names(values["ledger_schema"]), values["role"] or ""
        order = Order(root, Path(), name, values["jobs"], requester, names, role=role)
        with laptop.advising():
            with telling(root, "The folder for restore points could not be made"):
                root.mkdir(exist_ok=True)
            made.append(laptop.create(order, opener, console.say))
        return Answer(Reason.SUCCEEDED, summary(made[0]))

    flags = {"as_json": values["as_json"], "debug": values["debug"], "role": values["role"]}
    ending = perform_here(console, operation_id, act, url=values["url"], read_only=True, **flags)
    ending = replace(ending, result=_with_snapshot(ending, made))
    if values["as_json"]:
        click.echo(json.dumps(outcome.as_json(ending.result), ensure_ascii=False, indent=2))
    elif made:
        console.print(ending.result.message)
        console.print(f"{root / made[0].manifest.name}")
    return ending.result.exit_code


def _default_name(database: str) -> str:
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


def _with_snapshot(ending: Ending, made: list[Sealed]) -> Result:
    if not made or ending.error is not None:
        return ending.result
    known = made[0].manifest
    origin = known.origin
    return replace(
        ending.result,
        database=Database(origin.database, origin.system_identifier, origin.server_version),
        snapshot=Snapshot(known.name, made[0].digest, known.size, known.restore_point),
    )


def prepare_part(console: Console, **values: Any) -> int:
    """`switchback snapshot prepare`."""
    requester = manifest.Requester(
        values["operation_id"], values["namespace"], values["resource"], values["uid_hash"]
    )
    order = Order(
        root=values["root"],
        work=values["work"],
        name=values["name"],
        jobs=values["jobs"],
        requester=requester,
        names=Names(values["ledger_schema"]),
        database=values["expect_database"],
        system_identifier=values["expect_system_identifier"],
        role=values["role"] or "",
    )
    with Stop().installed() as stop:
        stop.unblock()
        wishes = Wishes(requester.operation_id, role=values["role"], read_only=True)
        opener = Opener(None, wishes, console.warn, stop.wait)
        try:
            found = prepare(order, opener, Meter(console.say, "read").add)
        except OSError as error:  # nobody can be told but the log
            console.error(f"{order.work} cannot be written: {error.strerror}.")
            return int(meaning(Reason.SNAPSHOT_FAILED).exit_code)
    for notice in found.notices:
        console.say(notice)
    if found.trouble is not None:
        console.error(f"{found.trouble.message} {found.trouble.advice}")
    if found.subject is not None:
        origin = found.subject.origin
        console.say(
            f"dumping database {origin.database} (PostgreSQL {origin.major}, {size_text(origin.size)}) into "
            f"{order.root / found.partial}"
        )
    return 0


def seal_part(console: Console, **values: Any) -> int:
    """`switchback snapshot seal`."""
    made: list[Sealed] = []
    results: list[Result] = []

    def act(_: Opener) -> Answer:
        made.append(seal(values["root"], values["work"], Meter(console.say, "hashed").add))
        if made[0].manifest.name != values["name"]:
            raise RunnerError(Reason.USAGE, f"{made[0].manifest.name} was prepared, not {values['name']}.")
        for notice in made[0].notices:
            console.say(notice)
        return Answer(Reason.SUCCEEDED, summary(made[0]))

    def conclude(ending: Ending) -> None:
        results.append(_with_snapshot(ending, made))
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


def verify(console: Console, **values: Any) -> int:
    """`switchback snapshot verify`."""
    folder: Path = values["folder"]
    seen: list[tuple[Manifest, str]] = []

    def act(_: Opener) -> Answer:
        known, digest = contents.read(folder)
        if values["digest"] is not None:
            contents.refuse_other_digest(folder, digest, values["digest"])
        contents.verify(folder, Meter(console.say, "verified", known.size).add)
        seen.append((known, digest))
        return Answer(
            Reason.SUCCEEDED, f"{len(known.files)} files, {size_text(known.size)}: all as they were."
        )

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, outcome.laptop_id(), act, **flags)
    if values["as_json"]:
        data = outcome.as_json(ending.result)
        if seen:
            data |= {"digest": seen[0][1], "manifest": asdict(seen[0][0])}
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif seen:
        known = seen[0][0]
        console.print(ending.result.message)
        console.print(f"digest          {seen[0][1]}")
        console.print(f"restore point   {known.restore_point}")
        console.print(f"database        {known.origin.database}, PostgreSQL {known.origin.major}")
        if known.ledger is not None:
            console.print(f"current         {known.ledger.current} ({known.ledger.applied} applied)")
    return ending.result.exit_code


@dataclass(frozen=True, slots=True)
class _Line:
    """One folder among the restore points. `state` is Sealed, Incomplete, Damaged or Unreadable."""

    name: str
    state: str
    known: Manifest | None = None


def show(console: Console, **values: Any) -> int:
    """`switchback snapshot list`."""
    root: Path = values["root"]
    try:
        found = [_line(path) for path in sorted(root.iterdir()) if path.is_dir()]
    except OSError as error:
        message, code = f"{root} cannot be read: {error.strerror}.", int(meaning(Reason.USAGE).exit_code)
        console.error(message)
        if values["as_json"]:
            console.outcome(outcome.early(("snapshot", "list"), Reason.USAGE, message, code))
        return code
    lines = [line for line in found if line is not None]
    lines.sort(key=lambda line: line.known.restore_point if line.known else "", reverse=True)
    if values["as_json"]:
        data = [
            {"name": line.name, "state": line.state, "manifest": asdict(line.known) if line.known else None}
            for line in lines
        ]
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif lines:
        console.table(
            ("NAME", "STATE", "RESTORE POINT", "DATABASE", "CURRENT", "SIZE"), [*map(_cells, lines)]
        )
    else:
        console.print(f"{root} holds no restore point.")
    return 0


def _line(folder: Path) -> _Line | None:
    if folder.name.endswith(PARTIAL):
        return _Line(folder.name, "Incomplete")
    if folder.name.endswith(DAMAGED):
        return _Line(folder.name, "Damaged")
    try:
        if not (folder / MANIFEST).exists():
            return None  # somebody else's
        return _Line(folder.name, "Sealed", contents.read(folder)[0])
    except RunnerError:
        return _Line(folder.name, "Unreadable")
    except PermissionError:
        return None  # lost+found, for one


def _cells(line: _Line) -> tuple[str, ...]:
    known = line.known
    if known is None:
        return (line.name, line.state, "", "", "", "")
    current = known.ledger.current if known.ledger else ""
    return (line.name, line.state, known.restore_point, known.origin.database, current, size_text(known.size))
