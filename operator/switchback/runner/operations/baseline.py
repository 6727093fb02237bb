"""Begin a ledger in a database that is there already: files up to one of them count as applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE
from switchback.migrations.target import resolve
from switchback.runner.adoption import keep
from switchback.runner.adoption.find import find, is_ours
from switchback.runner.errors import RunnerError
from switchback.runner.fitness import refuse_other, reserved
from switchback.runner.ledger import amend
from switchback.runner.operations.base import Answer, load_source
from switchback.runner.operations.migrate import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchback.migrations.model import Migration, Source
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def run(
    session: Session,
    request: Request,
    facts: Facts,
    confirm: Callable[[Ledger, Sequence[Migration]], None] | None = None,
) -> Answer:
    """Write a ledger in which every file up to the target counts as applied. No file runs.

    Args:
        session: of this run.
        request: what is asked.
        facts: filled on the way.
        confirm: asked before anything is written; raises to stop.

    Raises:
        RunnerError: `BaselineRefused`; `Usage` without a target; `LedgerNewer`, `DatabaseChanged`,
            `Reserved`, `LockTimeout`.
        SourceProblem: the folder cannot be used, or the target is unknown.
    """
    source = load_source(request, facts)
    ledger = facts.ledger = session.read()
    _refuse(session, request, ledger)
    _refuse_empty(ledger)
    _refuse_history(session, ledger)
    counted = _counted(request, source)
    facts.target = counted[-1].id
    if request.dry_run:
        return Answer(
            Reason.SUCCEEDED,
            f"Would count {count(len(counted))} ({_span(counted)}) as applied in database "
            f"{ledger.identity.database.name}; nothing was changed.",
        )
    if confirm is not None:
        confirm(ledger, counted)
    facts.ledger = session.lock(ledger)
    if facts.ledger is not ledger:
        _refuse(session, request, facts.ledger)
    _write(session, source, facts.ledger, counted)
    facts.ledger = session.read()
    return Answer(
        Reason.SUCCEEDED,
        f"{count(len(counted))} ({_span(counted)}) now {'counts' if len(counted) == 1 else 'count'} as "
        f"applied; none of their SQL has run. The database is at {facts.current}.",
    )


def _refuse(session: Session, request: Request, ledger: Ledger) -> None:
    """Stop where a ledger says already what is applied."""
    refuse_other(ledger, session.names, request.expect_ledger)
    if ledger.rows:
        last = ledger.rows[-1].id
        raise RunnerError(
            Reason.BASELINE_REFUSED,
            f"The ledger of database {ledger.identity.database.name} says already what is applied: "
            f"{count(len(ledger.rows))}, {last} last.",
            "To count one more file as applied without running it: switchback repair --mark ID.",
        )
    held = reserved(ledger, request.operation_id)
    if held is not None and not request.dry_run:
        raise held


def _refuse_empty(ledger: Ledger) -> None:
    if ledger.meta is None and not ledger.identity.other_relations:
        raise RunnerError(
            Reason.BASELINE_REFUSED,
            f"The database {ledger.identity.database.name} has no table: no file can have run in it.",
            "Check that the address names the intended database. In an empty one: switchback migrate.",
        )


def _refuse_history(session: Session, ledger: Ledger) -> None:
    """Stop where another tool knows better what is applied; of another application's only tell."""
    if ledger.meta is not None:
        return
    found = find(session.work)
    mine = [one for one in found if is_ours(one)]
    for one in found:
        if one not in mine:
            session.reporter.warn(
                f"{one.table.text} is the history of {one.tool.NAME}, outside the search path: it is not "
                "looked at."
            )
    if mine:
        tool, table = mine[0]
        raise RunnerError(
            Reason.BASELINE_REFUSED,
            f"{table.text} of {tool.NAME} says what is applied in database {ledger.identity.database.name}.",
            "Take it over: switchback adopt. If it is left over and does not count, drop or rename it first.",
        )


def _counted(request: Request, source: Source) -> tuple[Migration, ...]:
    """The files up to the target."""
    if not request.target or not request.target.strip():
        raise RunnerError(
            Reason.USAGE,
            "The target is empty.",
            "Name the last migration that the database has: --target ID.",
        )
    wanted = resolve(request.target, source)
    if wanted == BASE:
        raise RunnerError(
            Reason.USAGE,
            "Up to base there is no file to count as applied.",
            "To begin with every file pending: switchback migrate --allow-non-empty.",
        )
    last = source.by_id[wanted].position
    return tuple(migration for migration in source.migrations if migration.position <= last)


def _span(counted: Sequence[Migration]) -> str:
    if len(counted) == 1:
        return counted[0].id
    return f"{counted[0].id} to {counted[-1].id}"


def _write(session: Session, source: Source, ledger: Ledger, counted: Sequence[Migration]) -> None:
    rows = amend.baseline(session.names, session.author, counted, f"up to {counted[-1].id}")
    if ledger.meta is None:
        session.ensure(ledger, rows)
    else:
        rows += keep.marked(session, source, [migration.id for migration in counted])
        session.work.execute(amend.transaction(session.names, rows).encode())
