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
from switchback.api.status import CutoverPhase
from switchback.api.traffic import IN_FLIGHT
from switchback.contract.points import Place
from switchback.contract.words import CLOSING, Operation
from switchback.controller import decision
from switchback.controller.absorb import absorb
from switchback.controller.closing import noted
from switchback.controller.cutovers import state_phase
from switchback.controller.decision import (
    Act,
    CreateJob,
    Decision,
    DeleteJob,
    DeleteSnapshot,
    LetGo,
    Settle,
    WriteIntent,
)
from switchback.controller.flight import RELEASE_SECONDS
from switchback.controller.going_back import back
from switchback.controller.lifecycle import intend, land
from switchback.controller.report import report
from switchback.controller.restore_points import doomed_of, goes_with_resource
from switchback.controller.stages.fence import lower
from switchback.controller.steer import note
from switchback.controller.times import parse, passed, rfc3339, upcoming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.api.status import Status
    from switchback.controller.observed import Job, Observed
    from switchback.controller.view import View

PATIENCE_SECONDS = 240
"""How long a namespace that goes waits for what is in flight. Elsewhere a person has to say so."""

POINTS_SECONDS = 300
"""So long a deletion waits for restore points that go with the resource."""

SHUT_OUT = "writers may be kept out: a fence is up, and nobody can lower it while the spec cannot be read."
"""What people have to know first of a resource whose spec is not understood any more."""

AGAIN_SECONDS = 15
"""How often restore points are asked for that could not be listed, or not be deleted."""

WAY_OUT_SECONDS = 60
"""After so long the message names the way out."""


def leave(view: View) -> Decision:
    """The next step of a resource that is being deleted."""
    free = _free(view.world)
    if free is not None:
        return free
    view = view.with_status(absorb(view))
    noted = note(view)
    if noted != view.status:
        return WriteIntent(_shown(view.world, noted, "what was begun with the traffic is taken back."))
    return (
        _traffic(view)
        or _alive(view.world, view.status, _idle(view))
        or _named(view)
        or _points(view)
        or Act(LetGo())
    )


def _idle(view: View) -> tuple[Job, ...]:
    """Jobs that nobody waits for: of an earlier life of the status, and the one that checks a new slot."""
    probe = view.probe
    return view.other_jobs_alive if probe is None or probe.ended else (probe, *view.other_jobs_alive)


def _traffic(view: View) -> Decision | None:
    """A switch that does not count yet is undone. The Service stays, and so does its key."""
    phase, world = state_phase(view.status), view.world
    if phase is CutoverPhase.RESTORING:
        return back(view, _after(world, WAY_OUT_SECONDS), _limit(world), more=_way_out(world))
    if phase not in IN_FLIGHT or view.spec.cutover is None:
        return None
    if world.traffic is not None and not world.traffic.refused:
        return None
    # Where the traffic goes nobody knows: perhaps to a slot that nobody has verified.
    why = world.traffic.refused if world.traffic is not None else "it was not looked at yet"
    again = view.glance
    text = f"its switch is {phase}, and the Service cannot be looked at: {why}."
    return _wait(world, view.status, text, again)


def leave_unread(world: Observed) -> Decision:
    """The same for a resource whose spec cannot be read. Nobody could say how to give a reservation back."""
    jobs = tuple(job for job in world.jobs if not job.ended and not names.is_look(job.operation))
    fenced = world.status.operation is not None and world.status.operation.fence is not None
    held = _wait(world, world.status, f"{SHUT_OUT} {world.invalid}.") if fenced else None
    return _free(world) or _alive(world, world.status, jobs) or held or Act(LetGo())


def _free(world: Observed) -> Decision | None:
    """What to do where nothing is waited for: not at all, or not any longer."""
    if names.FINALIZER not in world.finalizers:
        return Settle(_shown(world, world.status, "its Jobs end with it."))
    if world.annotations.get(names.ANNOTATION_RELEASE) or passed(_limit(world), world.now):
        return Act(LetGo())
    return None


def _alive(world: Observed, status: Status, jobs: Iterable[Job]) -> Decision | None:
    """What an earlier life of this status has started is ended like everything else."""
    for job in jobs:
        if not job.deleting:
            return Act(DeleteJob(job.name, job.uid, "its resource is being deleted"))
        return _wait(world, status, f"Job {job.name} has not ended yet.")
    stray = world.stray_pods_alive
    return _wait(world, status, "the pod of its Job has not ended yet.") if stray else None


def _named(view: View) -> Decision | None:
    if view.status.operation is None:
        return None
    return _running(view) if view.operation.job_name else _held(view)


