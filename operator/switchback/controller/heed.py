"""Requests about the operation at hand: to end it, or to try again at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.controller.lifecycle import change
from switchback.controller.requests import about, fresh, handled

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.view import View


def heed(view: View) -> Status:
    """Takes up requests about the operation at hand, and notes those that are about none of ours.

    A request to begin again after a failure, or to roll back, begins an operation: `View.wants_new` tells.
    """
    status = view.status
    stale = fresh(view, "rollback")
    if stale and not view.rollback_wanted:
        # Of an intent that is no more, or that nobody remembers. It must not come to life should that return.
        status = handled(status, rollback=stale)
    if status.operation is None:
        return status
    abort, retry = fresh(view, "abort"), fresh(view, "retry")
    under_way = view.outcome is None
    if abort:
        status = handled(status, abort=abort)
        if under_way and about(abort, view.operation.id) and not view.operation.abort:
            status = change(status, abort=abort)
    if retry:
        status = handled(status, retry=retry)
        if under_way and about(retry, view.operation.id):
            status = change(status, retry=retry, next_attempt_time="", retries=0, waits=0)
        elif about(retry, view.operation.id) and view.succeeded:
            # There is nothing to try again. It must not come to life should that success be taken back.
            status = change(status, retry=retry)
    return status
