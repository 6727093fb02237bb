"""Bring the ledger's own row in line after something happened to the database around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes, read
from switchback.runner.operations.base import Answer

if TYPE_CHECKING:
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def rebind(session: Session, request: Request, facts: Facts) -> Answer:  # noqa: ARG001 - an operation's signature
    """Make the ledger belong to the database that it is in: it came with a dump, a copy or an upgrade.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    read.refuse_newer(ledger, session.names)
    meta, here = ledger.meta, ledger.identity
    if meta is None:
        raise _no_ledger(here.database.name)
    was = (meta.system_identifier, meta.database_oid, meta.database_name)
    if was == (here.database.system_identifier, here.oid, here.database.name):
        return Answer(Reason.UP_TO_DATE, f"The ledger belongs to {here.database.name} already.")
    facts.ledger = session.lock(ledger)
    changes.rebind(session.work, session.names, session.author, here)
    return Answer(
        Reason.SUCCEEDED, f"The ledger of {meta.database_name} belongs to {here.database.name} from now on."
    )


def release(session: Session, request: Request, facts: Facts) -> Answer:  # noqa: ARG001 - an operation's signature
    """Clear a reservation, whoever holds it.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    read.refuse_newer(ledger, session.names)
    if ledger.meta is None:
        raise _no_ledger(ledger.identity.database.name)
    held = ledger.meta.reservation
    if held is None:
        return Answer(Reason.UP_TO_DATE, "Nobody has reserved this database.")
    facts.ledger = session.lock(ledger)
    changes.release(session.work, session.names, session.author, of_anybody=True)
    return Answer(Reason.SUCCEEDED, f"Released the reservation of {held.operation_id}.")


def _no_ledger(database: str) -> RunnerError:
    return RunnerError(
        Reason.BASELINE_REQUIRED, f"The database {database} has no ledger.", "There is nothing to repair."
    )
