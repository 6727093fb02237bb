"""What retention would delete of a resource's restore points, and why. Nothing is deleted here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api import names
from switchback.contract import retention
from switchback.contract.exits import ExitCode
from switchback.kubectl import states
from switchback.kubectl.points import MISSING, READY, Line, phase_of, uid_hash_of
from switchback.kubectl.restore_job import spec_of
from switchback.kubectl.scan import open_operations
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import columns, span
from switchback.kubectl.times import moment, since

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchback.contract.retention import Verdict
    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session
    from switchback.kubectl.text import Span

HEAD = ("", "NAME", "VERDICT", "AGE", "WHY")


def verdicts_on(
    resource: Resource, lines: Sequence[Line], now: datetime, *, complete: bool
) -> tuple[Verdict, ...]:
    """A verdict about each restore point, oldest first: as it was told where they are kept, or by `plan`."""
    told = [line for line in lines if line.deletable is not None]
    if not told:
        return plan(resource, lines, now, complete=complete)
    told.sort(key=lambda line: (line.made, line.name))
    return tuple(
        retention.Delete(line.name, line.why) if line.deletable else retention.Keep(line.name, line.why)
        for line in told
    )


def plan(resource: Resource, lines: Sequence[Line], now: datetime, *, complete: bool) -> tuple[Verdict, ...]:
    """A verdict about each restore point, oldest first."""
    spec = spec_of(resource)
    wished = spec.snapshot.retention if spec.snapshot is not None else None
    policy = (
        retention.Policy(wished.minimum_count, wished.minimum_age_seconds)
        if wished is not None
        else retention.Policy()
    )
    return retention.plan(
        [_point(line, resource) for line in lines if line.phase != MISSING],
        policy,
        now=now,
        complete=complete,
        unfinished=open_operations(resource),
    )


def _point(line: Line, resource: Resource) -> retention.Point:
    return retention.Point(
        name=line.name,
        created=moment(line.made) if line.made else None,
        phase=phase_of(line),
        verified=line.phase == READY,
        owned=uid_hash_of(line) == names.uid_hash(resource.uid),
        operation_id=line.operation,
        protected=line.protected,
    )


def show(
    session: Session, resource: Resource, lines: Sequence[Line], notes: Sequence[str], *, complete: bool
) -> int:
    """Show the verdicts."""
    now, screen = session.now(), session.screen
    verdicts = verdicts_on(resource, lines, now, complete=complete)
    if screen.output in {JSON, YAML}:
        told = [{"name": one.name, "verdict": type(one).__name__, "reason": one.reason} for one in verdicts]
        screen.document(
            {
                "name": resource.name,
                "namespace": resource.namespace,
                "complete": complete,
                "plan": told,
                "notes": list(notes),
            }
        )
        return int(ExitCode.OK)
    made = {line.name: line.made for line in lines}
    if verdicts:
        rows = [_row(one, since(made.get(one.name), now)) for one in verdicts]
        screen.show(screen.rows(columns(HEAD, rows)))
        count = sum(isinstance(one, retention.Delete) for one in verdicts)
        screen.note(f"Nothing was deleted; {count} of {len(verdicts)} may go after the next operation.")
    else:
        screen.note(f"{resource.name} in namespace {resource.namespace} has no restore points.")
    for note in notes:
        screen.note(note)
    return int(ExitCode.OK)


def _row(verdict: Verdict, age: str) -> list[Span]:
    deleted = isinstance(verdict, retention.Delete)
    return [
        states.UNDONE if deleted else states.GOOD,
        span(verdict.name),
        span("delete" if deleted else "keep", "wait" if deleted else ""),
        span(age, "dim"),
        span(verdict.reason),
    ]
