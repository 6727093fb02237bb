"""A resource that is being deleted: what runs is ended, what is held is given back, then we let go.

Our finalizer is only there while something is in flight. It comes off at the latest when nothing of it can be
ended any more: a namespace that goes takes no new Job, and a person may say `switchback.dev/release`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.contract.words import Operation
from switchback.controller import decision
from switchback.controller.absorb import absorb
from switchback.controller.decision import Act, CreateJob, Decision, DeleteJob, LetGo, Settle, WriteIntent
from switchback.controller.lifecycle import intend, land
from switchback.controller.report import report
from switchback.controller.times import passed, rfc3339, upcoming

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.view import View

PATIENCE_SECONDS = 240
"""How long a namespace that goes waits for what is in flight. Elsewhere a person has to say so."""

WAY_OUT_SECONDS = 60
"""After so long the message names the way out."""


def leave(view: View) -> Decision:
    """The next step of a resource that is being deleted."""
    if names.FINALIZER not in view.world.finalizers:
        return Settle(_shown(view, "its Jobs end with it."))
    if view.world.annotations.get(names.ANNOTATION_RELEASE) or passed(_limit(view), view.now):
        return Act(LetGo())
    view = view.with_status(absorb(view))
    return _alive(view) or _named(view) or Act(LetGo())


def _alive(view: View) -> Decision | None:
    """What an earlier life of this status has started is ended like everything else."""
    for job in view.other_jobs_alive:
        if not job.deleting:
            return Act(DeleteJob(job.name, job.uid, "its resource is being deleted"))
        return _wait(view, f"Job {job.name} has not ended yet.")
    return _wait(view, "the pod of its Job has not ended yet.") if view.stray_pods_alive else None


def _named(view: View) -> Decision | None:
    if view.status.operation is None:
        return None
    return _running(view) if view.operation.job_name else _held(view)


def _running(view: View) -> Decision | None:
    """Whatever runs is told to end, and waited for: it cancels its statement and rolls back."""
    job = view.job
    if job is None:
        if view.operation.step is Operation.RELEASE and not view.operation.job_uid:
            return _release(view)
        return WriteIntent(_shown(view.with_status(land(view.status)), "nothing runs any more."))
    if view.operation.step is not Operation.RELEASE and not job.deleting:
        return Act(DeleteJob(job.name, job.uid, "its resource is being deleted"))
    return _wait(view, f"Job {job.name} has not ended yet.")


def _held(view: View) -> Decision | None:
    """The reservation of the database is given back, so that nobody has to wait for its end."""
    held = view.operation.reserved_until and not passed(view.operation.reserved_until, view.now)
    if not held or view.world.around.terminating:
        return None
    if view.operation.step is Operation.RELEASE:
        return None  # it was tried; the reservation also expires by itself
    return WriteIntent(
        _shown(view.with_status(intend(view, Operation.RELEASE)), "the reservation is given back.")
    )


def _release(view: View) -> Decision | None:
    if view.world.refused is not None and not view.world.refused.passing:
        return None
    return Act(CreateJob(view.operation.job_name, Operation.RELEASE, view.operation.attempt))


def _wait(view: View, why: str) -> Decision:
    slow = _after(view, WAY_OUT_SECONDS)
    if passed(slow, view.now):
        why += f" To let go at once, set the annotation {names.ANNOTATION_RELEASE}."
    return decision.Wait(_shown(view, why), upcoming(view.now, slow, _limit(view)))


def _limit(view: View) -> str:
    return _after(view, PATIENCE_SECONDS) if view.world.around.terminating else ""


def _after(view: View, seconds: int) -> str:
    since = view.world.deletion_time
    return rfc3339(since + timedelta(seconds=seconds)) if since is not None else ""


def _shown(view: View, why: str) -> Status:
    message = f"The resource is being deleted; {why}"
    return report(view.world, view.status, Situation.DELETING, OperatorReason.DELETING, message)
