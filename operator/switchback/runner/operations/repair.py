"""Bring the ledger's own row in line after something happened to the database around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes, read
from switchback.runner.operations.amend import no_ledger
from switchback.runner.operations.base import Answer

if TYPE_CHECKING:
    from switchback.runner.ledger.model import Identity, Ledger, Meta
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def rebind(session: Session, request: Request, facts: Facts) -> Answer:
    """Make the ledger belong to the database that it is in: it came with a dump, a copy or an upgrade.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    meta, here = _own(session, ledger), ledger.identity
    name = here.database.name
    already = Answer(Reason.UP_TO_DATE, f"The ledger belongs to {name} already.")
    if not _is_of_another(meta, here):
        return already
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
    if not _is_of_another(_own(session, facts.ledger), facts.ledger.identity):
        return already
    changes.rebind(session.work, session.names, session.author, facts.ledger.identity)
    return Answer(Reason.SUCCEEDED, f"The ledger of {meta.database_name} belongs to {name} from now on.")


def _own(session: Session, ledger: Ledger) -> Meta:
    """The ledger's own row; a ledger is judged when it is looked at, and again when it is locked.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`.
    """
    read.refuse_newer(ledger, session.names)
    if ledger.meta is None:
        raise no_ledger(ledger)
    return ledger.meta


def _is_of_another(meta: Meta, here: Identity) -> bool:
    was = (meta.system_identifier, meta.database_oid, meta.database_name)
    return was != (here.database.system_identifier, here.oid, here.database.name)


def release(session: Session, request: Request, facts: Facts) -> Answer:
    """Clear a reservation, whoever holds it.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `LockTimeout`; `PlanMoved` when
            another operation has reserved the database meanwhile.
    """
    ledger = facts.ledger = session.read()
    held = _own(session, ledger).reservation
    nobody = Answer(Reason.UP_TO_DATE, "Nobody has reserved this database.")
    if held is None:
        return nobody
    if request.dry_run:
        return Answer(
            Reason.SUCCEEDED, f"Would release the reservation of {held.operation_id}; nothing was changed."
        )
    facts.ledger = session.lock(ledger)
    now = _own(session, facts.ledger).reservation
    if now is None:
        return nobody
    if now.operation_id != held.operation_id:
        raise RunnerError(
            Reason.PLAN_MOVED,
            f"{now.operation_id} has reserved this database in place of {held.operation_id} meanwhile; "
            "nothing was released.",
            "Look with status whether that operation is at work; if it is not, repeat the command.",
        )
    changes.release(session.work, session.names, session.author, of_anybody=True)
    return Answer(Reason.SUCCEEDED, f"Released the reservation of {held.operation_id}.")
