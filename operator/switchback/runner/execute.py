"""Running steps: transactional files in batches, the others one statement at a time, and what goes wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import blame, limits, lock, settle, watch, wire
from switchback.runner.bundle import Batch, Bundle, batches
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import entries
from switchback.runner.plan import PlannedStep, Way
from switchback.runner.track import Failure, Tracker, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.runner.ledger.model import Ledger
    from switchback.runner.session import Session

TELL_EVERY_SECONDS = 10
LOOK_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Done:
    """One committed step."""

    direction: Direction
    id: str
    milliseconds: int | None


class Executor:
    """Runs steps under the lock. `done` grows as they are committed, and is right whatever happens."""

    def __init__(self, session: Session, ledger: Ledger) -> None:
        self.session = session
        self.ledger = ledger
        self.done: list[Done] = []
        self._position = ledger.last_position
        self._blockers = ""

    def run(self, steps: Sequence[PlannedStep]) -> None:
        """Run all steps in order.

        Raises:
            RunnerError: the first failure; what is in `done` stays.
            Stopped: a signal came; what was under way was rolled back.
        """
        self._together([(step, self._bundle(step)) for step in steps])

    def _bundle(self, step: PlannedStep) -> Bundle:
        names, author = self.session.names, self.session.author
        if step.way is Way.UP and step.migration is not None:
            self._position += 1
            total = len(step.migration.up.script.statements)
            record = entries.applied_row(names, step.migration, self._position, author, done=total)
            guard = entries.applied_guard(names, step.id)
        else:
            record = entries.removed_row(names, step.id, author, kind=_KINDS[step.way], details=step.notice)
            guard = entries.removed_guard(names, step.id)
        settings = limits.settings(self.session.limits, step.half, self.ledger.identity.database.major)
        limited = limits.lock_timeout_ms(self.session.limits, step.half) > 0
        return Bundle(step.id, step.half, settings, record, guard, author.operation_id, limited)

    def _together(self, work: list[tuple[PlannedStep, Bundle]]) -> None:
        """Send bundles in batches until all are committed."""
        number = self.session.lock_number
        after = "" if number is None else lock.held_query(number)
        tries = 0
        while work:
            batch = next(batches([bundle for _, bundle in work], after))
            tracker = self._send(batch, work)
            work = work[tracker.index :]
            failure = tracker.failure
            if failure is None:
                tries = 0
                self._check_lock(tracker)
                continue
            if tracker.index:
                tries = 0
            later = failure.index - tracker.index
            if later > 0:  # nothing ran, because a later file cannot be parsed: what is before it goes first
                self._together(work[:later])
                work = work[later:]
            step, bundle = work[0]
            tries += 1
            if blame.RETRIED.isdisjoint({failure.error.sqlstate}) or failure.where is Where.GUARD:
                raise self._failed(bundle, failure, step)
            self._pause(bundle, failure, tries)

    def _send(self, batch: Batch, work: list[tuple[PlannedStep, Bundle]]) -> Tracker:
        """Send one batch and follow it to its end; after an error the session is idle again."""
        session = self.session
        tracker = Tracker(batch)
        self._blockers = ""

        def tick(elapsed: float) -> None:
            self._tick(batch.bundles[min(tracker.index, len(batch.bundles) - 1)], elapsed)

        with session.stop.held():
            try:
                for reply in wire.exchange(session.work, batch.text, session.stop, tick):
                    committed = tracker.feed(reply)
                    if committed is not None:
                        self._committed(work[tracker.index - 1][0], committed[1])
                if tracker.failure is not None:
                    settle.roll_back(session)
            except wire.LostError as lost:
                self._lost(batch, work, tracker.index, lost)
                tracker.index, tracker.failure = len(batch.bundles), None
        session.stop.check()
        return tracker

    def _lost(
        self, batch: Batch, work: list[tuple[PlannedStep, Bundle]], known: int, lost: wire.LostError
    ) -> None:
        """The connection broke: the ledger says what is committed. Returns when all of the batch is."""
        steps = [step for step, _ in work[: len(batch.bundles)]]
        ledger = settle.after_loss(self.session, steps[known], lost)
        for step in steps[known:]:
            if (step.id in ledger.by_id) is not (step.direction is Direction.FORWARD):
                raise settle.not_committed(step, lost)
            row = ledger.by_id.get(step.id)
            self._committed(step, None if row is None else row.duration_ms)

    def _committed(self, step: PlannedStep, milliseconds: int | None) -> None:
        self.done.append(Done(step.direction, step.id, milliseconds))
        self.session.reporter.done(step.direction, step.id, milliseconds, step.notice)

    def _check_lock(self, tracker: Tracker) -> None:
        """After each batch: a file may have dropped the lock with pg_advisory_unlock_all().

        Raises:
            RunnerError: `LockTimeout` when it is gone and another run has it, or has written meanwhile.
        """
        after = tracker.after
        if after is None or (after.error is None and after.row[:1] == ("1",)):
            return
        settle.regain_lock(self.session, [bundle.migration_id for bundle in tracker.batch.bundles], self.done)

    def _tick(self, bundle: Bundle, elapsed: float) -> None:
        """About once a second of silence: look what the statement waits for, and tell it now and then."""
        if elapsed < LOOK_AFTER_SECONDS:
            return
        seconds = int(elapsed)
        if bundle.waits_for_locks or seconds % TELL_EVERY_SECONDS == 0:
            self._blockers = (
                watch.blockers(self.session, self.session.work.pgconn.backend_pid) or self._blockers
            )
        if seconds % TELL_EVERY_SECONDS == 0:
            waits = f"; {self._blockers}" if self._blockers else ""
            self.session.reporter.say(f"{bundle.migration_id} is running for {seconds} s{waits}.")

    def _pause(self, bundle: Bundle, failure: Failure, tries: int) -> None:
        limit = self.session.limits
        why = f": {self._blockers}" if self._blockers else ""
        if tries > limit.retries:
            raise RunnerError(
                Reason.OBJECTS_LOCKED,
                f"{bundle.migration_id} could not get its locks in {tries} tries{why}.",
                file=bundle.path,
                line=failure.line,
                sqlstate=failure.error.sqlstate,
            )
        longest = min(limit.first_pause * 2 ** (tries - 1), limit.longest_pause)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        self.session.reporter.say(
            f"{bundle.migration_id} waits for locks{why}; rolled back, try {tries + 1} of "
            f"{limit.retries + 1} in {pause:.0f} s."
        )
        self.session.stop.wait(pause)

    def _failed(self, bundle: Bundle, failure: Failure, step: PlannedStep) -> RunnerError:
        if failure.where is not Where.GUARD:
            return blame.failed(bundle, failure)
        return settle.guard_failed(self.session, bundle, failure, step)


_KINDS = {
    Way.FILE: entries.ROLLED_BACK,
    Way.LEDGER: entries.ROLLED_BACK,
    Way.NOTHING: entries.NOT_UNDONE,
    Way.FORGET: entries.FORGOTTEN,
}
