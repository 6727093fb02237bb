"""From a look at the world to the one thing to do next. Pure: no clock, no client, no chance.

The order of the questions is the safety of the whole:

1. what has an ended Job to say (`absorb`), and what do people ask for (`heed`, `look`);
2. is something still in flight: then nothing else starts;
3. does the spec, or a person, ask for something new: then a new operation begins;
4. is the operation over: then only tidying is left;
5. may it go on now (suspend, back-off, deadline): then the first stage that is not done decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase, LookKind, OperationKind, Outcome
from switchback.api.traffic import IN_FLIGHT
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.controller import decision
from switchback.controller.absorb import absorb
from switchback.controller.closing import close
from switchback.controller.cutovers import (
    MOVED,
    OVER,
    cancel,
    change_cutover,
    halted,
    live,
    own,
    riding,
    state_of,
    state_phase,
    stays,
)
from switchback.controller.decision import Act, Decision, DeleteJob, Settle, WriteIntent
from switchback.controller.drift import drift
from switchback.controller.flight import clear, in_flight
from switchback.controller.going_back import back, going_back
from switchback.controller.heed import heed
from switchback.controller.hold import held
from switchback.controller.leaving import SHUT_OUT, leave, leave_unread
from switchback.controller.lifecycle import begin, change, end, pause, resume
from switchback.controller.looks import absorb_look, begin_look, beside, look
from switchback.controller.report import at_rest, report, suspended, working
from switchback.controller.restore_points import spoil
from switchback.controller.stages import WATCH, stages_of
from switchback.controller.stages.back import FORGOTTEN
from switchback.controller.stages.fence import lower
from switchback.controller.stages.results import Do, Done, Fail, Intend, Wait
from switchback.controller.steer import note
from switchback.controller.times import passed, upcoming
from switchback.controller.undo import concluded, ended_badly
from switchback.controller.unread import bounded_by_sight
from switchback.controller.view import View

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.observed import Job, Observed
    from switchback.controller.stages.results import StageResult


def decide(world: Observed) -> Decision:  # noqa: PLR0911 - one answer per question
    """The next step for one resource. Total: every world has an answer."""
    if world.spec is None:
        if world.deleting:
            return leave_unread(world)
        fenced = world.status.operation is not None and world.status.operation.fence is not None
        message = f"{SHUT_OUT} {world.invalid}" if fenced else world.invalid
        return Settle(report(world, world.status, Situation.FAILED, OperatorReason.SPEC_INVALID, message))
    view = View(world=world, spec=world.spec, status=world.status)
    if world.deleting:
        return bounded_by_sight(world, leave(view))
    view = view.with_status(absorb(view))
    heeded = heed(view)
    if heeded != view.status:
        return WriteIntent(heeded)  # what a person asks for is followed once it is noted
    noted = note(view)
    if noted != view.status:
        return held(view, WriteIntent(_shown(view.with_status(noted))))
    view = view.with_status(absorb_look(view))
    then = held(view, beside(view, _next(view)))
    if world.unread:
        return bounded_by_sight(world, then)  # nobody looks at a database meanwhile
    if view.world.look_refused is not None and not _idle(view, then):
        return then  # what the API server cannot take is asked for again when there is nothing else to do
    return look(view) or then


def _idle(view: View, then: Decision) -> bool:
    """Whether the operation does nothing, and has nothing new to say."""
    return isinstance(then, decision.Wait | Settle) and view.is_stored(then.status)


def _next(view: View) -> Decision:  # noqa: PLR0911 - one answer per question
    """Questions 2 to 5, once every ended Job and every request has been heard."""
    traffic = _traffic(view)
    contested = traffic if isinstance(traffic, decision.Wait) else None
    if traffic is not None and (contested is None or state_phase(view.status) is CutoverPhase.RESTORING):
        return traffic
    busy = in_flight(view) if view.status.operation is not None and view.operation.job_name else clear(view)
    if contested is not None:
        return _beside(contested, busy) or _urgent(view) or contested
    if busy is not None:
        return busy
    if state_phase(view.status) in IN_FLIGHT:
        # Nothing else begins or ends before it is known what becomes of the switch.
        return _halted(view) or _go_on(view)
    switch = ended_badly(view)
    if _ends_on_request(view):
        return _aborted(view)
    anew = view.wants_new or (switch is not None and switch.reason in FORGOTTEN)
    if anew and not view.spec.suspend:
        view = view.with_status(begin(view.with_status(_concluded(view))))
    elif switch is not None and not anew:
        return _over(view.with_status(concluded(view, switch)))
    if view.spec.suspend and (anew or view.outcome is None) and not riding(view):
        return _suspended(view)
    return _tidy(view) if view.outcome is not None else _go_on(view.with_status(resume(view)))


def _traffic(view: View) -> Decision | None:
    """What cannot wait for anything else: a switch that goes back, a selector that is unclear."""
    if state_phase(view.status) is CutoverPhase.RESTORING:
        return back(view)
    return drift(view) or _idle_probe(view)


def _beside(contested: decision.Wait, busy: Decision | None) -> Decision | None:
    """What a Job in flight asks for goes on whoever fights for the selector; that is what people are told."""
    if not isinstance(busy, decision.Wait):
        return busy
    moments = [moment for moment in (contested.until, busy.until) if moment is not None]
    return decision.Wait(contested.status, min(moments, default=None))


def _urgent(view: View) -> Decision | None:
    """What else a selector that others fight for does not hold up: a request to end, and who is kept out."""
    if view.status.operation is None or state_phase(view.status) in IN_FLIGHT:
        return None
    if _ends_on_request(view):
        return _aborted(view)
    return _opened(view) if view.operation.fence is not None else None


def _ends_on_request(view: View) -> bool:
    """Whether a person has asked for the end of an operation that has not ended by itself."""
    if view.status.operation is None or not view.operation.abort or view.outcome is not None:
        return False
    switch = ended_badly(view)
    return switch is None or switch.reason == OperatorReason.ABORTED


def _halted(view: View) -> Decision | None:
    """Suspended before the Service was changed: it is not changed any more, although it might have been."""
    state = own(view)
    if not view.spec.suspend or state is None or state.phase is not CutoverPhase.SWITCHING:
        return None
    if live(view) != state.from_:
        return None
    # Nobody waits for the pod that checks, for as long as somebody likes: another one is begun then.
    without = change_cutover(halted(view.status), probe_job="", probe_uid="")
    return WriteIntent(suspended(view.with_status(without)))


def _idle_probe(view: View) -> Decision | None:
    """Ends a Job that checks a new slot once nobody waits for its word, and one that nobody remembers."""
    state, job = state_of(view.status), view.probe
    if state is not None and job is not None and state.phase in OVER and not (job.ended or job.deleting):
        return Act(DeleteJob(job.name, job.uid, "the switch that it checks is over"))
    for other in view.other_jobs_alive:
        if other.step is Operation.CHECK and not other.deleting:
            return Act(DeleteJob(other.name, other.uid, "it checks, and nobody waits for its word"))
    return None


def _shown(view: View) -> Status:
    """The status with what was noted of the traffic; what people have to know at once is told."""
    if state_phase(view.status) is CutoverPhase.RESTORING:
        return going_back(view)
    return working(view) if state_phase(view.status) in IN_FLIGHT else view.status


def _over(view: View) -> Decision:
    """The operation has ended badly. What it has applied is undone by the next one, where that is wished."""
    if view.operation.undo and not view.spec.suspend:
        return WriteIntent(working(view.with_status(begin(view))))
    return _tidy(view)


def _suspended(view: View) -> Decision:
    """Nothing new starts. But nobody is kept out of the database for as long as somebody likes."""
    if view.status.operation is not None and view.operation.fence is not None:
        return _opened(view)
    if view.wants_new:
        return Settle(suspended(view))
    return Settle(suspended(view.with_status(pause(view))))


def _opened(view: View) -> Decision:
    """Writers are let in, at the pace of everything that fails."""
    closing, again = close(view) if view.outcome is not None else None, view.operation.next_attempt_time
    if closing is not None:
        return closing
    if again and not passed(again, view.now):
        return _put_off(view)
    return WriteIntent(working(view.with_status(lower(view))))


def _concluded(view: View) -> Status:
    """An operation that gives way to another wish is remembered, if any Job of it has run: by its end."""
    if view.status.operation is None or view.outcome is not None or not view.operation.attempt:
        return view.status
    view = view.with_status(spoil(view.status))
    seen, operation = view.status.schema_state, view.operation
    state = own(view)
    moved = state is None or state.phase not in OVER - {CutoverPhase.COMPLETED}
    if operation.reached and moved and seen is not None and seen.current == operation.to:
        return end(view, Outcome.SUCCEEDED, Reason.SUCCEEDED, operation.last_message)
    message = "The spec asked for something else before this was reached."
    return end(view, Outcome.SUPERSEDED, Outcome.SUPERSEDED, message)


def _go_on(view: View) -> Decision:
    """The first stage that is not done decides."""
    operation, moved = view.operation, state_phase(view.status) in MOVED
    if operation.next_attempt_time and not passed(operation.next_attempt_time, view.now) and not moved:
        return _put_off(view)
    for stage in WATCH if moved else stages_of(operation):
        answer = stage(view)
        if isinstance(answer, Done):
            view = view.with_status(answer.status or view.status)
            continue
        if _out_of_time(view, answer):
            return _fail(view, Fail(OperatorReason.DEADLINE_EXCEEDED, _late(view, answer)))
        if _keeps_out(view, answer):
            return WriteIntent(working(view.with_status(lower(view))))
        return _follow(view, answer)
    message = _reached(view)
    if operation.kind is OperationKind.ROLLBACK:
        return _tidy(view.with_status(end(view, Outcome.ROLLED_BACK, OperatorReason.ROLLED_BACK, message)))
    return _tidy(view.with_status(end(view, Outcome.SUCCEEDED, Reason.SUCCEEDED, message)))


def _reached(view: View) -> str:
    """What there is to say of an operation that has come to its end."""
    operation, cutover = view.operation, view.spec.cutover
    if operation.kind is OperationKind.ROLLBACK:
        why = "because checks failed" if operation.automatic else "on request"
        return f"rolled back to {operation.to} {why}; spec.target is still {view.spec.target}."
    words = [operation.last_message or f"The schema is at {operation.to}."] if view.spec.source else []
    if cutover is not None and operation.kind is OperationKind.REACH:
        words.append(f"Slot {live(view)} is live.")
    return " ".join(words)


def _keeps_out(view: View, answer: StageResult) -> bool:
    """Whether writers would have to wait for a person: the spec or the namespace asks for one by now."""
    asks = isinstance(answer, Wait) and answer.situation is Situation.AWAITING_APPROVAL
    return asks and view.operation.fence is not None


def _aborted(view: View) -> Decision:
    """Somebody asked for the end, and nothing runs any more. What was reached before stays reached."""
    operation, state = view.operation, view.status.schema_state
    if operation.reached and not stays(view):
        return _go_on(view.with_status(change(view.status, abort="")))
    request = operation.abort
    # A run that was ended and could not tell: what it has committed is in the ledger only.
    blind = operation.step is Operation.INSPECT and bool(operation.last_reason)
    words = [f"ended on request {request}."]
    if view.spec.source is not None:
        words.append(f"The schema is at {state.current}." if state and not blind else "See status.schema.")
    if live(view):
        words.append(f"Slot {live(view)} is live.")
    message = " ".join(words)
    view = view.with_status(cancel(view.with_status(spoil(view.status)), OperatorReason.ABORTED, message))
    view = view.with_status(end(view, Outcome.ABORTED, OperatorReason.ABORTED, message))
    if blind:
        view = view.with_status(begin_look(view, LookKind.INSPECT, request))
        return WriteIntent(at_rest(view))
    return _tidy(view)


def _follow(view: View, answer: Intend | Do | Wait | Fail) -> Decision:
    match answer:
        case Intend(status):
            return WriteIntent(working(view.with_status(status)))
        case Do(action):
            # Whatever is done for an operation, the operation is stored first.
            return Act(action) if view.is_stored(view.status) else WriteIntent(working(view))
        case Wait(situation, reason, message, until, status):
            shown = report(view.world, status or view.status, situation, reason, message)
            return decision.Wait(shown, upcoming(view.now, until, view.operation.deadline_time))
        case Fail():
            return _fail(view, answer)
        case _:
            assert_never(answer)


def _out_of_time(view: View, answer: StageResult) -> bool:
    """Whether the operation's own time is up. The time that people take to approve is not counted."""
    if isinstance(answer, Fail) or state_phase(view.status) in IN_FLIGHT:
        return False  # a switch that does not count yet is undone, and that is not decided here
    if isinstance(answer, Wait) and answer.situation is Situation.AWAITING_APPROVAL:
        return False
    return passed(view.operation.deadline_time, view.now)


