"""Bring the ledger's own row in line after something happened to the database around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.ledger import changes, read
from switchback.runner.operations.amend import no_ledger
from switchback.runner.operations.base import Answer

if TYPE_CHECKING:
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def rebind(session: Session, request: Request, facts: Facts) -> Answer:
    """Make the ledger belong to the database that it is in: it came with a dump, a copy or an upgrade.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    read.refuse_newer(ledger, session.names)
    meta, here = ledger.meta, ledger.identity
    if meta is None:
        raise no_ledger(ledger)
    name = here.database.name
    was = (meta.system_identifier, meta.database_oid, meta.database_name)
    if was == (here.database.system_identifier, here.oid, name):
        return Answer(Reason.UP_TO_DATE, f"The ledger belongs to {name} already.")
    if meta.protected_for and not ledger.is_protected:
        session.reporter.warn(
            f"The database that the ledger comes from is protected; this one is not. "
            f"switchback protect protects {name}."
        )
    if request.dry_run:
        return Answer(
            Reason.SUCCEEDED,
            f"Would let the ledger of {meta.database_name} belong to {name}; nothing was changed.",
        )
    facts.ledger = session.lock(ledger)
    changes.rebind(session.work, session.names, session.author, here)
    return Answer(Reason.SUCCEEDED, f"The ledger of {meta.database_name} belongs to {name} from now on.")


def release(session: Session, request: Request, facts: Facts) -> Answer:
    """Clear a reservation, whoever holds it.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    read.refuse_newer(ledger, session.names)
    if ledger.meta is None:
        raise no_ledger(ledger)
    held = ledger.meta.reservation
    if held is None:
        return Answer(Reason.UP_TO_DATE, "Nobody has reserved this database.")
    if request.dry_run:
        return Answer(
            Reason.SUCCEEDED, f"Would release the reservation of {held.operation_id}; nothing was changed."
        )
    facts.ledger = session.lock(ledger)
    changes.release(session.work, session.names, session.author, of_anybody=True)
    return Answer(Reason.SUCCEEDED, f"Released the reservation of {held.operation_id}.")
