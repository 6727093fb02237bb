"""What an operation is asked, what it learns on the way, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.result import Marker
from switchback.contract.words import LATEST, Direction, Operation
from switchback.migrations.load import load
from switchback.runner.compare import Comparison, compare
from switchback.runner.errors import RunnerError
from switchback.runner.expected import ANY, Bounds, Undo
from switchback.runner.fitness import refuse_other, reserved
from switchback.runner.ledger import changes
from switchback.runner.operations.wishes import refuse_unnamed
from switchback.runner.order import standing
from switchback.runner.policy import USUAL, DownFrom, Policy

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from switchback.contract.words import Risk
    from switchback.migrations.model import Source
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session
    from switchback.runner.slots import Fitting
    from switchback.runner.transact import Done


@dataclass(frozen=True, slots=True)
class Request:
    """One wish.

    Attributes:
        operation: what to do.
        operation_id: on whose behalf; `cli-…` from a command line.
        folder: where the migrations are.
        target: `latest`, `base`, an id or a short form; None: the operation's default.
        steps: instead of a target, how many migrations; from command lines only.
        format: name of the source's format; None to look.
        ignore: patterns of files that are no migrations.
        dry_run: change nothing; the server enforces it.
        allow_non_empty: begin a ledger in a database that already has relations.
        force: both of the next two.
        forget_missing: forget rows that have neither a file nor a stored down half.
        every: roll back all when asked for more steps than there are.
        cascade: add CASCADE to DROPs of a rollback that would fail without it.
        down_from: whose down half runs when file and ledger differ.
        accept: risks that somebody has accepted.
        expect_source: digest that the folder must have; empty: any.
        expect_plan: digest that the plan must have; empty: any.
        reserve_unless_risky: on inspect, reserve in the same run when no risk is left unaccepted.
        reserve_seconds: life of a reservation.
        own_reservation: roll back only under a reservation of this operation.
        policy: what is done where files and ledger do not simply follow each other.
        down_folder: files in which a way back is looked up that neither `folder` nor the ledger has.
        expect_ledger: UUID that the ledger must have; empty: any, or none.
        withdraw_intent: on rollback, write down that the author's intent is not wished any more.
        allow_withdrawn: go forward although the author's intent was withdrawn.
        marker: xid8 of the marker before the restore point; what was begun since is counted. Empty: none.
        slots: programs of which is asked whether they work with the version that the run leads to.
        require_slots: names of those that have to; inspect only answers.
        undo: what a plan that goes back has to undo.
        application_name: on drain, whose sessions have to end.
        drain_seconds: on drain, for how long they are waited for.
    """

    operation: Operation
    operation_id: str
    folder: Path
    target: str | None = None
    steps: int | None = None
    format: str | None = None
    ignore: tuple[str, ...] = ()
    dry_run: bool = False
    allow_non_empty: bool = False
    force: bool = False
    forget_missing: bool = False
    every: bool = False
    cascade: bool = False
    down_from: DownFrom = DownFrom.REFUSE
    accept: frozenset[Risk] = frozenset()
    expect_source: str = ""
    expect_plan: str = ""
    reserve_unless_risky: bool = False
    reserve_seconds: float = 2100
    own_reservation: bool = False
    policy: Policy = USUAL
    down_folder: Path | None = None
    expect_ledger: str = ""
    withdraw_intent: bool = False
    allow_withdrawn: bool = False
    marker: str = ""
    slots: tuple[Bounds, ...] = ()
    require_slots: frozenset[str] = frozenset()
    undo: Undo = ANY
    application_name: str = ""
    drain_seconds: float = 0

    @property
    def only_looks(self) -> bool:
        """Whether nothing will be written, so that nobody's reservation stands in the way."""
        looks = self.operation is Operation.INSPECT and not self.reserve_unless_risky
        return self.dry_run or looks


