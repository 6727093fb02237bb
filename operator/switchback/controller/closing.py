"""What is left when the outcome is known: writers are let in, the database is given back, order is made.

None of it changes the outcome. The reservation is given back by one try: it also expires by itself. Restore
points beyond spec.snapshot.retention are looked at once: the next operation does it again. A fence is lowered
until it is down, however often that fails: whoever it keeps out is waiting.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import TAIL, RetentionState
from switchback.contract.points import Place
from switchback.contract.words import Operation
from switchback.controller import decision
from switchback.controller.decision import Act, Decision, DeleteSnapshot, WriteIntent
from switchback.controller.lifecycle import RETRY_CAP_SECONDS, back_off, change, intend, put_off
from switchback.controller.report import at_rest, report
from switchback.controller.restore_points import doomed_of
from switchback.controller.stages.fence import lower
from switchback.controller.times import parse, passed, rfc3339, upcoming

if TYPE_CHECKING:
    from switchback.api.snapshots import Retention
    from switchback.api.status import Status
    from switchback.contract.points import Listing, Owned
    from switchback.contract.result import Result
    from switchback.controller.view import View

LISTING_SECONDS = 600
"""After so long restore points that cannot be listed are left alone until the next operation."""


def close(view: View) -> Decision | None:
    """The next thing to do for an operation that is over; None when there is none."""
    return _fence(view) or _reservation(view) or _points(view)


def after_the_end(
    view: View, reason: str, message: str, *, done: bool = False, result: Result | None = None
) -> Status:
    """The status once a Job has ended that closes an operation which was over already."""
    status, operation = view.status, view.operation
    match operation.step:
        case Operation.RELEASE:
            return change(status, reserved_until="")
        case Operation.PRUNE:
            gone, kept = (result.deleted, result.kept) if result is not None else ((), 0)
            return noted(view, gone, kept, "" if done else reason, message)
        case Operation.UNFENCE if operation.fence is not None and not done:
            tries = operation.fence.tries + 1
            fence = operation.fence.model_copy(update={"tries": tries})
            delay = back_off(operation, tries, RETRY_CAP_SECONDS)
            return put_off(change(status, fence=fence), view.now, delay, reason, message)
        case Operation.UNFENCE:
            return change(status, fence=None)
        case _:
            return status


def _fence(view: View) -> Decision | None:
    operation = view.operation
    if operation.fence is None:
        return None
    if passed(operation.next_attempt_time, view.now) or not operation.next_attempt_time:
        return WriteIntent(_shut_out(view.with_status(lower(view))))
    return decision.Wait(_shut_out(view), upcoming(view.now, operation.next_attempt_time))


def _shut_out(view: View) -> Status:
    """The end, with a fence that is still up: that is what people have to know first."""
    operation, outcome = view.operation, view.outcome
    if not operation.fence or not operation.fence.tries or outcome is None:
        return at_rest(view)
    message = f"writers may still be kept out: {operation.last_message}"
    if operation.next_attempt_time:
        message += f" Next try at {operation.next_attempt_time}."
    message += f" The operation had ended {outcome.outcome}."
    return report(view.world, view.status, Situation.FAILED, OperatorReason.FENCE_FAILED, message)


def _reservation(view: View) -> Decision | None:
    until = view.operation.reserved_until
    if not until:
        return None
    if not passed(until, view.now):
        return WriteIntent(at_rest(view.with_status(intend(view, Operation.RELEASE))))
    return WriteIntent(at_rest(view.with_status(change(view.status, reserved_until=""))))


def _points(view: View) -> Decision | None:
    """Older restore points are deleted, one at a time, by rules that speak for keeping."""
    operation, snapshot, provider = view.operation, view.spec.snapshot, view.world.provider
    if not operation.pruning:
        return None
    if snapshot is None or provider is None or not (provider.lists and provider.deletes):
        return WriteIntent(at_rest(view.with_status(change(view.status, pruning=False))))
    if provider.place is Place.JOB:
        return WriteIntent(at_rest(view.with_status(intend(view, Operation.PRUNE))))
    listing = view.world.kept.listing
    if listing is None:
        return decision.Wait(at_rest(view), view.now + timedelta(seconds=2))
    return _listed(view, listing, snapshot.retention) if listing.complete else _unlisted(view, listing)


def _listed(view: View, listing: Listing, rules: Retention) -> Decision:
    doomed = doomed_of(view.world, view.status, listing, rules)
    if doomed is not None:
        return Act(DeleteSnapshot(doomed.name, doomed.reason))
    return WriteIntent(at_rest(view.with_status(_tidied(view, listing.points))))


def _unlisted(view: View, listing: Listing) -> Decision:
    failure, outcome = listing.failure, view.outcome
    ended = parse(outcome.completion_time) if outcome is not None else None
    if ended is None or view.now - ended > timedelta(seconds=LISTING_SECONDS):
        reason = failure.reason if failure is not None else OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE
        message = failure.message if failure is not None else "not all restore points could be listed."
        return WriteIntent(at_rest(view.with_status(noted(view, (), 0, reason, message))))
    return decision.Wait(at_rest(view), view.now + timedelta(seconds=30))


def _tidied(view: View, points: tuple[Owned, ...]) -> Status:
    """What became of older restore points is noted, and not looked at again before the next operation."""
    there = {one.observation.name for one in points}
    sources = {"", *(one.observation.source_id for one in points)}
    gone = tuple(
        one.name
        for one in view.status.snapshots
        # Where spec.snapshot has named another provider, region or instance, nobody has looked.
        if points
        and one.name not in there
        and one.provider in {"", view.provider_field}
        and one.source_id in sources
    )
    return noted(view, gone, len(points), "", "")


def noted(view: View, gone: tuple[str, ...], kept: int, reason: str, message: str) -> Status:
    """What became of older restore points, or why nobody could look at them."""
    state = RetentionState(
        time=rfc3339(view.now),
        operation_id=view.operation.id,
        kept=kept or None if reason else kept,
        deleted=gone[-TAIL:],
        reason=reason,
        message=message,
    )
    status = view.status.model_copy(update={"retention": state})
    if gone:
        left = tuple(one for one in status.snapshots if one.name not in gone)
        status = status.model_copy(update={"snapshots": left})
    return change(status, pruning=False)
