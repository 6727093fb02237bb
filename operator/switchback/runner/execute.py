"""Running the steps of a plan: transactional files in batches, the others one statement at a time."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from switchback.contract.words import Direction
from switchback.migrations.halves import Code, Sql
from switchback.runner import aftermath, blame, limits, settle, unbegun
from switchback.runner.adoption import keep
from switchback.runner.bundle import Bundle
from switchback.runner.ledger import entries
from switchback.runner.plan import PlannedStep, Way
from switchback.runner.stepwise import Stepwise, is_stepwise
from switchback.runner.transact import Done, TransactionFailed, Transactor, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchback.migrations.model import Source
    from switchback.runner.errors import RunnerError
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.session import Session


class Executor:
    """Runs steps under the lock, from the ledger as it is there.

    Args:
        session: of this run.
        ledger: as it is under the lock.
        source: the files.
        prelude: a statement into the ledger that is committed together with the first step, or with the
            first statement of it that takes effect.
    """

    def __init__(self, session: Session, ledger: Ledger, source: Source, prelude: str = "") -> None:
        self.session = session
        self._source = source
        self._kept: dict[tuple[Direction, str], str] = {}
        self._prelude = prelude
        self.transactor = Transactor(session, flush=not ledger.identity.watches_drops)
        self._major = ledger.identity.database.major
        self._position = ledger.last_position

    @property
    def done(self) -> list[Done]:
        """What is committed so far, whatever happens next."""
        return self.transactor.done

    def run(self, steps: Sequence[PlannedStep]) -> None:
        """Run all steps in order.

        Raises:
            RunnerError: the first failure; what is in `done` stays.
            Stopped: a signal came; what was under way was rolled back.
        """
        self.session.reporter.begin(steps)
        unbegun.clear(self.session, steps)
        self._kept = keep.statements(self.session, self._source, steps)
        self.transactor.flush &= not any(map(_makes_event_trigger, steps))
        for alone, group in groupby(steps, key=_goes_alone):
            if alone:
                for step in group:
                    if isinstance(step.half, Code):
                        self._coded(step)
                        continue
                    kept = self._kept.get((step.direction, step.id), "")
                    place, prelude = self._place(step), self._once()
                    Stepwise(
                        self.session,
                        self.transactor,
                        step,
                        place,
                        major=self._major,
                        prelude=prelude,
                        at_the_end=kept,
                    ).run()
                continue
            try:
                self.transactor.run([self._unit(step) for step in group])
            except TransactionFailed as failed:
                raise self._explained(failed) from None

    def _coded(self, step: PlannedStep) -> None:
        from switchback.runner import coded  # noqa: PLC0415 - most folders hold SQL alone

        place, prelude = self._place(step), self._once()
        coded.of(self.session, self.transactor, step, place, major=self._major, prelude=prelude).run()

    def _once(self) -> str:
        """The prelude, for whoever asks first."""
        text, self._prelude = self._prelude, ""
        return text

    def _place(self, step: PlannedStep) -> int:
        """Place in the order of application for a step that adds a row."""
        if step.way is Way.UP and step.row is None:
            self._position += 1
        return self._position

    def _unit(self, step: PlannedStep) -> Unit:
        names, author = self.session.names, self.session.author
        if step.way is Way.UP and step.migration is not None:
            migration, place = step.migration, self._place(step)
            record = entries.applied_row(names, migration, place, author, done=0)
            guard = entries.applied_guard(names, migration, place, author)
        elif step.half is not None:  # until the guard takes the row away it says that its way back has begun
            record = entries.going_back(names, step.id)
            guard = entries.gone_guard(names, step.id, author, details=step.notice)
        else:
            record = entries.removed_row(names, step.id, author, kind=_KINDS[step.way], details=step.notice)
            guard = entries.removed_guard(names, step.id)
        half = step.half
        besides = (self._once(), self._kept.get((step.direction, step.id), ""))
        assert half is None or isinstance(half, Sql)  # noqa: S101 - `run` has told them apart
        bundle = Bundle(
            migration_id=step.id,
            path="" if half is None else half.path,
            body="" if half is None else half.body,
            statements=() if half is None else half.statements,
            first_line=1 if half is None else half.first_line,
            settings=(
                *limits.settings(self.session.limits, half, self._major),
                *(f"{text};" for text in besides if text),
            ),
            record=record,
            guard=guard,
            operation_id=author.operation_id,
            lock_timeout_ms=limits.lock_timeout_ms(self.session.limits, half),
        )
        return Unit(step, bundle, _shows(step))

    def _explained(self, failed: TransactionFailed) -> RunnerError:
        failure, step, bundle = failed.failure, failed.unit.step, failed.unit.bundle
        ended = blame.ended_itself(failure)
        if not ended and blame.may_have_ended(failure):
            ended = aftermath.has_ended_itself(step, settle.look(self.session, step).ledger)
        if ended:
            return settle.guard_failed(self.session, bundle, failure, step)
        return blame.failed(bundle, failure)


def _makes_event_trigger(step: PlannedStep) -> bool:
    """Whether a step makes or enables one; what it will think of a DROP TABLE is not known before."""
    statements = () if step.half is None else step.half.statements
    return any(statement.words[1:2] == ("EVENT",) for statement in statements)


def _goes_alone(step: PlannedStep) -> bool:
    """Whether a step cannot travel with others in one string."""
    return is_stepwise(step) or isinstance(step.half, Code)


def _shows(step: PlannedStep) -> Callable[[Ledger], bool]:
    """Whether a ledger shows that the step is done, from end to end."""

    def shows(ledger: Ledger) -> bool:
        row = ledger.by_id.get(step.id)
        return row is None if step.direction is Direction.BACKWARD else row is not None and not row.is_partial

    return shows


_KINDS = {
    Way.FILE: entries.ROLLED_BACK,
    Way.LEDGER: entries.ROLLED_BACK,
    Way.UNBEGUN: entries.ROLLED_BACK,
    Way.NOTHING: entries.NOT_UNDONE,
    Way.FORGET: entries.FORGOTTEN,
}
