"""Give up a reservation: for every end of an operation that comes without a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.fitness import other_ledger
from switchback.runner.ledger import changes, read
from switchback.runner.operations.base import Answer

if TYPE_CHECKING:
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def run(session: Session, request: Request, facts: Facts) -> Answer:
    """Clear the reservation if it is this operation's or one of the same resource; else leave all as it is.

    Raises:
        RunnerError: `DatabaseChanged`, `LockTimeout`, `OrphanRunning`, `LedgerNewer`.
    """
    ledger = facts.ledger = session.read()
    another = other_ledger(ledger, session.names, request.expect_ledger)
    if another is not None:
        raise another
    nothing = Answer(Reason.SUCCEEDED, f"{request.operation_id} has no reservation here; nothing to release.")
    held = ledger.meta.reservation if ledger.meta is not None else None
    if held is None or not (
        held.operation_id == request.operation_id or held.shares_holder(request.operation_id)
    ):
        return nothing
    read.refuse_newer(ledger, session.names)
    facts.ledger = session.lock(ledger)
    released = changes.release(session.work, session.names, session.author)
    session.unlock()
    return (
        Answer(Reason.SUCCEEDED, f"Released the reservation of {held.operation_id}.") if released else nothing
    )
