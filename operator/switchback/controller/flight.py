"""While a Job is intended or runs: create it, follow it, give it up when its time is over.

Nothing else starts until the named Job has ended. A Job that changes the database is never killed because
somebody edited the spec; one that has not started, or that takes a snapshot, is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import OperationKind, Outcome
from switchback.contract.words import CLOSING, Operation
from switchback.controller import decision
from switchback.controller.decision import Act, CreateJob, Decision, DeleteJob, WriteIntent
from switchback.controller.lifecycle import change, end, land
from switchback.controller.old_programs import is_gone
from switchback.controller.report import after_the_end, at_rest, report, working
from switchback.controller.restore_points import spoil
from switchback.controller.stages.snapshot import aged, may_go_without, waived
from switchback.controller.times import parse, passed, rfc3339, upcoming

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.status import Status
    from switchback.controller.observed import Job
    from switchback.controller.view import View

_O = OperatorReason

RELEASE_SECONDS = 300
"""A release that cannot start is given up after this: the reservation expires by itself."""

WRITER_MARGIN_SECONDS = 3600
"""How long after the operation's deadline a pod that changes the database may run on."""

LOST_SECONDS = 300
"""How long after its own deadline a pod counts as lost: only a node that is gone does not end it by then."""

START_SECONDS = 30
"""How often a Job that has not started is looked at: what keeps it is not always an event."""

_LOST_NODE = "if its node is gone for good, delete the pod with --force."

_MAY_BE_CUT_SHORT = {
    Operation.SNAPSHOT,
    Operation.FENCE,
    Operation.PRUNE,
    Operation.CHECK,
    Operation.DRAIN,
}
_WRITERS = {Operation.MIGRATE, Operation.ROLLBACK}


def in_flight(view: View) -> Decision:
    """What to do while `operation.jobName` is set and that Job has not ended."""
    job = view.job
    if job is None:
        return _not_there(view)
    limit, lost = _limit(view, job), _lost_at(view)
    if view.outcome is None and passed(lost, view.now) and (job.deleting or _holds_on(job)):
        return _give_up(view, job)
    if job.deleting:
        return decision.Wait(_shown(view, job), upcoming(view.now, lost))
    return _replaced(view, job) or _awaited(view, job, limit, lost)


def _replaced(view: View, job: Job) -> Decision | None:
    """Ends what is not wanted any more, or lets the operation decide anew by what the spec says now."""
    unwanted = _unwanted(view, job)
    if unwanted and not view.job_known:
        # That it was there is stored before it goes: one that has vanished is never taken for not run.
        return WriteIntent(_shown(view, job))
    if unwanted:
        return Act(DeleteJob(job.name, job.uid, unwanted))
    if _outdated(view, job):
        return WriteIntent(working(view.with_status(land(view.status))))
    return None


def _awaited(view: View, job: Job, limit: str, lost: str) -> Decision:
    hopeless = job.trouble is not None and job.trouble.fatal
    if hopeless or (passed(limit, view.now) and not _holds_on(job)):
        return _give_up(view, job)
    slow = "" if job.started else rfc3339(view.now + timedelta(seconds=START_SECONDS))
    return decision.Wait(_shown(view, job), upcoming(view.now, limit, lost, slow))


def _not_there(view: View) -> Decision:
    """Named, but not there: it was not created yet, or its pods outlive it."""
    if view.operation.job_uid or view.stray_pods_alive:
        names = ", ".join(pod.name for pod in view.world.stray_pods if not pod.ended)
        return _wait_for_room(view, f"pod {names}, whose Job was deleted, has not ended")
    closing = view.operation.step in CLOSING
    anew = (
        view.given_up
        or view.spec.suspend
        or _edited(view)
        or _too_late_for_its_restore_point(view)
        or _old_slot_is_back(view)
    )
    if view.outcome is None and not closing and anew:
        # Nothing was created, so there is nothing to end: the intent is taken back. What the spec says by now
        # may forbid it, or want to hear a person first.
        return WriteIntent(working(view.with_status(land(view.status))))
    return _make_room(view) or _too_late(view) or _hindered(view) or Act(_named(view))


