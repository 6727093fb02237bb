"""Looks that people ask for: what would another target take, and where is the schema now.

A look is a Job beside the operation. It only reads, so it neither waits for the operation nor holds it up,
and whatever goes wrong with it is told in `status.preview` and nowhere else. One exception: where an
inspection finds that a success is none any more, the operation's outcome says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.api.status import LookKind, Outcome, Preview, PreviewPhase, plan_steps
from switchback.contract.reasons import Retry, meaning
from switchback.contract.words import Direction, Operation
from switchback.controller import decision
from switchback.controller.decision import Act, CreateJob, Decision, DeleteJob, WriteIntent
from switchback.controller.intent import database_digest
from switchback.controller.lifecycle import change, end, learn
from switchback.controller.observed import Trouble
from switchback.controller.requests import LOOKS, given, handled, look_wanted
from switchback.controller.times import parse, passed, rfc3339, upcoming

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.contract.result import Result
    from switchback.controller.observed import Job
    from switchback.controller.view import View

LOOK_SECONDS = 300
"""Longest life of a look. Whoever asked can ask again."""


def absorb_look(view: View) -> Status:
    """The status with the answer of the look's Job; unchanged while there is none."""
    preview = view.status.preview
    if preview is None or not preview.job_name:
        return view.status
    job = _job(view, preview)
    if job is not None and job.ended:
        return _ended(view, preview, job)
    obstacle = _obstacle(view, preview, job)
    if obstacle is not None:
        return _unanswered(view, preview, obstacle.reason, obstacle.message)
    if job is not None and not preview.job_uid:
        return _with(view.status, preview, job_uid=job.uid)
    return view.status


def _obstacle(view: View, preview: Preview, job: Job | None) -> Trouble | None:
    """Why there will be no answer; None while there may be one."""
    if job is None and preview.job_uid:
        return Trouble(OperatorReason.JOB_DELETED, "the Job was deleted before it could answer")
    trouble = job.trouble if job is not None else view.world.look_refused
    if trouble is not None and (trouble.fatal or (job is None and not trouble.passing)):
        return trouble
    if not passed(_limit(preview), view.now):
        return None
    why = f"it did not end within {LOOK_SECONDS} s"
    if trouble is None:
        return Trouble(OperatorReason.DEADLINE_EXCEEDED, f"{why}.")
    return replace(trouble, message=f"{why}: {trouble.message}")


def look(view: View) -> Decision | None:
    """The next step for a look: begin one, create its Job, or end one that nobody waits for any more."""
    preview = view.status.preview
    if preview is not None and preview.job_name:
        if _job(view, preview) is None:
            return Act(CreateJob(preview.job_name, Operation.INSPECT, preview.attempt, look=True))
        return None
    for job in view.world.jobs:
        if names.is_look(job.operation) and not job.ended and not job.deleting:
            if preview != view.world.status.preview:
                return WriteIntent(view.status)  # first what became of it
            return Act(DeleteJob(job.name, job.uid, "nobody waits for its answer any more"))
    wanted = look_wanted(view)
    return WriteIntent(begin_look(view, *wanted)) if wanted is not None else None


def begin_look(view: View, kind: LookKind, request: str) -> Status:
    """The status that names the Job of a look."""
    last, own = view.status.preview, names.look_id(view.world.uid, request)
    # The same may have been asked before, with something else in between: that Job's answer is old.
    tried = [job.attempt for job in view.world.jobs if job.operation == own]
    attempt = max([*tried, last.attempt if last is not None and last.id == own else 0]) + 1
    operation = view.status.operation
    target = request.partition("/")[0]
    if kind is LookKind.INSPECT:
        target = operation.target if operation is not None and operation.target else view.spec.target
    preview = Preview(
        request=request,
        kind=kind,
        id=own,
        attempt=attempt,
        phase=PreviewPhase.IN_PROGRESS,
        target=target[:253],
        job_name=names.job_name(view.world.name, own, Operation.INSPECT, attempt),
        time=rfc3339(view.now),
    )
    return view.status.model_copy(update={"preview": preview})


