"""Where the database may be, seen from the target: what is known of it, and what else has to be played."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchback.contract.result import TAIL_LENGTH
from switchback.contract.words import BASE, LATEST, Direction
from switchback.controller.intent import database_digest
from switchback.migrations.errors import SourceProblem
from switchback.migrations.formats import BY_NAME
from switchback.migrations.model import Source
from switchback.migrations.target import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.api.spec import Spec
    from switchback.api.status import Status
    from switchback.explain.files import Files

NOW = "(now)"
"""Stands for the version at which the database is, where nobody has told it yet."""

NEWEST = "(newest)"
"""Stands for the last migration of files that nobody can see from here."""


class Case(StrEnum):
    """The database, seen from the target."""

    BEHIND = "Behind"
    AT = "At"
    BEYOND = "Beyond"
    AHEAD_OF_FILES = "AheadOfFiles"
    """Beyond everything that the files hold, while the target is `latest`."""
    NO_SCHEMA = "NoSchema"
    """The spec has no source: only traffic is moved."""


@dataclass(frozen=True)
class Known:
    """What is known beforehand. `current` and `target` may be placeholders.

    `todo` are the ids between the two, in the order in which they would be worked off, as far as known.
    `certain`: it is this case and no other.
    """

    case: Case
    current: str
    target: str
    todo: tuple[str, ...] = ()
    certain: bool = False

    @property
    def direction(self) -> Direction:
        """Where reaching the target would go."""
        match self.case:
            case Case.BEHIND:
                return Direction.FORWARD
            case Case.AT | Case.NO_SCHEMA:
                return Direction.NONE
            case Case.BEYOND | Case.AHEAD_OF_FILES:
                return Direction.BACKWARD


def cases(spec: Spec, status: Status, target: str, files: Files) -> list[Known]:
    """The cases that can be, the likeliest first. One alone when it is certain.

    Args:
        spec: what is wished for.
        status: what the last run saw of the database; not used when it was another database.
        target: what the operation goes to: the spec's target, or that of a request.
        files: the source.
    """
    if spec.source is None:
        return [Known(Case.NO_SCHEMA, "", "", certain=True)]
    current, applied = seen(spec, status)
    wished = _wished(target, files, applied)
    certain = _compared(_Place(current, wished, target, files.ids, applied)) if current else None
    if certain is not None:
        return [certain]
    ids = files.ids or ()
    up = ids[: ids.index(wished) + 1] if wished in ids and not current else ()
    down = ids[ids.index(wished) + 1 :][::-1] if wished in ids else ids[::-1] if wished == BASE else ()
    ahead = Case.AHEAD_OF_FILES if target == LATEST else Case.BEYOND
    behind = Known(Case.BEHIND, current or NOW, wished, up)
    beyond = Known(ahead, current or NOW, wished, () if current else down)
    return [beyond] if target == BASE else [behind, beyond]


def seen(spec: Spec, status: Status) -> tuple[str, tuple[str, ...]]:
    """(the version, the last applied ids) as the last run saw them in this database; empty: not known."""
    state = status.schema_state
    if state is None or state.database is None or state.database.digest != database_digest(spec):
        return "", ()
    return state.current, state.applied_tail


def _wished(target: str, files: Files, applied: Sequence[str]) -> str:
    try:
        found = files.resolved(target, applied)
    except SourceProblem:
        return target
    if found is None and target != LATEST:
        found = _among(target, applied)
    return found or (NEWEST if target == LATEST else target)


def _among(target: str, applied: Sequence[str]) -> str:
    """The applied id that a target means, in the first format in which it means one; empty: none."""
    for name in BY_NAME if applied else ():
        with contextlib.suppress(SourceProblem):
            return resolve(target, Source((), "", name, ""), applied)
    return ""


@dataclass(frozen=True)
class _Place:
    """Everything that is known, for a comparison. `ids` are those of the files, None when nobody knows."""

    current: str
    wished: str
    target: str
    ids: tuple[str, ...] | None
    applied: Sequence[str]

    def known(self, case: Case, todo: tuple[str, ...] = ()) -> Known:
        return Known(case, self.current, self.wished, todo, certain=True)

    def back(self) -> Known:
        return self.known(Case.BEYOND, self._undone())

    def _undone(self) -> tuple[str, ...]:
        """What would be undone, newest first, as far as it is known in full."""
        for order in (self.ids or (), tuple(self.applied)):
            if self.current in order and self.wished in order:
                return order[order.index(self.wished) + 1 : order.index(self.current) + 1][::-1]
        if self.wished == BASE and self.ids and self.current in self.ids:
            return self.ids[: self.ids.index(self.current) + 1][::-1]
        return ()


def _compared(place: _Place) -> Known | None:
    """The one case, when files and ledger together say which it is."""
    current, wished = place.current, place.wished
    if wished == current:
        return place.known(Case.AT)
    if wished == BASE or (place.target != LATEST and wished in place.applied):
        return place.back()
    if current == BASE:
        ids = place.ids or ()
        return place.known(Case.BEHIND, ids[: ids.index(wished) + 1] if wished in ids else ())
    if place.ids and wished in place.ids:
        return _by_files(place, place.ids)
    # A list of applied ids that is not full is all of them: what is not in it is yet to be applied.
    is_new = place.target != LATEST and 0 < len(place.applied) < TAIL_LENGTH
    return place.known(Case.BEHIND) if is_new else None


def _by_files(place: _Place, ids: tuple[str, ...]) -> Known:
    if place.current not in ids:
        return place.known(Case.AHEAD_OF_FILES if place.target == LATEST else Case.BEYOND)
    here, there = ids.index(place.current), ids.index(place.wished)
    return place.known(Case.BEHIND, ids[here + 1 : there + 1]) if here < there else place.back()