def _late(view: View, answer: StageResult) -> str:
    why = answer.message if isinstance(answer, Wait) else view.operation.last_message
    seconds = view.spec.operation_deadline_seconds
    return f"the operation did not end within {seconds} s" + (f"; last: {why}" if why else ".")


def _fail(view: View, failure: Fail) -> Decision:
    lost = view.operation.snapshot_name if failure.reason == OperatorReason.SNAPSHOT_LOST else ""
    status = change(spoil(view.status, lost), generation=view.world.generation)
    view = view.with_status(cancel(view.with_status(status), failure.reason, failure.message))
    return _over(view.with_status(end(view, failure.outcome, failure.reason, failure.message)))


def _put_off(view: View) -> Decision:
    """Between two attempts. The deadline is looked at when the attempt comes."""
    operation = view.operation
    held = operation.last_reason in {
        Reason.RESERVED,
        Reason.LOCK_TIMEOUT,
        Reason.ORPHAN_RUNNING,
        Reason.OBJECTS_LOCKED,
    }
    situation = Situation.WAITING_FOR_DATABASE if held else Situation.RETRYING
    message = f"{operation.last_message} Next attempt at {operation.next_attempt_time}."
    status = report(view.world, view.status, situation, operation.last_reason, message)
    surplus = _surplus_job(view)
    if surplus is not None:  # whoever waits for others may do so for days, with a Job every half minute
        return Act(surplus) if view.is_stored(status) else WriteIntent(status)
    return decision.Wait(status, upcoming(view.now, operation.next_attempt_time))


def _tidy(view: View) -> Decision:
    """The operation is over: what it holds is given back, old Jobs are dropped, then all is at rest."""
    closing = close(view)
    if closing is not None:
        return closing
    stored = at_rest(view)
    surplus = _surplus_job(view)
    if surplus is None:
        return Settle(stored)
    return Act(surplus) if view.is_stored(stored) else WriteIntent(stored)


def _tells(view: View, job: Job) -> bool:
    """Whether the Job is the only witness of a fence, should the status be lost."""
    return job.step is Operation.FENCE and view.operation.fence is not None


def _surplus_job(view: View) -> DeleteJob | None:
    """The oldest finished Job beyond the history that the spec wants to keep."""
    over = sorted(
        (job for job in view.world.jobs if job.finished and not job.deleting and not _tells(view, job)),
        key=lambda job: (job.created, job.attempt, job.name),
    )
    if len(over) <= view.spec.job_history_limit:
        return None
    return DeleteJob(over[0].name, over[0].uid, "beyond spec.jobHistoryLimit")