def _too_late_for_its_restore_point(view: View) -> bool:
    """Whether the operator was away between naming the Job and creating it, for longer than may be.

    Where the API server refuses the Job there would be a restore point for each of its refusals.
    """
    return view.operation.step in _WRITERS and view.world.refused is None and aged(view)


def _old_slot_is_back(view: View) -> bool:
    """Whether a pod appeared that still needs what files of phase=contract take away."""
    contract = view.operation.kind is OperationKind.CONTRACT and view.operation.step in _WRITERS
    return contract and not is_gone(view)


def _too_late(view: View) -> Decision | None:
    """Its time is over before the API server has taken the Job."""
    if view.outcome is not None:
        if view.operation.step is not Operation.RELEASE or not passed(
            view.operation.reserved_until, view.now
        ):
            return None
        return WriteIntent(after_the_end(view.with_status(change(land(view.status), reserved_until=""))))
    if not passed(view.operation.deadline_time, view.now):
        return None
    refused = view.world.refused
    message = f"Job {view.operation.job_name} could not be created in time"
    message += f": {refused.message}" if refused is not None else "."
    over = view.with_status(spoil(land(view.status)))
    return WriteIntent(at_rest(view.with_status(end(over, Outcome.FAILED, _O.DEADLINE_EXCEEDED, message))))


def _hindered(view: View) -> Decision | None:
    """What keeps the API server from taking the Job is told once, then the Job is asked for again."""
    refused = view.world.refused
    if refused is None or view.outcome is not None:
        return None
    message = f"step {view.operation.step}: {refused.message}"
    told = report(view.world, view.status, Situation.RETRYING, refused.reason, message)
    return None if view.is_stored(told) else WriteIntent(told)


def _named(view: View) -> CreateJob:
    operation = view.operation
    if operation.step is None:
        raise LookupError("a Job is named, but no step")
    return CreateJob(operation.job_name, operation.step, operation.attempt)


def _make_room(view: View) -> Decision | None:
    """Never two Jobs of one resource at once, not even after a wiped status: older ones end first."""
    for job in view.other_jobs_alive:
        if job.step is Operation.CHECK and job.deleting:
            continue  # it only reads, and one whose node is gone never says that it has ended
        return clear(view) or _wait_for_room(view, f"Job {job.name} has not ended")
    return None


def clear(view: View) -> Act | None:
    """Ends a Job that cannot start and that the status does not name: nothing waits for it any more."""
    for job in view.other_jobs_alive:
        if job.trouble is not None and not job.started and not job.deleting:
            return Act(DeleteJob(job.name, job.uid, "it has not started, and is not waited for any more"))
    return None


def _wait_for_room(view: View, why: str) -> Decision:
    """Something of an earlier time still runs. When it outlives every deadline, its node is lost."""
    lost = _lost_at(view)
    if view.outcome is not None:
        # All that is left is the release of the reservation, which also expires by itself.
        return decision.Wait(after_the_end(view), None)
    if passed(lost, view.now):
        view = view.with_status(land(spoil(view.status)))
        message = f"{why} long after the deadline; {_LOST_NODE}"
        failed = end(view, Outcome.FAILED, _O.DEADLINE_EXCEEDED, message)
        return WriteIntent(at_rest(view.with_status(failed)))
    return decision.Wait(working(view), upcoming(view.now, lost))


def _lost_at(view: View) -> str:
    """When even the pod's own deadline is over, as RFC 3339: then nobody on its node enforces it."""
    end_of_time = parse(view.operation.deadline_time)
    if end_of_time is None:
        return ""
    margin = WRITER_MARGIN_SECONDS if view.operation.step in _WRITERS else 0
    return rfc3339(end_of_time + timedelta(seconds=margin + LOST_SECONDS))


