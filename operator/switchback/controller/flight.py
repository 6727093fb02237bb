"""While a Job is intended or runs: create it, follow it, give it up when its time is over.

Nothing else starts until the named Job has ended. A Job that changes the database is never killed because
somebody edited the spec; one that has not started, or that only reads, is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import Outcome
from switchback.contract.words import Operation
from switchback.controller import decision
from switchback.controller.absorb import spoil_snapshot
from switchback.controller.decision import Act, CreateJob, Decision, DeleteJob, WriteIntent
from switchback.controller.lifecycle import change, end, land
from switchback.controller.report import at_rest, report, working
from switchback.controller.times import earliest, passed, rfc3339

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.observed import Job
    from switchback.controller.view import View

RELEASE_SECONDS = 300
"""A release that cannot start is given up after this: the reservation expires by itself."""

_MAY_BE_CUT_SHORT = {Operation.SNAPSHOT}


def in_flight(view: View) -> Decision:
    """What to do while `operation.jobName` is set and that Job has not ended."""
    job = view.job
    if job is None:
        return _not_there(view)
    if not view.operation.job_uid:
        view = view.with_status(change(view.status, job_uid=job.uid))
    if job.deleting:
        return decision.Wait(_shown(view, job), None)
    unwanted = _unwanted(view, job)
    if unwanted:
        return Act(DeleteJob(job.name, job.uid, unwanted))
    limit = _limit(view, job)
    hopeless = job.trouble is not None and job.trouble.fatal
    if hopeless or (passed(limit, view.now) and not _holds_on(job)):
        return _give_up(view, job)
    return decision.Wait(_shown(view, job), earliest(limit))


def _not_there(view: View) -> Decision:
    """Named, but not there: it was not created yet, or its pods outlive it."""
    if view.operation.job_uid or view.stray_pods_alive:
        return decision.Wait(working(view), None)
    if view.outcome is None and (view.superseded or view.spec.suspend):
        # Nothing was created, so there is nothing to end: the intent is taken back.
        return WriteIntent(working(view.with_status(land(view.status))))
    return _make_room(view) or Act(_named(view))


def _named(view: View) -> CreateJob:
    operation = view.operation
    if operation.step is None:
        raise LookupError("a Job is named, but no step")
    return CreateJob(operation.job_name, operation.step, operation.attempt)


def _make_room(view: View) -> Decision | None:
    """Never two Jobs of one resource at once, not even after a wiped status: older ones end first."""
    for job in view.other_jobs_alive:
        if job.trouble is not None and not job.deleting:
            return Act(DeleteJob(job.name, job.uid, "it has not started, and another Job takes its place"))
        return decision.Wait(working(view), None)
    return None


def _unwanted(view: View, job: Job) -> str:
    """Why this Job should end before its time; empty when it should not."""
    if view.outcome is not None:
        return (
            ""
            if job.step is Operation.RELEASE and not view.superseded
            else _stuck(job, "its operation is over")
        )
    if view.superseded:
        return _stuck(job, "the spec asks for something else by now")
    return ""


def _stuck(job: Job, why: str) -> str:
    return why if job.trouble is not None or job.step in _MAY_BE_CUT_SHORT else ""


def _holds_on(job: Job) -> bool:
    """Whether the Job may be changing the database: then only its pod's own deadline ends it."""
    return job.trouble is None and bool(job.pods) and job.step not in _MAY_BE_CUT_SHORT


def _limit(view: View, job: Job) -> str:
    """Until when this Job may take, as RFC 3339."""
    if job.step is Operation.SNAPSHOT and view.spec.snapshot is not None:
        return rfc3339(job.created + timedelta(seconds=view.spec.snapshot.deadline_seconds))
    if job.step is Operation.RELEASE:
        return rfc3339(job.created + timedelta(seconds=RELEASE_SECONDS))
    return view.operation.deadline_time


def _give_up(view: View, job: Job) -> Decision:
    """The time is over. First the outcome is stored, then the Job is deleted."""
    if view.outcome is not None:
        return Act(DeleteJob(job.name, job.uid, "it did not start in time"))
    trouble = job.trouble
    seconds = int((view.now - job.created).total_seconds())
    message = f"step {job.step} did not end within {seconds} s"
    if trouble is not None:
        message = trouble.message if trouble.fatal else f"{message}: {trouble.message}"
    reason = trouble.reason if trouble else OperatorReason.DEADLINE_EXCEEDED
    spoiled = view.with_status(spoil_snapshot(view.status))
    return WriteIntent(at_rest(view.with_status(end(spoiled, Outcome.FAILED, reason, message))))


def _shown(view: View, job: Job) -> Status:
    if view.outcome is not None:
        return at_rest(view)
    trouble = job.trouble
    if trouble is None:
        return working(view)
    message = f"step {job.step}: {trouble.message}"
    return report(view.world, view.status, Situation.RETRYING, trouble.reason, message)
