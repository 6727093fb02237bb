"""What would run: the steps from where the ledger is to where it is wished to be, and their digest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.contract.digest import plan_digest
from switchback.contract.reasons import Reason
from switchback.contract.result import Step
from switchback.contract.words import BASE, LATEST, Direction, Risk, Severity
from switchback.migrations.target import resolve
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.migrations.model import Migration, Sql
    from switchback.runner.compare import Comparison
    from switchback.runner.ledger.model import Ledger, Row


SHOWN_LOSSES = 8
"""Losses of one step that travel in a result; the rest is counted."""


class Way(Enum):
    """How a step is done."""

    UP = "the up half runs"
    FILE = "the down half of the file runs"
    LEDGER = "the down half that the ledger keeps runs; the file is gone or differs"
    NOTHING = "declared: nothing to undo; only the record goes"
    FORGET = "neither file nor stored down half: only the record goes, the schema stays as it is"


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
    half: Sql | None
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
        target: the id that is reached, or `base`.
        direction: `NONE` when there is nothing to do.
        steps: empty exactly when the direction is `NONE`.
        pending: how many files of the source are not applied, within the target or not.
    """

    ledger: Ledger
    target: str
    direction: Direction
    steps: tuple[PlannedStep, ...]
    pending: int = 0

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

    def with_steps(self, steps: Sequence[PlannedStep]) -> Plan:
        """The same plan with steps that say more, such as losses."""
        return replace(self, steps=tuple(steps))


@dataclass(frozen=True)
class Goal:
    """A target resolved against files and ledger, and what lies between.

    Attributes:
        target: id or `base`.
        ahead: pending files to apply, in order.
        beyond: applied rows to roll back, in order of application.
    """

    target: str
    ahead: tuple[Migration, ...] = ()
    beyond: tuple[Row, ...] = ()

    @property
    def direction(self) -> Direction:
        """Where it goes."""
        if self.beyond:
            return Direction.BACKWARD
        return Direction.FORWARD if self.ahead else Direction.NONE


def goal(comparison: Comparison, target: str) -> Goal:
    """What has to happen to reach `target`: `latest`, `base`, an id or a short form of one.

    Raises:
        SourceProblem: the target is unknown or ambiguous.
        RunnerError: `SourceBehindLedger`, `FileMissing` (renamed files), `OutOfOrder`.
    """
    source, ledger = comparison.source, comparison.ledger
    resolved = resolve(target, source, (row.id for row in ledger.rows))
    if target == LATEST:
        _refuse_behind(comparison)
        beyond: tuple[Row, ...] = ()
    else:
        beyond = _beyond(comparison, resolved)
    if beyond or resolved == BASE:
        if resolved != BASE and resolved not in ledger.by_id:
            raise _out_of_order([source.by_id[resolved]], comparison)
        return Goal(resolved, (), beyond)
    last = source.by_id[resolved].position if resolved in source.by_id else 0
    waiting = (*comparison.resumable, *comparison.pending)
    ahead = tuple(migration for migration in waiting if migration.position <= last)
    skipped = [migration for migration in ahead if migration in comparison.out_of_order]
    if skipped:
        raise _out_of_order(skipped, comparison)
    if ahead or target == LATEST:
        _refuse_renamed(comparison)
    return Goal(resolved, ahead)


def _beyond(comparison: Comparison, target: str) -> tuple[Row, ...]:
    """Applied rows behind `target`: by the source's order, or by that of application where a file is gone."""
    files, ledger = comparison.source.by_id, comparison.ledger
    if target == BASE:
        return ledger.rows
    place = files[target].position if target in files else None
    row = ledger.by_id.get(target)

    def is_beyond(other: Row) -> bool:
        if place is not None and other.id in files:
            return files[other.id].position > place
        return row is not None and other.position > row.position

    return tuple(other for other in ledger.rows if is_beyond(other))


def _refuse_behind(comparison: Comparison) -> None:
    ahead = comparison.ahead
    if not ahead:
        return
    listed = _listed([row.id for row in ahead])
    last = comparison.source.migrations[-1].id
    raise RunnerError(
        Reason.SOURCE_BEHIND_LEDGER,
        f"The database is at {ahead[-1].id}, but the files end at {last}: "
        f"{listed} {'has' if len(ahead) == 1 else 'have'} no file here.",
    )


def _refuse_renamed(comparison: Comparison) -> None:
    if not comparison.renamed:
        return
    pairs = ", ".join(f"{c.row.id} is now {c.migration.id}" for c in comparison.renamed)
    raise RunnerError(
        Reason.FILE_MISSING,
        f"Applied files were renamed: {pairs}. Applying them again would run them twice.",
        "Give the files the names under which they were applied.",
        file=comparison.renamed[0].migration.up.path,
    )


def _out_of_order(skipped: Sequence[Migration], comparison: Comparison) -> RunnerError:
    last = max(
        (m for m in comparison.source.migrations if m.id in comparison.ledger.by_id),
        key=lambda m: m.position,
    )
    one = len(skipped) == 1
    return RunnerError(
        Reason.OUT_OF_ORDER,
        f"{_listed([m.id for m in skipped])} {'is' if one else 'are'} not applied, "
        f"although {last.id}, which comes later, is.",
        file=skipped[0].up.path,
    )


def _listed(ids: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(ids[:limit])
    return shown if len(ids) <= limit else f"{shown} and {len(ids) - limit} more"


listed = _listed


def forward(comparison: Comparison, ahead: Sequence[Migration], target: str) -> Plan:
    """The plan that applies `ahead`."""
    rows = comparison.ledger.by_id
    steps = tuple(
        PlannedStep(Direction.FORWARD, m.id, Way.UP, m.up, migration=m, row=rows.get(m.id)) for m in ahead
    )
    direction = Direction.FORWARD if steps else Direction.NONE
    return Plan(comparison.ledger, target, direction, steps, len(comparison.pending))
