"""How all resources stand: a small note about each, and the numbers that are read off these notes.

A look notes the status that it has come to, a resync notes every resource, so the numbers are those of now
and not of the last resync. Times are kept, never ages: an age would stand still between two looks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from switchback.api.conditions import ConditionType
from switchback.api.reasons import OperatorReason, explain
from switchback.api.status import ConditionStatus, CutoverPhase, SnapshotPhase, Want
from switchback.controller import series
from switchback.controller.queue import Key
from switchback.controller.times import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.api.status import Status
    from switchback.controller.observed import Observed
    from switchback.controller.series import Series

OTHER = "Other"
"""Stands for a word that is none of ours: a status may hold anything."""

MAIN = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED, ConditionType.FINISHED)

_O = OperatorReason
WORKING = (_O.PROGRESSING, _O.ROLLING_BACK, _O.RETRYING, _O.WAITING_FOR_DATABASE)
PEOPLE = (_O.AWAITING_APPROVAL, _O.SUSPENDED)
UNDER_WAY = (*WORKING, *PEOPLE, _O.DELETING)
"""Reasons of an operation that is not over."""

UNDER_WAY_PHASES = (
    CutoverPhase.PREPARING,
    CutoverPhase.SWITCHING,
    CutoverPhase.SWITCHED,
    CutoverPhase.SOAKING,
    CutoverPhase.DRAINING,
    CutoverPhase.RESTORING,
)
"""Phases of a switch that is not over."""


class Number(NamedTuple):
    """One value of one series, with the values of its labels in the order of the table."""

    series: Series
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class _Note:
    """What is kept about one resource."""

    ready: tuple[str, str]
    answers: tuple[str, ...]
    wants: tuple[str, ...]
    state: str
    since: datetime | None
    points: tuple[tuple[str, int], ...]
    newest: datetime | None
    place: tuple[str, str] = ("", "")
    live: str = ""
    switch: tuple[str, str] = ("", "")
    phase_since: datetime | None = None


def word(reason: str) -> str:
    """The reason as the value of a label: words from our tables only."""
    return reason if explain(reason) is not None else OTHER


class Fleet:
    """One note per resource, for as long as the resource is there."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._notes: dict[Key, _Note] = {}

    def note(self, world: Observed, status: Status) -> None:
        """The resource stands like this."""
        key = Key(world.namespace, world.name)
        self._notes[key] = _with_traffic(_noted(world, status), world, status, self._notes.get(key))

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._notes.pop(key, None)

    def known(self) -> set[Key]:
        """The resources that there is a note about."""
        return set(self._notes)

    def numbers(self) -> Iterator[Number]:
        """The numbers as they are now."""
        notes, now = list(self._notes.values()), self._clock()
        for ready, count in sorted(Counter(note.ready for note in notes).items()):
            yield Number(series.RESOURCES, ready, count)
        for place, kind in enumerate(MAIN):
            told = Counter(note.answers[place] for note in notes)
            for answer in ConditionStatus:
                yield Number(series.CONDITIONS, (kind, answer), told[answer])
        wanted = Counter(want for note in notes for want in note.wants)
        yield from (Number(series.APPROVALS, (want,), wanted[want]) for want in Want)
        for reason in UNDER_WAY:
            since = [note.since for note in notes if note.state == reason and note.since is not None]
            yield Number(series.OLDEST, (reason,), _age(min(since, default=now), now))
        yield from _restore_points(notes, now)
        yield from _traffic(notes, now)


def _traffic(notes: list[_Note], now: datetime) -> Iterator[Number]:
    for note in sorted(notes, key=lambda one: one.place):
        if note.live:
            yield Number(series.LIVE_SLOT, (*note.place, note.live), 1)
    for phase in UNDER_WAY_PHASES:
        since = [
            note.phase_since for note in notes if note.switch[1] == phase and note.phase_since is not None
        ]
        yield Number(series.CUTOVER_AGE, (phase,), _age(min(since, default=now), now))


def _restore_points(notes: list[_Note], now: datetime) -> Iterator[Number]:
    phases = Counter(phase for note in notes for phase, _size in note.points)
    yield from (Number(series.RESTORE_POINTS, (phase,), phases[phase]) for phase in SnapshotPhase)
    verified = sum(size for note in notes for phase, size in note.points if phase == SnapshotPhase.READY)
    yield Number(series.RESTORE_POINT_BYTES, (), verified)
    newest = [note.newest for note in notes if note.newest is not None]
    if newest:
        yield Number(series.RESTORE_POINT_AGE, ("youngest",), _age(max(newest), now))
        yield Number(series.RESTORE_POINT_AGE, ("oldest",), _age(min(newest), now))


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _noted(world: Observed, status: Status) -> _Note:
    told = {condition.type: (condition.status, condition.reason) for condition in status.conditions}
    unseen = (ConditionStatus.UNKNOWN, "")
    ready, reason = told.get(ConditionType.READY, unseen)
    approval = status.approval
    state = reason if reason in UNDER_WAY else ""
    if told.get(ConditionType.RECONCILING, unseen)[1] == _O.DELETING:
        state = _O.DELETING
    points = tuple((one.phase, one.size_bytes or 0) for one in status.snapshots)
    times = [
        time
        for one in status.snapshots
        if one.phase is SnapshotPhase.READY and (time := parse(one.restore_point_time)) is not None
    ]
    return _Note(
        ready=(ready, word(reason) if reason else ""),
        answers=tuple(told.get(kind, unseen)[0] for kind in MAIN),
        wants=tuple(approval.wants) if approval is not None and reason == _O.AWAITING_APPROVAL else (),
        state=state,
        since=_since(world, status, state),
        points=points,
        newest=max(times, default=None),
    )


def _with_traffic(note: _Note, world: Observed, status: Status, before: _Note | None) -> _Note:
    """The note with what the status says of traffic; `before` is the one that it takes the place of."""
    traffic = status.traffic
    if traffic is None:
        return note
    state = traffic.cutover
    switch = (state.id, str(state.phase)) if state is not None else ("", "")
    same = before is not None and before.switch == switch and before.phase_since is not None
    since = before.phase_since if before is not None and same else world.now
    ends = {CutoverPhase.SOAKING: traffic.soak_end_time, CutoverPhase.DRAINING: traffic.drain_end_time}
    if state is not None and (end := parse(ends.get(state.phase, ""))) is not None:
        since = end
    if note.state in PEOPLE:
        since = None  # it counts anew once they have answered
    return replace(
        note,
        place=(world.namespace, world.name),
        live=traffic.live_slot,
        switch=switch,
        phase_since=since,
    )


def _since(world: Observed, status: Status, state: str) -> datetime | None:
    """Since when the operation is in this state. Unknown when nothing in the status says so."""
    operation = status.operation
    if state == _O.DELETING:
        return world.deletion_time
    if state == _O.AWAITING_APPROVAL and status.approval is not None:
        return parse(status.approval.request_time)
    if operation is None:
        return None
    if state == _O.SUSPENDED:
        return parse(operation.suspend_time)
    return worked_since(world, status)


def worked_since(world: Observed, status: Status) -> datetime | None:
    """When the operation began, moved by the time that people took.

    The operation's deadline moves by that time, so its distance from the deadline is the work so far.
    """
    operation = status.operation
    if operation is None:
        return None
    start, deadline = parse(operation.start_time), parse(operation.deadline_time)
    if start is None or deadline is None or world.spec is None:
        return start
    return max(start, deadline - timedelta(seconds=world.spec.operation_deadline_seconds))
