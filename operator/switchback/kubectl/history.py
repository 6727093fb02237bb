"""`kubectl switchback history`: ended operations, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.kubectl import states
from switchback.kubectl.kept import way
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import columns, paint, span
from switchback.kubectl.times import between, since

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session
    from switchback.kubectl.text import Span

HEAD = ("", "ENDED", "WAY", "OUTCOME", "REASON", "TOOK", "OPERATION", "BECAUSE", "MESSAGE")


async def history(session: Session, *, name: str) -> int:
    """Show what has ended."""
    resource, screen = await session.pick(name), session.screen
    entries = resource.items("history")[::-1]
    if screen.output in {JSON, YAML}:
        screen.document({"name": resource.name, "namespace": resource.namespace, "history": entries})
    elif entries:
        screen.show(screen.rows(table(resource, session.now(), wide=screen.wide)))
    else:
        screen.note(f"No operation of {resource.name} has ended yet.")
    return int(ExitCode.OK)


def table(resource: Resource, now: datetime, *, wide: bool) -> list[list[Span]]:
    """The entries as a table."""
    return columns(HEAD, [_row(entry, now, wide=wide) for entry in resource.items("history")[::-1]])


def _row(entry: Object, now: datetime, *, wide: bool) -> list[Span]:
    symbol = states.of_outcome(entry)
    outcome, reason = str(entry.get("outcome", "")), str(entry.get("reason", ""))
    return [
        symbol,
        span(f"{since(entry.get('completionTime'), now)} ago"),
        span(paint(way(entry), colour=False)),
        span(outcome, symbol[1]),
        span(reason if reason != outcome else ""),
        span(between(entry.get("startTime"), entry.get("completionTime"))),
        span(str(entry.get("operationID", "")), "dim"),
        span(str(entry.get("requestedBecause", ""))),
        span(str(entry.get("message", "")) if wide else ""),
    ]
