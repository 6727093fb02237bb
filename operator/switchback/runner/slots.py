"""Whether the program of a slot works with the version of the schema that a run leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, Direction, SlotFit
from switchback.migrations.errors import SourceProblem
from switchback.migrations.target import resolve
from switchback.runner.errors import RunnerError
from switchback.runner.order import natural
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.runner.compare import Comparison
    from switchback.runner.expected import Bounds
    from switchback.runner.plan import Plan

SHOWN = 3
"""Migrations beyond a maximum that are named."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """The answer for one slot. `why` is a sentence for people, empty when it works."""

    name: str
    fit: SlotFit
    why: str = ""


def judge(comparison: Comparison, plan: Plan, slots: Sequence[Bounds]) -> tuple[Fitting, ...]:
    """For each slot, whether it works with the database as it is once the plan has run."""
    if not slots:
        return ()
    there = _There(comparison, plan)
    return tuple(there.judge(slot) for slot in slots)


def unfit(fittings: Iterable[Fitting], required: Iterable[str]) -> list[Fitting]:
    """The slots that have to work with it and do not."""
    wanted = set(required)
    return [one for one in fittings if one.name in wanted and one.fit is not SlotFit.SATISFIED]


def refuse_unfit(fittings: Iterable[Fitting], required: Iterable[str]) -> None:
    """Stop before a change that a slot does not work with.

    Raises:
        RunnerError: `SlotNeedsSchema`, naming slot, bound, target, and which way it fails.
    """
    found = unfit(fittings, required)
    if found:
        raise RunnerError(Reason.SLOT_NEEDS_SCHEMA, " ".join(one.why for one in found))


class _There:
    """The database as it is once a plan has run.

    A migration that has run in part only counts as none that a program may rely on, and as one that may break
    it: it is in `touched` and not in `whole`.
    """

    def __init__(self, comparison: Comparison, plan: Plan) -> None:
        self._source, self._rows = comparison.source, comparison.ledger.by_id
        ids = {step.id for step in plan.steps}
        if plan.direction is Direction.BACKWARD:
            self.touched = [known for known in self._rows if known not in ids]
        else:
            self.touched = list(dict.fromkeys([*self._rows, *(step.id for step in plan.steps)]))
        self.whole = set(self.touched) - ({row.id for row in comparison.partial} - ids)
        self.target = plan.target
        self.place = {
            Direction.NONE: f"{plan.target}, where the database is",
            Direction.FORWARD: f"{plan.target}, which the pending files lead to",
            Direction.BACKWARD: f"{plan.target}, which the rollback leads to",
        }[plan.direction]

    def judge(self, slot: Bounds) -> Fitting:
        try:
            minimum, maximum = self._resolved(slot, "minimum"), self._resolved(slot, "maximum")
        except RunnerError as error:
            return Fitting(slot.name, SlotFit.UNKNOWN_ID, error.message)
        if minimum not in {"", BASE} and minimum not in self.whole:
            part = ", or only in part" if minimum in self.touched else ""
            why = (
                f"The slot {slot.name} works from {minimum} on, its minimum; at {self.place}, that is not "
                f"applied{part}: the schema is too old for it."
            )
            return Fitting(slot.name, SlotFit.TOO_OLD, why)
        beyond = [one for one in self.touched if maximum and self._is_after(one, maximum)]
        if beyond:
            are = "is" if len(beyond) == 1 else "are"
            why = (
                f"The slot {slot.name} works up to {maximum}, its maximum; at {self.place}, "
                f"{listed(beyond, SHOWN)} {are} applied as well: the schema is too new for it."
            )
            return Fitting(slot.name, SlotFit.TOO_NEW, why)
        return Fitting(slot.name, SlotFit.SATISFIED)

    def _resolved(self, slot: Bounds, which: str) -> str:
        """The id that a bound names, or nothing.

        Raises:
            RunnerError: none, or more than one.
        """
        text: str = getattr(slot, which)
        if not text:
            return ""
        try:
            return resolve(text, self._source, self._rows)
        except SourceProblem as problem:
            what = "neither files nor ledger have that migration"
            if problem.reason is Reason.TARGET_AMBIGUOUS:
                what = f"that {problem.message.partition(f'{text} ')[2].removesuffix('.')}"
            raise RunnerError(
                Reason.SLOT_NEEDS_SCHEMA,
                f"The slot {slot.name} has the {which} {text}, but {what}: whether it works at "
                f"{self.target} is not known.",
            ) from None

    def _is_after(self, one: str, bound: str) -> bool:
        """Whether a migration comes after another: by files, else by order of application, else by name."""
        if bound == BASE:
            return True
        files, rows = self._source.by_id, self._rows
        if one in files and bound in files:
            return files[one].position > files[bound].position
        if bound in rows:
            return one not in rows or rows[one].position > rows[bound].position
        return natural(one) > natural(bound)
