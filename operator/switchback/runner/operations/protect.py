"""Protect a database: who rolls it back by hand has to name it, and reset and redo never run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.fitness import refuse_other
from switchback.runner.ledger import amend
from switchback.runner.operations.base import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.runner.ledger.model import Ledger
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def on(session: Session, request: Request, facts: Facts) -> Answer:
    """Protect the database. In an empty one the ledger is made for it.

    Raises:
        RunnerError: `BaselineRequired` where there are tables but no ledger; `LedgerNewer`,
            `DatabaseChanged`, `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    refuse_other(ledger, session.names, request.expect_ledger)
    name = ledger.identity.database.name
    if ledger.is_protected:
        return Answer(Reason.UP_TO_DATE, f"Database {name} is protected already.")
    if ledger.meta is None and ledger.identity.other_relations:
        raise RunnerError(
            Reason.BASELINE_REQUIRED,
            f"The database {name} has tables, but no ledger that could keep the mark.",
            "Begin one: switchback adopt for the history of another tool, else switchback baseline --target "
            "ID.",
        )
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would protect database {name}; nothing was changed.")
    _write(session, request, facts, on=True)
    return Answer(
        Reason.SUCCEEDED,
        f"Database {name} is protected: a rollback by hand has to name it, reset and redo are refused.",
    )


def off(
    session: Session, request: Request, facts: Facts, confirm: Callable[[Ledger], None] | None = None
) -> Answer:
    """End the protection.

    Raises:
        RunnerError: `LedgerNewer`, `DatabaseChanged`, `LockTimeout`, and what `confirm` raises to stop.
    """
    ledger = facts.ledger = session.read()
    refuse_other(ledger, session.names, request.expect_ledger)
    name = ledger.identity.database.name
    if not ledger.is_protected:
        return Answer(Reason.UP_TO_DATE, f"Database {name} is not protected.")
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would end the protection of database {name}; nothing was changed.")
    if confirm is not None:
        confirm(ledger)
    _write(session, request, facts, on=False)
    return Answer(Reason.SUCCEEDED, f"Database {name} is not protected any more.")


def _write(session: Session, request: Request, facts: Facts, *, on: bool) -> None:
    assert facts.ledger is not None  # noqa: S101 - it was looked at
    locked = session.lock(facts.ledger)
    refuse_other(locked, session.names, request.expect_ledger)
    locked = session.ensure(locked)
    text = amend.protect(session.names, session.author, locked.identity, on=on)
    session.work.execute(amend.transaction(session.names, text).encode())
    facts.ledger = session.read()
