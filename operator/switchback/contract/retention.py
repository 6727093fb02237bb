"""Which restore points may be deleted. A pure function, and the only place that says so, for every provider.

Everything speaks for keeping. A restore point goes only when all of this holds:

- the listing that it comes from is complete;
- it is certainly ours;
- its provider shows it as finished, or as failed: what is being made or deleted is left alone;
- nobody needs it: neither a keep mark nor a running restore nor an operation that has not ended;
- it is known when it was made, and that is longer ago than the minimum age;
- it is not the newest available one of its source;
- so many verified ones of its source as the policy wants are kept apart from it. While there are fewer than
  that, nothing of the source goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.points import Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

_FINISHED = {Phase.AVAILABLE, Phase.FAILED}
DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept in any case. A count below 1 counts as 1, an age below 0 as 0."""

    minimum_count: int = 3
    minimum_age_seconds: float = 7 * DAY


@dataclass(frozen=True, slots=True)
class Point:
    """One restore point as a provider shows it.

    Attributes:
        name: its name.
        created: when it was made, by the provider's word, with a time zone; None: not known.
        phase: how far it is.
        verified: whether it was found good, and still looks it.
        owned: whether it is certainly this resource's, of this installation. What is not known is not owned.
        source: what it is of: the provider's id of database, instance or volume.
        operation_id: the operation that it was taken for; empty: not known.
        protected: why it must stay, such as "a restore reads it"; empty: no such reason.
        keep: whether somebody has put a keep mark on it.
    """

    name: str
    created: datetime | None
    phase: Phase = Phase.AVAILABLE
    verified: bool = True
    owned: bool = True
    source: str = ""
    operation_id: str = ""
    protected: str = ""
    keep: bool = False

    @property
    def available(self) -> bool:
        """Whether it could be restored."""
        return self.phase is Phase.AVAILABLE


@dataclass(frozen=True, slots=True)
class Keep:
    """It stays, because of `reason`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delete:
    """It may go; `reason` says what it is beyond."""

    name: str
    reason: str


Verdict = Keep | Delete


def plan(
    points: Iterable[Point],
    policy: Policy,
    *,
    now: datetime,
    complete: bool,
    unfinished: Collection[str] = (),
) -> tuple[Verdict, ...]:
    """A verdict about each restore point, oldest first; those whose age is not known come first.

    Args:
        points: everything that the provider holds for one resource. Others' are kept, and not counted.
        policy: what is kept in any case.
        now: the time, with a time zone.
        complete: whether `points` is all there is.
        unfinished: ids of operations that have not ended, or ended badly with nobody having looked at it.
    """
    ordered = sorted(points, key=_age)
    floor = max(1, policy.minimum_count)
    sources = {
        source: _Source.of([point for point in ordered if point.owned and point.source == source], floor)
        for source in {point.source for point in ordered}
    }
    verdicts: list[Verdict] = []
    for point in ordered:
        reason = (
            _not_ours(point, complete=complete)
            or _needed(point, unfinished)
            or _too_young(point, policy, now)
            or sources[point.source].needs(point, floor)
        )
        if reason:
            verdicts.append(Keep(point.name, reason))
        else:
            verdicts.append(Delete(point.name, _beyond(point, policy, floor)))
    return tuple(verdicts)


def _age(point: Point) -> tuple[float, str]:
    return (float("-inf") if point.created is None else point.created.timestamp(), point.name)


def _not_ours(point: Point, *, complete: bool) -> str:
    if not complete:
        return "not everything could be listed"
    if not point.owned:
        return "it is not known to be of this resource"
    if point.phase not in _FINISHED:
        return f"it is {point.phase}, neither finished nor failed"
    return ""


def _needed(point: Point, unfinished: Collection[str]) -> str:
    if point.keep:
        return "it has a keep mark"
    if point.protected:
        return point.protected
    if point.operation_id in unfinished:
        return f"operation {point.operation_id} has not ended well"
    return ""


def _too_young(point: Point, policy: Policy, now: datetime) -> str:
    if point.created is None:
        return "it is not known when it was made"
    if (now - point.created).total_seconds() <= max(0.0, policy.minimum_age_seconds):
        return f"it is not older than {duration(policy.minimum_age_seconds)}"
    return ""


@dataclass(frozen=True, slots=True)
class _Source:
    """What of one source stays: the newest available one, and as many verified ones as the policy wants."""

    newest: str
    kept: frozenset[str]

    @classmethod
    def of(cls, points: list[Point], floor: int) -> _Source:
        available = [point for point in points if point.available and point.created is not None]
        verified = [point for point in available if point.verified]
        newest = available[-1].name if available else ""
        return cls(newest, frozenset(point.name for point in verified[-floor:]))

    def needs(self, point: Point, floor: int) -> str:
        if len(self.kept) < floor:
            return f"there are only {len(self.kept)} verified ones, and {floor} are to stay"
        if point.name == self.newest:
            return "it is the newest one"
        if point.name in self.kept:
            return f"it is among the newest {floor} verified ones"
        return ""


def _beyond(point: Point, policy: Policy, floor: int) -> str:
    what = "" if point.available and point.verified else "it cannot be relied upon, "
    age = duration(policy.minimum_age_seconds)
    return f"{what}it is older than {age}, and {floor} newer verified ones stay"


def duration(seconds: float) -> str:
    """A length of time for people, in its largest unit that fits without a rest."""
    count = max(0, round(seconds))
    for unit, length in (("day", DAY), ("hour", 3600), ("minute", 60)):
        if count and count % length == 0:
            return f"{count // length} {unit}{'' if count == length else 's'}"
    return f"{count} second{'' if count == 1 else 's'}"
