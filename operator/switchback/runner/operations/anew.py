"""Rolling back and applying again: all of it (`reset`), or the last steps (`redo`). Never where protected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, LATEST, Direction, Operation
from switchback.runner.compare import compare
from switchback.runner.errors import RunnerError
from switchback.runner.goal import Goal, goal
from switchback.runner.operations import rollback
from switchback.runner.operations.base import Answer, Facts, Request, again, look
from switchback.runner.operations.forward import plan_forward
from switchback.runner.operations.migrate import count
from switchback.runner.order import standing
from switchback.runner.plan import ROLL_BACK, deeds, done, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchback.contract.words import Risk
    from switchback.runner.compare import Comparison
    from switchback.runner.plan import Plan, PlannedStep
    from switchback.runner.session import Session

    Confirm = Callable[[Plan, Plan], frozenset[Risk]]
    """Asked with the plan of the way back, and with the plan of what would then be applied."""
    Before = Callable[[], None]
    """Done right before the way back begins."""
    Wish = Callable[[Comparison, Sequence[str]], Goal]
    """From what is there after the way back, and the ids that were rolled back, to what is applied."""


def reset(
    session: Session, request: Request, facts: Facts, confirm: Confirm, before: Before | None = None
) -> Answer:
    """Roll back all, then apply every file.

    Raises:
        RunnerError: `DatabaseProtected`; of rolling back; of applying, with what was done in `facts.before`.
        SourceProblem: a file is wrong inside; nothing was rolled back then.
    """
    comparison = _looked(session, request, facts, "reset")
    ids = [row.id for row in comparison.ledger.rows]
    lost = [one for one in ids if one not in comparison.source.by_id]
    if lost:
        session.reporter.warn(f"Without a file, and so not applied again: {listed(lost)}.")

    def wish(after: Comparison, _: Sequence[str]) -> Goal:
        return goal(after, LATEST, request.policy)

    back = replace(request, operation=Operation.ROLLBACK, target=BASE, steps=None)
    facts.then = _foreseen(session, request, comparison, ids, wish)
    return _Both(session, back, facts, wish, facts.then).run(confirm, before)


def redo(
    session: Session, request: Request, facts: Facts, confirm: Confirm, before: Before | None = None
) -> Answer:
    """Roll back the last steps, then apply the same migrations again, in the same order as before.

    Raises:
        RunnerError: `FileMissing` when a file is gone; `TooFewApplied`; as `reset`.
        SourceProblem: as `reset`.
    """
    comparison = _looked(session, request, facts, "redo")
    steps = 1 if request.steps is None else request.steps
    ids = [row.id for row in comparison.ledger.rows[-steps:]]
    gone = [one for one in ids if one not in comparison.source.by_id]
    if gone:
        files = "its file is" if len(gone) == 1 else "the files are"
        raise RunnerError(
            Reason.FILE_MISSING,
            f"{listed(gone)} could not be applied again: {files} gone. Nothing was rolled back.",
            "Bring the file back; to roll back alone: switchback rollback.",
        )
    back = replace(request, operation=Operation.ROLLBACK, target=None)
    facts.then = _foreseen(session, request, comparison, ids, _same)
    return _Both(session, back, facts, _same, facts.then).run(confirm, before)


def _looked(session: Session, request: Request, facts: Facts, command: str) -> Comparison:
    comparison = look(session, request, facts)
    if comparison.ledger.is_protected:
        raise RunnerError(
            Reason.DATABASE_PROTECTED,
            f"Database {comparison.ledger.identity.database.name} is protected: {command} never runs there.",
            "Check that this is the intended database. Rolling back alone: switchback rollback; to end the "
            "protection: switchback protect --off.",
        )
    return comparison


def _same(after: Comparison, undone: Sequence[str]) -> Goal:
    """The migrations that were rolled back, and nothing else that may be pending."""
    files = after.source.by_id
    ids = [one for one in undone if one in files]
    applied = [*(row.id for row in after.ledger.rows), *ids]
    return Goal(standing(applied, after.source), tuple(files[one] for one in ids))


class _Quiet:
    """Says nothing: what has to be said is said when it is done."""

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def begin(self, steps: Sequence[PlannedStep]) -> None:
        """Nothing."""

    def done(self, direction: Direction, migration_id: str, milliseconds: int | None, note: str) -> None:
        """Nothing."""


def _foreseen(
    session: Session, request: Request, comparison: Comparison, undone: Sequence[str], wish: Wish
) -> Plan:
    """Plan the second half before the first one runs: what can be known to stop it, stops all of it."""
    gone = set(undone)
    left = tuple(row for row in comparison.ledger.rows if row.id not in gone)
    after = compare(comparison.source, replace(comparison.ledger, rows=left))
    quiet = replace(session, reporter=_Quiet())
    return plan_forward(quiet, request, after, wish(after, undone))


@dataclass(frozen=True)
class _Both:
    """Both halves, under one lock."""

    session: Session
    back: Request
    facts: Facts
    wish: Wish
    then: Plan

    def run(self, confirm: Confirm, before: Before | None) -> Answer:
        facts, back = self.facts, self.back
        answer = rollback.run(self.session, back, facts, lambda plan: confirm(plan, self.then), before)
        nothing = answer.reason is Reason.UP_TO_DATE
        if nothing and back.target is None:
            return answer  # nothing is applied, so there is nothing to do again
        if back.dry_run:
            steps = () if facts.plan is None else facts.plan.steps
            would = f"{deeds(steps, ROLL_BACK)}, then " if steps else ""
            then = count(len(self.then.steps))
            return Answer(Reason.SUCCEEDED, f"Would {would}apply {then}; nothing was changed.")
        facts.then = None
        did = done(() if facts.plan is None else facts.plan.steps)
        undone = [entry.id for entry in reversed(facts.done)]
        if undone:
            self.session.reporter.say(f"{did}; applying again.")
            facts.before = (
                f"{did}, but did not come to the end of applying again; once this "
                "is mended, migrate goes on from here. "
            )
        applied = self._forward(undone)
        facts.before = ""
        return Answer(
            Reason.SUCCEEDED, f"{did}, then applied {count(applied)}; the database is at {facts.current}."
        )

    def _forward(self, undone: Sequence[str]) -> int:
        """The second half. Gives how many were applied."""
        from switchback.runner.execute import Executor  # noqa: PLC0415 - not needed when there is nothing to do

        session, facts = self.session, self.facts
        facts.done, facts.plan = [], None
        request = replace(self.back, operation=Operation.MIGRATE, expect_plan="")
        after = look(session, request, facts)
        after = again(session, request, facts, after.source) or after
        found = self.wish(after, undone)
        facts.target = found.target
        plan = facts.plan = plan_forward(session, request, after, found)
        if plan.direction is not Direction.FORWARD:
            return 0
        ledger = facts.ledger = session.ensure(plan.ledger)
        executor = Executor(session, ledger, after.source)
        facts.done = executor.done
        executor.run(plan.steps)
        return len(executor.done)