def beside(view: View, then: Decision) -> Decision:
    """What the operation leads to, awaited no longer than the look may take."""
    preview = view.status.preview
    if preview is None or not preview.job_name or not isinstance(then, decision.Wait | decision.Settle):
        return then
    until = upcoming(view.now, _limit(preview))
    own = then.until if isinstance(then, decision.Wait) else None
    return decision.Wait(then.status, min((one for one in (until, own) if one is not None), default=None))


def _job(view: View, preview: Preview) -> Job | None:
    return next((job for job in view.world.jobs if job.name == preview.job_name), None)


def _limit(preview: Preview) -> str:
    begun = parse(preview.time)
    return rfc3339(begun + timedelta(seconds=LOOK_SECONDS)) if begun is not None else ""


def _with(status: Status, preview: Preview, **update: Any) -> Status:
    return status.model_copy(update={"preview": preview.model_copy(update=update)})


def _answered(view: View, preview: Preview, **update: Any) -> Status:
    """The status with the answer. What was not asked for by annotation leaves no trace among the requests."""
    status = _with(view.status, preview, job_name="", job_uid="", time=rfc3339(view.now), **update)
    word = LOOKS[preview.kind]
    return handled(status, **{word: preview.request}) if given(view, word) == preview.request else status


def _unanswered(view: View, preview: Preview, reason: str, message: str) -> Status:
    return _answered(view, preview, phase=PreviewPhase.FAILED, reason=reason, message=message)


def _ended(view: View, preview: Preview, job: Job) -> Status:
    result = job.result
    if result is None or result.operation_id != preview.id:
        trouble = job.trouble
        reason = trouble.reason if trouble is not None else OperatorReason.RESULT_LOST
        why = trouble.message if trouble is not None else f"Job {job.name} ended and left no result"
        return _unanswered(view, preview, reason, why)
    steps, omitted = plan_steps(result.steps, result.steps_omitted)
    good = meaning(result.reason).retry is Retry.DONE
    status = _answered(
        view,
        preview,
        phase=PreviewPhase.READY if good else PreviewPhase.FAILED,
        target=result.target or preview.target,
        current=result.current,
        direction=result.direction,
        plan_digest=result.plan_digest,
        pending_count=len(result.steps) + result.steps_omitted,
        risks=result.risks,
        steps=steps,
        steps_omitted=omitted,
        reason=result.reason,
        message=result.message,
    )
    if preview.kind is LookKind.PREVIEW or not _is_news(view, preview, job):
        return status
    status = learn(status, result, view.now, database_digest(view.spec))
    return _judged(view.with_status(status), result)


def _is_news(view: View, preview: Preview, job: Job) -> bool:
    """Whether the answer is about the present wish, and not older than what is known.

    A look runs beside everything else. What it saw may be of before a migration that has ended since, or of
    the database that the spec named then.
    """
    seen = view.status.schema_state
    asked, known = parse(preview.time), parse(seen.inspect_time) if seen is not None else None
    return job.intent == view.intent and (asked is None or known is None or asked >= known)


def _judged(view: View, result: Result) -> Status:
    """A success that the database contradicts is none. Every other outcome stays what it was."""
    outcome = view.outcome
    if outcome is None or outcome.outcome is not Outcome.SUCCEEDED or view.superseded:
        return view.status
    operation, retry = view.operation, meaning(result.reason).retry
    drifted = retry is Retry.DONE and (
        result.direction is not Direction.NONE or result.current != operation.to
    )
    if not drifted and retry is not Retry.STALL:
        return view.status
    reason: str = result.reason
    message = result.message
    if drifted:
        reason = OperatorReason.SCHEMA_DRIFTED
        message = f"the operation has left the schema at {operation.to}; it is at {result.current} now."
    status = change(view.status, generation=view.world.generation)
    return end(replace(view, status=status), Outcome.FAILED, reason, message)
