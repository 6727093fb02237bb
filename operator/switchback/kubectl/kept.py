"""The lower part of the tree: what is kept and what was before. And the parts that both halves share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.kubectl import states
from switchback.kubectl.text import Node, span
from switchback.kubectl.times import between, since

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.text import Span

LABEL = 11
HISTORY = 5
SNAPSHOTS = 1

ARROW = {"Forward": "▲", "Backward": "▼"}


def label(text: str) -> tuple[Span, ...]:
    """What a line of the tree is about."""
    return (span(f"{text:<{LABEL}}", "bold"),)


def way(operation: Object) -> list[Span]:
    """Where an operation goes."""
    direction = str(operation.get("direction") or "")
    start, end = str(operation.get("from") or ""), str(operation.get("to") or "")
    arrow = ARROW.get(direction, "")
    # A migration that nobody has to approve never tells beforehand where it starts.
    path = f"{start} → {end}" if start and start != end else f"→ {end}" if end else ""
    if direction in {"", "None"}:
        # Without a target it has no schema.
        return [span(f"schema stays at {end}" if end and direction else path or "traffic")]
    return [span(" ".join(part for part in (arrow, direction, path) if part))]


def snapshots(root: Node, resource: Resource, now: datetime, *, wide: bool) -> None:
    """Restore points, newest first."""
    points = resource.items("snapshots")
    shown = points if wide else points[-SNAPSHOTS:]
    for point in reversed(shown):
        phase = str(point.get("phase", ""))
        symbol = {"Ready": states.GOOD, "InProgress": states.BUSY}.get(phase, states.BAD)
        notes = [
            _how_far(point, phase),
            str(point.get("provider", "")) if wide else "",
            size_text(point.get("sizeBytes")),
            ago("holds what was committed until", point.get("restorePointTime"), now),
            _written_since(point),
            f"stays: {point['protectedBy']}" if point.get("protectedBy") else "",
            f"PostgreSQL {point['serverMajor']}" if wide and point.get("serverMajor") else "",
            str(point.get("digest", "")) if wide else "",
        ]
        root.add(
            *label("Snapshot"), symbol, span(f" {point.get('path') or point.get('name', '')}"),
            span("   " + " · ".join(note for note in notes if note), "dim"),
        )  # fmt: skip
    _more(root, len(points) - len(shown), "earlier snapshot", *label(""))


def fence(root: Node, resource: Resource, now: datetime) -> None:
    """A fence that is up, or may be: nobody can write meanwhile."""
    found = resource.operation.get("fence")
    if not isinstance(found, dict):
        return
    phase, tries = str(found.get("phase", "")), found.get("tries")
    notes = [ago("writers may be kept out since", found.get("time"), now)]
    if isinstance(tries, int) and tries:
        notes.append(f"lowering it has failed {tries} time{'' if tries == 1 else 's'}")
    symbol = states.BAD if tries else states.BUSY
    root.add(
        *label("Fence"), symbol, span(f" {phase}"),
        span("   " + " · ".join(note for note in notes if note), "dim"),
    )  # fmt: skip


def _how_far(point: Object, phase: str) -> str:
    if phase != "InProgress":
        return phase
    percent = f"{point['progress']} %" if isinstance(point.get("progress"), int) else ""
    return " ".join(word for word in (phase, str(point.get("rawStatus", "")), percent) if word)


def _written_since(point: Object) -> str:
    """What of the time after it is not in it."""
    if point.get("writersFenced"):
        return "writers were kept out"
    count = point.get("transactionsSince")
    if not isinstance(count, int):
        return ""
    return f"{count} transaction{'' if count == 1 else 's'} begun since"


def size_text(number: object) -> str:
    """Bytes for people; empty when it is not known."""
    if not isinstance(number, int):
        return ""
    size, units = float(number), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:  # noqa: PLR2004 - a binary thousand
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if size >= 10 or units[0] == "B" else f"{size:.1f} {units[0]}"  # noqa: PLR2004


def conditions(root: Node, resource: Resource, now: datetime) -> None:
    """Every condition."""
    node = root.add(*label("Conditions"))
    for one in resource.items("conditions"):
        state = str(one.get("status", ""))
        since_then = since(one.get("lastTransitionTime"), now)
        node.add(
            span(f"{one.get('type', ''):<16}"), span(f"{state:<8}", "ok" if state == "True" else "dim"),
            span(f"{one.get('reason', '')} for {since_then}  ", "dim"), span(str(one.get("message", ""))),
        )  # fmt: skip


def history(root: Node, resource: Resource, now: datetime, *, wide: bool) -> None:
    """Ended operations, newest first."""
    entries = resource.items("history")[::-1]
    if not entries:
        return
    node = root.add(*label("History"))
    shown = entries if wide else entries[:HISTORY]
    for entry in shown:
        took = between(entry.get("startTime"), entry.get("completionTime"))
        symbol, said, reason = (
            states.of_outcome(entry),
            str(entry.get("outcome", "")),
            str(entry.get("reason", "")),
        )
        because = entry.get("requestedBecause")
        line = node.add(
            symbol, span(f" {since(entry.get('completionTime'), now):<6} "), *way(entry),
            span(f" · {said}" + (f", {reason}" if reason not in {"", said} else ""), symbol[1]),
            span(f" · took {took}" if took else "", "dim"),
            span(f" · because: {because}" if because else "", "dim"),
        )  # fmt: skip
        if wide and entry.get("message"):
            line.add(span(str(entry["message"]), "dim"), bare=True)
    _more(node, len(entries) - len(shown), "earlier one")


def _more(node: Node, number: int, what: str, *before: Span) -> None:
    if number > 0:
        node.add(*before, span(f"… {number} {what}{'' if number == 1 else 's'}: -o wide shows all", "dim"))


def ago(words: str, time: object, now: datetime) -> str:
    """`words 12m ago`; empty when it is not known."""
    found = since(time, now)
    return f"{words} {found} ago" if found else ""