def _running(view: View) -> Decision | None:
    """Whatever runs is told to end, and waited for: it cancels its statement and rolls back."""
    job, releases = view.job, view.operation.step in CLOSING
    if job is None:
        if releases and not view.operation.job_uid:
            return _release(view)
        landed = view.with_status(land(view.status))
        return WriteIntent(_shown(view.world, landed.status, "nothing runs any more."))
    late = passed(_release_limit(view.status), view.now) and not job.started
    if job.deleting or (releases and not late):
        return _wait(view.world, view.status, f"Job {job.name} has not ended yet.")
    if not view.job_known:
        # What has vanished is never taken for not run: it may have reserved the database.
        return WriteIntent(_shown(view.world, view.status, f"Job {job.name} ends."))
    return Act(DeleteJob(job.name, job.uid, "its resource is being deleted"))


def _held(view: View) -> Decision | None:
    """A fence is lowered, and the reservation of the database given back: nobody has to wait for its end."""
    if view.operation.fence is not None and not view.world.around.terminating:
        return _let_in(view)
    held = view.operation.reserved_until and not passed(view.operation.reserved_until, view.now)
    if not held or view.world.around.terminating:
        return None
    if view.operation.step is Operation.RELEASE:
        return None  # it was tried; the reservation also expires by itself
    released = view.with_status(intend(view, Operation.RELEASE))
    return WriteIntent(_shown(view.world, released.status, "the reservation is given back."))


def _points(view: View) -> Decision | None:
    """Restore points that go with their resource: one at a time, and never the last ones."""
    if view.status.operation is None or view.world.provider is None or not goes_with_resource(view.spec):
        return None
    done = view.status.retention
    late = passed(_after(view.world, POINTS_SECONDS), view.now)
    if late or (done is not None and passed(_after(view.world, 0), parse(done.time) or view.now)):
        return None
    if view.world.provider.place is Place.OPERATOR:
        return _deleted(view)
    if not view.world.provider.deletes or view.world.around.terminating:
        return None
    pruning = view.with_status(intend(view, Operation.PRUNE))
    return WriteIntent(_shown(view.world, pruning.status, "its restore points are looked at."))


def _deleted(view: View) -> Decision:
    listing, snapshot = view.world.kept.listing, view.spec.snapshot
    if listing is None or not listing.complete or snapshot is None:
        why = listing.failure.message if listing is not None and listing.failure is not None else "not yet"
        again = rfc3339(view.now + timedelta(seconds=AGAIN_SECONDS))
        return _wait(view.world, view.status, f"its restore points cannot be looked after: {why}.", again)
    anyhow = snapshot.retention.model_copy(update={"minimum_age_seconds": 0})
    doomed = doomed_of(view.world, view.status, listing, anyhow)
    if doomed is not None:
        return Act(DeleteSnapshot(doomed.name, doomed.reason))
    told = view.with_status(noted(view, (), len(listing.points), "", ""))
    return WriteIntent(_shown(view.world, told.status, "its restore points were looked at."))


def _let_in(view: View) -> Decision:
    """Writers are let in again, by as many tries as it takes: a person may end that with the annotation."""
    again = view.operation.next_attempt_time
    if again and not passed(again, view.now):
        why = f"writers may be kept out: {view.operation.last_message}"
        return _wait(view.world, view.status, why, again)
    lowering = view.with_status(lower(view))
    return WriteIntent(_shown(view.world, lowering.status, "writers are let in again."))


def _release(view: View) -> Decision | None:
    refused = view.world.refused is not None and not view.world.refused.passing
    step = view.operation.step or Operation.RELEASE
    if step is not Operation.UNFENCE and (refused or passed(_release_limit(view.status), view.now)):
        return None  # whoever a fence keeps out is waiting; the others can be done without
    return Act(CreateJob(view.operation.job_name, step, view.operation.attempt))


def _wait(world: Observed, status: Status, why: str, until: str = "") -> Decision:
    slow = _after(world, WAY_OUT_SECONDS)
    shown = _shown(world, status, why + _way_out(world))
    return decision.Wait(shown, upcoming(world.now, slow, _limit(world), _release_limit(status), until))


def _way_out(world: Observed) -> str:
    """How to be rid of the resource at once, for whoever has waited for a while."""
    if not passed(_after(world, WAY_OUT_SECONDS), world.now):
        return ""
    return f" To let go at once, set the annotation {names.ANNOTATION_RELEASE}."


def _release_limit(status: Status) -> str:
    """When a release that has not begun is given up, as RFC 3339."""
    operation = status.operation
    begun = parse(operation.attempt_time) if operation is not None else None
    return rfc3339(begun + timedelta(seconds=RELEASE_SECONDS)) if begun is not None else ""


def _limit(world: Observed) -> str:
    return _after(world, PATIENCE_SECONDS) if world.around.terminating else ""


def _after(world: Observed, seconds: int) -> str:
    since = world.deletion_time
    return rfc3339(since + timedelta(seconds=seconds)) if since is not None else ""


def _shown(world: Observed, status: Status, why: str) -> Status:
    message = f"The resource is being deleted; {why}"
    return report(world, status, Situation.DELETING, OperatorReason.DELETING, message)