@dataclass
class Facts:
    """What a run has learned so far; the result tells it, however the run ends.

    Attributes:
        then: what a run of two halves applies in the second one, as long as that has not begun.
        before: what a run of two halves has done in the first one: said before anything of the second.
        by_operation: how many migrations the operation itself has applied, in whichever run.
        begun_at: the version without what the operation has begun; empty when it has begun nothing.
    """

    source: Source | None = None
    ledger: Ledger | None = None
    plan: Plan | None = None
    then: Plan | None = None
    target: str = ""
    done: list[Done] = field(default_factory=list)
    reserved_until: datetime | None = None
    marker: Marker | None = None
    slots: tuple[Fitting, ...] = ()
    before: str = ""
    by_operation: int = 0
    begun_at: str = ""

    @property
    def applied(self) -> list[str]:
        """Ids in order of application, as far as this run knows."""
        ids = dict.fromkeys(row.id for row in self.ledger.rows) if self.ledger is not None else {}
        for entry in self.done:
            if entry.direction is Direction.FORWARD:
                ids[entry.id] = None
            else:
                ids.pop(entry.id, None)
        return list(ids)

    @property
    def current(self) -> str:
        """Where the database is; empty when that is not known."""
        return "" if self.ledger is None else standing(self.applied, self.source)


@dataclass(frozen=True, slots=True)
class Answer:
    """How an operation ended when nothing went wrong."""

    reason: Reason
    message: str


def load_source(request: Request, facts: Facts) -> Source:
    """Read the files, and make sure they are the expected ones.

    Raises:
        SourceProblem: the folder cannot be used.
        RunnerError: `SourceMoved`.
    """
    source = load(request.folder, request.format, request.ignore)
    facts.source = source
    if request.expect_source and source.digest != request.expect_source:
        raise RunnerError(
            Reason.SOURCE_MOVED,
            f"The files in {request.folder} have the digest {source.digest}; "
            f"{request.expect_source} was expected.",
        )
    return source


def look(session: Session, request: Request, facts: Facts) -> Comparison:
    """Read files and ledger, and compare them.

    Raises:
        SourceProblem: the folder cannot be used.
        RunnerError: of connecting; `Usage`, `SourceMoved`, `LedgerNewer`, `DatabaseChanged`, `Reserved`.
    """
    refuse_unnamed(session, request)
    source = load_source(request, facts)
    facts.ledger = session.read()
    return _judged(session, request, facts, source)


def again(session: Session, request: Request, facts: Facts, source: Source) -> Comparison | None:
    """Take the lock. Gives a new comparison when the ledger has changed since it was read, else None.

    Raises:
        RunnerError: `LockTimeout`, `OrphanRunning`, `LedgerNewer`, `DatabaseChanged`, `Reserved`.
    """
    before = facts.ledger
    assert before is not None  # noqa: S101 - `look` comes first
    facts.ledger = session.lock(before)
    if facts.ledger is before:
        return None
    return _judged(session, request, facts, source)


def count_since(session: Session, request: Request, facts: Facts) -> None:
    """Under the lock, right before the first statement: how much was begun since the restore point."""
    if request.marker:
        facts.marker = Marker(
            transaction=request.marker, since=changes.begun_since(session.work, request.marker)
        )


def _judged(session: Session, request: Request, facts: Facts, source: Source) -> Comparison:
    """The comparison with a ledger that was just read, if this run may work on it."""
    ledger = facts.ledger
    assert ledger is not None  # noqa: S101 - whoever calls has read it
    refuse_other(ledger, session.names, request.expect_ledger)
    held = reserved(ledger, request.operation_id)
    if held is not None and not request.only_looks:
        raise held
    if held is not None:
        session.reporter.warn(held.message)
    if request.policy.adopt:
        from switchback.runner.adoption import take  # noqa: PLC0415 - only who comes from another tool

        facts.ledger = take.look(session, request.policy, source, ledger)
    return compare(source, ledger if facts.ledger is None else facts.ledger)


def wished(request: Request) -> str:
    """The target as it was asked for.

    Raises:
        RunnerError: `Usage` when it is empty, as an unset variable leaves it: that is not the default.
    """
    if request.target is None:
        return LATEST
    if not request.target.strip():
        raise RunnerError(
            Reason.USAGE,
            "The target is empty.",
            "Name a migration, latest or base; without --target it is latest.",
        )
    return request.target
