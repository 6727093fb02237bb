"""Run one operation to its end and say how it ended, whatever happened: success, error, signal or bug."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import MESSAGE_BYTES, Result, Slot
from switchback.contract.words import Direction
from switchback.migrations.errors import SourceProblem
from switchback.runner import clock, wire
from switchback.runner.errors import RunnerError
from switchback.runner.operations.base import Facts
from switchback.runner.operations.registry import OPERATIONS
from switchback.runner.stop import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.migrations.errors import Problem
    from switchback.runner.opening import Opener
    from switchback.runner.operations.base import Answer, Request
    from switchback.runner.session import Session


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        result: as it travels.
        facts: what was learned, for people.
        error: what went wrong, with everything for the log; None when nothing did.
        text: the error for people: place, sentences, SQLSTATE. Not yet redacted.
        advice: what to do next.
        file: path of the file concerned, relative to the source folder; None: there is none.
        line: line in `file`, counted from 1.
        sqlstate: five characters from the server, if it spoke.
        problems: everything that is wrong with the files; the first of them is what `text` tells.
    """

    result: Result
    facts: Facts
    error: BaseException | None = None
    text: str = ""
    advice: str = ""
    file: str | None = None
    line: int | None = None
    sqlstate: str | None = None
    problems: tuple[Problem, ...] = ()


def perform(
    session: Session,
    request: Request,
    opener: Opener,
    action: Callable[[Session, Request, Facts], Answer] | None = None,
) -> Ending:
    """Run the operation of the request, or `action` in its place, and catch everything.

    Args:
        session: of this run; connects when it is first needed.
        request: what to do.
        opener: knows the address's secrets, and what the driver's errors mean.
        action: instead of the operation's own function.
    """
    facts = Facts()
    run = action or OPERATIONS[request.operation]
    try:
        with session.stop.live():
            session.stop.check()  # what came before there was anything to stop
            answer = run(session, request, facts)
        return Ending(_result(request, facts, answer.reason, opener.redactor().clean(answer.message)), facts)
    except Stopped as error:
        ending = _failed(request, facts, _of_signal(error), error, opener)
        return replace(ending, result=replace(ending.result, exit_code=128 + error.signum))
    except Exception as error:  # noqa: BLE001 - a bug still has to be told to whoever waits for the result
        return _failed(request, facts, _shown(error, opener, session.names.schema), error, opener)


def _shown(error: Exception, opener: Opener, ledger: str) -> RunnerError:
    """The error for people and for the result, whatever was raised."""
    match error:
        case RunnerError():
            return error
        case SourceProblem():
            return _of_source(error)
        case psycopg.Error():
            return opener.explain(error, ledger)
        case wire.LostError():
            return _of_loss(error)
        case _:
            return _of_bug(error)


def _of_source(error: SourceProblem) -> RunnerError:
    return RunnerError(error.reason, error.message, error.advice, file=error.file, line=error.line)


def _of_signal(error: Stopped) -> RunnerError:
    return RunnerError(Reason.INTERRUPTED, error.said, None if error.under_way else "")


def _of_loss(error: wire.LostError) -> RunnerError:
    """Between two statements of a file without transaction: what runs is recorded before it runs."""
    return RunnerError(Reason.CONNECTION_LOST, f"The connection broke: {error}.")


def _of_bug(error: Exception) -> RunnerError:
    return RunnerError(
        Reason.BUG,
        f"{type(error).__name__} in Switchback itself; the log says where, beside {os.urandom(4).hex()}.",
        "Please report it with the log of the run; --debug shows where it happened.",
    )


def _failed(
    request: Request, facts: Facts, shown: RunnerError, error: BaseException, opener: Opener
) -> Ending:
    from switchback.runner import advice  # noqa: PLC0415 - most runs end well

    redactor = opener.redactor()
    direction = Direction.NONE if facts.plan is None else facts.plan.direction
    what_to_do = advice.of(shown, direction, opener.missing_right, _text(facts, shown.file))
    message = f"{shown.message}{_so_far(facts)}"
    travelling = RunnerError(
        shown.reason, message, what_to_do, file=shown.file, line=shown.line, sqlstate=shown.sqlstate
    )
    place = f"{shown.place}: " if shown.place else ""
    state = f" (SQLSTATE {shown.sqlstate})." if shown.sqlstate else ""
    problems = error.problems if isinstance(error, SourceProblem) else ()
    whole = problems[0].message if problems else shown.message  # the others are told beside it
    said = whole.removesuffix(".") if state else whole
    summary = redactor.summary(travelling, MESSAGE_BYTES - len(facts.before.encode()))
    result = _result(request, facts, shown.reason, f"{facts.before}{summary}")
    text = f"{facts.before}{place}{said}{state}{_so_far(facts)}"
    return Ending(
        result,
        facts,
        error,
        text,
        redactor.clean(what_to_do),
        shown.file,
        shown.line,
        shown.sqlstate,
        problems,
    )


def _text(facts: Facts, path: str | None) -> str:
    """What was to run of a file; nothing when no step is of it."""
    steps = () if facts.plan is None else facts.plan.steps
    return next((one.half.text for one in steps if one.half is not None and one.half.path == path), "")


def _so_far(facts: Facts) -> str:
    """What this run has committed before it failed."""
    if not facts.done:
        return f" The database is at {facts.current}." if facts.before and facts.current else ""
    number = len(facts.done)
    word = "applied" if facts.done[0].direction is Direction.FORWARD else "rolled back"
    return (
        f" {number} before it {'was' if number == 1 else 'were'} {word}; the database is at {facts.current}."
    )


def _result(request: Request, facts: Facts, reason: Reason, message: str) -> Result:
    plan, ledger = facts.plan, facts.ledger
    applied = facts.applied
    return Result(
        operation=request.operation,
        operation_id=request.operation_id,
        reason=reason,
        message=message,
        at=clock.now(),
        exit_code=int(meaning(reason).exit_code),
        database=None if ledger is None else ledger.identity.database,
        direction=Direction.NONE if plan is None else plan.direction,
        current=facts.current,
        target=facts.target,
        pending=_pending(facts, applied),
        plan_digest="" if plan is None or not plan.steps else plan.digest,
        source_digest="" if facts.source is None else facts.source.digest,
        risks=() if plan is None else plan.risks,
        reserved_until="" if facts.reserved_until is None else clock.stamp(facts.reserved_until),
        reserved_seconds=0 if facts.reserved_until is None else int(request.reserve_seconds),
        marker=facts.marker,
        done=len(facts.done),
        held_back=0 if plan is None else len(plan.held),
        by_operation=facts.by_operation,
        begun_at=facts.begun_at,
        slots=tuple(Slot(one.name, one.fit) for one in facts.slots),
        applied_tail=tuple(applied[-10:]),
        steps=() if plan is None else tuple(step.public for step in plan.steps),
    )


def _pending(facts: Facts, applied: list[str]) -> int:
    if facts.source is None or facts.ledger is None:
        return 0
    known = set(applied)
    return sum(migration.id not in known for migration in facts.source.migrations)