def _unwanted(view: View, job: Job) -> str:
    """Why this Job should end before its time; empty when it should not."""
    if view.outcome is not None and job.step not in CLOSING:
        return "" if _holds_on(job) else "its operation is over"
    if job.step is Operation.SNAPSHOT and view.operation.snapshot_waived:
        return "the operation goes on without it"
    if job.step is Operation.UNFENCE:
        return ""
    if _old_slot_is_back(view) and not job.started:
        return "the old slot is there again"
    if view.operation.abort and view.outcome is None:
        return "somebody asked for the end of the operation"
    stuck = (job.trouble is not None and not job.started) or job.step in _MAY_BE_CUT_SHORT
    return "the spec asks for something else by now" if view.wants_new and stuck else ""


def _outdated(view: View, job: Job) -> bool:
    """Whether a pod that cannot start is described by a spec that was edited since: that may mend it."""
    return (
        _edited(view)
        and job.trouble is not None
        and not job.started
        and view.outcome is None
        and not view.spec.suspend
    )


def _edited(view: View) -> bool:
    """Whether the spec was edited since the Job was named."""
    return view.operation.generation < view.world.generation


def _holds_on(job: Job) -> bool:
    """Whether the Job may be changing the database: then only its pod's own deadline ends it."""
    return job.started and job.step not in _MAY_BE_CUT_SHORT


def _limit(view: View, job: Job) -> str:
    """Until when this Job may take, as RFC 3339."""
    begun = _begun(view, job)
    if job.step is Operation.SNAPSHOT and view.spec.snapshot is not None:
        return rfc3339(begun + timedelta(seconds=view.spec.snapshot.deadline_seconds))
    if job.step in {Operation.RELEASE, Operation.PRUNE}:
        return rfc3339(begun + timedelta(seconds=RELEASE_SECONDS))
    fence = view.operation.fence
    if job.step in {Operation.FENCE, Operation.UNFENCE} and fence is not None:
        return rfc3339(begun + timedelta(seconds=fence.deadline_seconds))
    return view.operation.deadline_time


def _begun(view: View, job: Job) -> datetime:
    """Since when the Job has had its time: since it was created, and by our own clock never before that.

    The API server's clock and ours may be far apart. A limit that is late is better than one that is early.
    """
    decided = parse(view.operation.attempt_time)
    return job.created if decided is None else max(decided, job.created)


def _give_up(view: View, job: Job) -> Decision:
    """The time is over. First the outcome is stored, then the Job is deleted."""
    if view.outcome is not None:
        return Act(DeleteJob(job.name, job.uid, "it did not start in time"))
    if job.step is Operation.SNAPSHOT and may_go_without(view):
        reason = job.trouble.reason if job.trouble is not None else _O.SNAPSHOT_LATE
        return WriteIntent(working(view.with_status(waived(view, reason))))
    trouble = job.trouble
    seconds = int((view.now - _begun(view, job)).total_seconds())
    message = f"step {job.step} did not end within {seconds} s"
    if trouble is not None:
        message = trouble.message if trouble.fatal else f"{message}: {trouble.message}"
    elif _holds_on(job):
        message += f"; {_LOST_NODE}"
    reason = trouble.reason if trouble else _O.DEADLINE_EXCEEDED
    spoiled = view.with_status(spoil(view.status))
    return WriteIntent(at_rest(view.with_status(end(spoiled, Outcome.FAILED, reason, message))))


def _shown(view: View, job: Job) -> Status:
    if view.outcome is not None:
        return after_the_end(view)
    trouble = job.trouble
    if trouble is None or view.operation.abort:
        return working(view)
    message = f"step {job.step}: {trouble.message}"
    return report(view.world, view.status, Situation.RETRYING, trouble.reason, message)
