"""What an operation has applied, by the words of its runs and by the ledger where a word was lost. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.status import Begun
from switchback.contract.reasons import Retry, meaning
from switchback.contract.words import Direction, Operation
from switchback.controller.lifecycle import change

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.contract.result import Result


def applied(status: Status, result: Result) -> Status:
    """Counts what the operation has applied: by a run that failed too, and by one that could not tell."""
    if status.operation is None:
        return status
    retry = meaning(result.reason).retry
    match result.operation:
        case Operation.MIGRATE:
            count = status.operation.applied_count + result.done
            known = change(status, applied_count=count)
            return known if retry is Retry.DONE else perhaps_begun(known)
        case Operation.INSPECT if retry is Retry.DONE:  # the ledger knows
            begun = Begun.SURELY if result.begun_at else None
            return change(
                status, begun=begun, applied_count=result.by_operation or status.operation.applied_count
            )
        case _:
            return status


def perhaps_begun(status: Status) -> Status:
    """A run that did not end well may have left a part of a file, too: only the ledger tells."""
    known = status.operation is not None and status.operation.begun is not None
    return status if known else change(status, begun=Begun.PERHAPS)


def forward(status: Status) -> Status:
    """Where a run finds nothing left to do because earlier ones have done it, the way was forward."""
    operation = status.operation
    if operation is None or operation.direction is not Direction.NONE or not operation.applied_count:
        return status
    return change(status, direction=Direction.FORWARD)
