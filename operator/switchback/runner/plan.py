"""What would run: the steps from where the ledger is to where it is wished to be, and their digest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.contract.digest import plan_digest
from switchback.contract.result import Step
from switchback.contract.words import Direction, Risk, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.migrations.halves import Half
    from switchback.migrations.model import Migration
    from switchback.migrations.script import Statement
    from switchback.runner.compare import Comparison
    from switchback.runner.ledger.model import Ledger, Row


CASCADE_LOOK = "switchback_cascade"
"""Column of our own statement before a DROP that was given its CASCADE: it looks what would go along."""

SHOWN_LOSSES = 8
"""Losses of one step that travel in a result; the rest is counted."""


class Way(Enum):
    """How a step is done."""

    UP = "the up half runs"
    FILE = "the down half of the file runs"
    LEDGER = "the down half that the ledger keeps runs; the file is gone or differs"
    UNBEGUN = "the run was ended in its first statement, which has left nothing: only the record goes"
    NOTHING = "declared: nothing to undo; only the record goes"
    FORGET = "neither file nor stored down half: only the record goes, the schema stays as it is"


FLAGS = {
    Risk.DATA_LOSS: "--accept-data-loss",
    Risk.UNKNOWN: "--accept-data-loss",
    Risk.CASCADE: "--accept-cascade",
    Risk.FORGET_MISSING: "--forget-missing",
}
"""What accepts a risk on the command line."""


def flags(risks: Iterable[Risk]) -> str:
    """What accepts these risks on the command line."""
    return ", ".join(dict.fromkeys(FLAGS[risk] for risk in risks))


@dataclass(frozen=True)
class PlannedStep:
    """One migration in one direction.

    Attributes:
        direction: forward or backward.
        id: of the migration.
        way: how.
        half: what runs; None when only the record changes.
        migration: the file, if it is there.
        row: the ledger's row, if it is applied.
        notice: a sentence for people, if something about it is unusual.
        severity: the worst loss.
        losses: what is lost, for people, worst first.
        risks: what somebody has to accept for it.
        consents: the same, object by object.
    """

    direction: Direction
    id: str
    way: Way
    half: Half | None
    migration: Migration | None = None
    row: Row | None = None
    notice: str = ""
    severity: Severity = Severity.NOTHING
    losses: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    consents: frozenset[tuple[Risk, str]] = frozenset()

    @property
    def digest_part(self) -> tuple[str, str, str, str]:
        """As `contract.digest.plan_digest` takes it."""
        up = self.row.up_checksum if self.row is not None else ""
        if self.way is Way.UP and self.migration is not None:
            up = self.migration.up.checksum
        down = self.half.checksum if self.half is not None and self.direction is Direction.BACKWARD else ""
        return (self.direction, self.id, up, down)

    @property
    def ran(self) -> int:
        """How many statements of its half have run in an earlier run, which this one does not repeat."""
        if self.row is None or self.half is None:
            return 0
        forward = self.direction is Direction.FORWARD
        return self.row.statements_done if forward else self.row.down_done or 0

    @property
    def public(self) -> Step:
        """As it travels in a result."""
        losses = self.losses
        if len(losses) > SHOWN_LOSSES:
            losses = (*losses[:SHOWN_LOSSES], f"{len(losses) - SHOWN_LOSSES} more")
        return Step(self.direction, self.id, self.severity, losses)


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they would run.

    Attributes:
        ledger: the state they start from.
        current: the version that it is.
        target: the id that is reached, or `base`.
        direction: `NONE` when there is nothing to do.
        steps: empty exactly when the direction is `NONE`.
        pending: how many files of the source are not applied, within the target or not.
        held: ids that would have to be applied as well, but wait; see `Goal.held`.
    """

    ledger: Ledger
    current: str
    target: str
    direction: Direction
    steps: tuple[PlannedStep, ...]
    pending: int = 0
    held: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Hash over database, state and steps: what is approved is what runs, and where."""
        here = self.ledger.identity
        where = (here.database.system_identifier, str(here.oid), here.database.name)
        applied = [(row.id, row.up_checksum) for row in self.ledger.rows]
        return plan_digest(where, applied, [step.digest_part for step in self.steps])

    @property
    def notices(self) -> tuple[str, ...]:
        """What people should know about single steps."""
        return tuple(step.notice for step in self.steps if step.notice)

    @property
    def risks(self) -> tuple[Risk, ...]:
        """What somebody has to accept before the plan runs, without doubles, in a fixed order."""
        found = {risk for step in self.steps for risk in step.risks}
        if any(step.way is Way.FORGET for step in self.steps):
            found.add(Risk.FORGET_MISSING)
        return tuple(risk for risk in Risk if risk in found)

    @property
    def waits(self) -> str:
        """A sentence about what is held back, with a blank before it; else nothing."""
        if not self.held:
            return ""
        return f" Held back from the first file of phase=contract on: {listed(self.held)}."

    def with_steps(self, steps: Sequence[PlannedStep]) -> Plan:
        """The same plan with steps that say more, such as losses."""
        return replace(self, steps=tuple(steps))


def is_look(statement: Statement | None) -> bool:
    """Whether a statement is our look before a DROP with CASCADE."""
    return statement is not None and statement.text.endswith(f" AS {CASCADE_LOOK}")


def listed(ids: Sequence[str], limit: int = 5) -> str:
    """Ids in a sentence; beyond `limit` they are counted."""
    shown = ", ".join(ids[:limit])
    return shown if len(ids) <= limit else f"{shown} and {len(ids) - limit} more"


ROLL_BACK = ("roll back", "forget", "take")
ROLLS_BACK = ("rolls back", "forgets", "takes")
ROLLED_BACK = ("rolled back", "forgot", "took")


def deeds(steps: Sequence[PlannedStep], verbs: tuple[str, str, str]) -> str:
    """What is done on the way back, in words: only what runs a down half is called a rollback.

    Args:
        steps: of a way back.
        verbs: `ROLL_BACK`, `ROLLS_BACK` or `ROLLED_BACK`.
    """
    of = [sum(step.way is way for step in steps) for way in (Way.FORGET, Way.NOTHING)]
    parts: list[str] = []
    ends = ("", "", " out of the ledger with nothing undone")
    for number, verb, end in zip((len(steps) - sum(of), *of), verbs, ends, strict=True):
        noun = "" if parts else " migration" if number == 1 else " migrations"
        if number:
            parts.append(f"{verb} {number}{noun}{end}")
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:]))) or f"{verbs[0]} 0 migrations"


def done(steps: Sequence[PlannedStep]) -> str:
    """What was done on the way back, as the beginning of a sentence."""
    said = deeds(steps, ROLLED_BACK)
    return said[:1].upper() + said[1:]


def forward(
    comparison: Comparison, ahead: Sequence[Migration], target: str, held: Sequence[Migration] = ()
) -> Plan:
    """The plan that applies `ahead`, and lets `held` wait."""
    rows = comparison.ledger.by_id
    steps = tuple(
        PlannedStep(Direction.FORWARD, m.id, Way.UP, m.up, migration=m, row=rows.get(m.id)) for m in ahead
    )
    direction = Direction.FORWARD if steps else Direction.NONE
    return Plan(
        comparison.ledger,
        comparison.current,
        target,
        direction,
        steps,
        len(comparison.pending),
        tuple(migration.id for migration in held),
    )
