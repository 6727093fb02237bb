"""Whether the intent that a run serves is still wished: it may have been rolled back on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import intents

if TYPE_CHECKING:
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.operations.base import Request
    from switchback.runner.session import Session


def is_withdrawn(session: Session, ledger: Ledger, request: Request) -> bool:
    """Whether this run's intent was withdrawn, and may be followed all the same.

    Raises:
        RunnerError: `PreviouslyRolledBack` when it may not.
    """
    intent = session.author.intent_digest
    if not intent or ledger.meta is None:
        return False
    found = intents.withdrawal(session.work, session.names, intent)
    if found is not None and not request.allow_withdrawn:
        raise RunnerError(
            Reason.PREVIOUSLY_ROLLED_BACK,
            f"Operation {found.operation_id} has rolled this very wish back to {found.target} on request, at "
            f"{found.at}: it is not applied again by itself.",
        )
    return found is not None


def refuse_unnamed(session: Session, request: Request) -> None:
    """Stop where an intent should be withdrawn, and none is named, or nothing is rolled back.

    Raises:
        RunnerError: `Usage`.
    """
    if request.withdraw_intent and request.operation is not Operation.ROLLBACK:
        raise RunnerError(
            Reason.USAGE,
            f"An intent is withdrawn by a rollback, not by {request.operation}.",
            "Leave --withdraw-intent out.",
        )
    if request.withdraw_intent and not session.author.intent_digest:
        raise RunnerError(Reason.USAGE, "There is no intent to withdraw.", "Name it with --intent-digest.")
