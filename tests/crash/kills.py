"""Crash points: the requests that a story makes at its stages, and an operator that dies at some of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

from tests.crash.proxy import Fault, Moment

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from tests.crash.request import Request


class Place(NamedTuple):
    """The n-th request of its kind in a stage."""

    stage: str
    what: str
    number: int


@dataclass(frozen=True)
class Point:
    """A request, and when in its life the operator dies."""

    place: Place
    moment: Moment

    @property
    def kind(self) -> tuple[str, Moment]:
        return self.place.what, self.moment


class Counting(Fault):
    """Counts the requests of a story by stage and kind. Nothing goes wrong."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        """Every request, in order."""
        self._counts: Counter[tuple[str, str]] = Counter()

    @override
    def kills(self, request: Request) -> Moment | None:
        self._counts[request.stage, request.what] += 1
        place = Place(request.stage, request.what, self._counts[request.stage, request.what])
        self.places.append(place)
        return self.at(place)

    def at(self, _place: Place) -> Moment | None:
        """Whether the operator dies here."""
        return None


class Killing(Counting):
    """The operator dies at each of these points, once."""

    def __init__(self, points: Iterable[Point]) -> None:
        super().__init__()
        self._pending = {point.place: point for point in points}
        self.met: list[Point] = []

    @override
    def at(self, place: Place) -> Moment | None:
        point = self._pending.pop(place, None)
        if point is None:
            return None
        self.met.append(point)
        return point.moment

    @property
    def missed(self) -> list[Point]:
        """Points that the story did not come to: its looks depend on how fast the cluster is."""
        return list(self._pending.values())


def every_point(places: Iterable[Place]) -> list[Point]:
    """Each of these requests at each moment; of those that belong to no stage the first of each kind."""
    return [Point(place, moment) for place in places if place.stage or place.number == 1 for moment in Moment]


def sample(places: Iterable[Place], chance: random.Random) -> list[Point]:
    """One request of each kind at each moment: the first of its kind in a stage, which no run leaves out.

    Of a kind that belongs to no stage, one moment.
    """
    by_kind: defaultdict[str, list[Place]] = defaultdict(list)
    for place in places:
        if place.number == 1:
            by_kind[place.what].append(place)
    chosen = []
    for _, some in sorted(by_kind.items()):
        # The first of a kind may come before the resource has a stage: then it is those after it that count.
        staged = [place for place in some if place.stage]
        moments = list(Moment) if staged else [chance.choice(list(Moment))]
        chosen += [Point(chance.choice(staged or some), moment) for moment in moments]
    return chosen
