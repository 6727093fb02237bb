"""What `history` shows: the events of the ledger, newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome, work
from switchback.cli.console import duration
from switchback.cli.plain import plain
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import history
from switchback.runner.operations.base import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.ledger.history import Event
    from switchback.runner.operations.base import Facts
    from switchback.runner.session import Session

HEAD = ("TIME", "WHAT", "ID", "DURATION", "WHO", "REASON")
NEAR = 5
_FOR_PROGRAMS = {"Begun", "Started", "Reserved"}
"""Events whose details are hashes."""


@dataclass
class Found:
    """What was read; `told` is whether there was a ledger to read."""

    events: list[Event] = field(default_factory=list)
    total: int = 0
    told: bool = False
    about: str = ""


def run(shared: Common, console: Console, migration: str, limit: int) -> int:
    """Read, show, and give the exit code."""
    found = Found(about=migration)

    def action(session: Session, _: Request, facts: Facts) -> Answer:
        ledger = facts.ledger = session.read()
        name = ledger.identity.database.name
        if ledger.meta is None:
            found.told = not migration
            if migration:
                raise _unknown(migration, ())
            return Answer(Reason.UP_TO_DATE, f"The database {name} has no ledger: nothing has happened yet.")
        if migration:
            found.about = _meant(migration, *history.ids(session.work, session.names))
        found.events, found.total = history.events(session.work, session.names, found.about, limit)
        found.told = True
        return Answer(Reason.UP_TO_DATE, "")

    request = Request(Operation.INSPECT, outcome.laptop_id(), shared.folder, dry_run=True)
    ending = work.work(shared, console, request, action=action)
    if not found.told or ending.error is not None:
        return work.answer(ending, console, shared)
    if shared.json:
        click.echo(json.dumps(as_data(found), ensure_ascii=False, indent=2))
    elif ending.result.message:
        console.print(ending.result.message)
    else:
        show(found, console)
    return int(ExitCode.OK)


def _meant(wanted: str, known: Sequence[str], old: Container[str]) -> str:
    """The id that is meant: in full, or the only one of today that begins with this number or text.

    Raises:
        RunnerError: `TargetUnknown`, `TargetAmbiguous`.
    """
    if wanted in known:
        return wanted
    number = wanted.lstrip("0") or "0" if wanted.isascii() and wanted.isdigit() else None
    named = [one for one in known if one not in old]
    matching = [one for one in named if number is not None and _number(one) == number]
    matching = matching or [one for one in named if one.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise RunnerError(
            Reason.TARGET_AMBIGUOUS, f"{wanted} may mean {_either(matching[:NEAR])}.", "Write the id in full."
        )
    raise _unknown(wanted, known)


def _number(migration_id: str) -> str | None:
    """The digits that an id begins with, without leading zeros."""
    digits = migration_id[: len(migration_id) - len(migration_id.lstrip("0123456789"))]
    return (digits.lstrip("0") or "0") if digits else None


def _either(ids: Iterable[str]) -> str:
    return " or ".join(ids)


def _unknown(wanted: str, known: Sequence[str]) -> RunnerError:
    last = f" The last ones are: {', '.join(known[-NEAR:])}." if known else ""
    return RunnerError(
        Reason.TARGET_UNKNOWN,
        f"Nothing has happened to a migration {wanted} in this database.",
        f"Name an id that the ledger knows.{last}",
    )


def show(found: Found, console: Console) -> None:
    """The table, and how many there are besides."""
    console.table(HEAD, [_line(event) for event in found.events])
    left = found.total - len(found.events)
    if left:
        console.print(f"{left} earlier {'one' if left == 1 else 'ones'}; --limit 0 shows all.")


def _line(event: Event) -> tuple[str, ...]:
    took = "" if event.duration_ms is None else duration(event.duration_ms)
    details = "" if event.kind in _FOR_PROGRAMS else event.details
    if event.kind == "Renamed":
        details = f"was {details}"
    why = "; ".join(filter(None, (event.reason, " ".join(details.split()))))
    who = f"{event.done_by} ({event.operation_id})"
    return tuple(plain(cell) for cell in (event.at, event.kind, event.migration_id, took, who, why))


def as_data(found: Found) -> dict[str, Any]:
    """The same for programs. Keys are stable."""
    return {"total": found.total, "events": [_event(event) for event in found.events]}


def _event(event: Event) -> dict[str, Any]:
    data = {
        "seq": event.seq,
        "at": event.at,
        "kind": event.kind,
        "id": event.migration_id,
        "durationMs": event.duration_ms,
        "doneBy": event.done_by,
        "operationId": event.operation_id,
        "intentDigest": event.intent_digest,
        "reason": event.reason,
        "details": event.details,
        "upChecksum": event.up_checksum,
        "downChecksum": event.down_checksum,
    }
    return {key: value for key, value in data.items() if value not in {None, ""}}
