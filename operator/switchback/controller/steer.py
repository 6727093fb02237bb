"""What a look says about a switch that was begun: how far it is, and whether anything ends it early.

Pure, from status to status. What it notes is stored before anything follows from it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.cutover import DriftPolicy
from switchback.api.policies import AutomaticRollback
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase
from switchback.api.traffic import IN_FLIGHT
from switchback.contract.reasons import Reason
from switchback.contract.words import CheckStage, Operation
from switchback.controller.cutovers import (
    MOVED,
    cancel,
    change_cutover,
    change_traffic,
    go_back,
    kept_in_spite,
    live,
    nobody_left,
    seen_slot,
    state_of,
    taken_over,
    traffic_of,
)
from switchback.controller.stages.probe import (
    GRACE_SECONDS,
    PROBES,
    awaits_probe,
    name_probe,
    was_told,
)
from switchback.controller.tested import with_checks
from switchback.controller.times import parse, passed, rfc3339

if TYPE_CHECKING:
    from switchback.api.status import CutoverState, Status
    from switchback.contract.result import Result
    from switchback.controller.view import View

_O = OperatorReason

_WATCHED = frozenset({CutoverPhase.PREPARING, CutoverPhase.SWITCHING, *MOVED})
"""While the pod that checks the new slot may have something to say."""


def note(view: View) -> Status:
    """The status with what this look shows of the traffic."""
    if view.spec.cutover is None or view.world.traffic is None or view.world.traffic.refused:
        return view.status
    view = view.with_status(_known(view))
    state = state_of(view.status)
    if state is None or view.status.operation is None:
        return view.status
    if state.phase in _WATCHED and state.operation_id == view.operation.id:
        view = view.with_status(_heard(view, state))
        state = state_of(view.status) or state
    return _followed(view, state)


def _known(view: View) -> Status:
    """Which slot is live, when that is clear. What is unclear does not make us forget it."""
    current, service, cutover = live(view), view.service, view.spec.cutover
    if not current or service is None or cutover is None:
        return view.status
    known, state = traffic_of(view.status), state_of(view.status)
    enforced = cutover.drift_policy is DriftPolicy.ENFORCE and service.uid == known.service_uid
    ours = state is not None and state.phase in IN_FLIGHT
    if enforced and known.live_slot and current != known.live_slot and not ours:
        return view.status  # it is going to be put right
    seen = {"service_uid": service.uid, "live_slot": current, "selector": dict(service.selector)}
    if seen == {name: getattr(known, name) for name in seen}:
        return view.status
    return change_traffic(view.status, **seen)


def _heard(view: View, state: CutoverState) -> Status:
    """What became of the Job that checks the new slot."""
    job = view.probe
    if job is not None and not job.ended:
        return view.status if state.probe_uid else change_cutover(view.status, probe_uid=job.uid)
    if state.phase not in MOVED or state.probed or not state.probe_job:
        return view.status  # before the switch another one is begun
    if job is None and (not state.probe_uid or view.stray_pods_alive):
        return view.status
    said = job.result if job is not None else None
    ours = said is not None and said.operation is Operation.CHECK
    if (
        said is None
        or not ours
        or said.operation_id != view.operation.id
        or said.reason is Reason.INTERRUPTED
    ):
        return _lost(view, state)
    view = view.with_status(with_checks(view.status, said, CheckStage.AFTER_CUTOVER, view.now))
    if job is not None and not was_told(job, state):  # whatever it says, nothing was verified
        return go_back(view, said.reason, said.message)
    return _judged(view, said)


def _lost(view: View, state: CutoverState) -> Status:
    """The Job is gone without a word. It is begun again, and so is the soak; but not for ever."""
    if state.probe_attempt >= PROBES:
        text = (
            f"the pod that checks slot {state.to} was lost {PROBES} times; without its word the soak was bad."
        )
        return go_back(view, Reason.CHECKS_INCONCLUSIVE, text)
    status = name_probe(view, state)
    if state.phase is CutoverPhase.SOAKING:  # it has its own time to be told; until then the switch has its
        status = change_cutover(status, deadline_time="")
    soak = view.spec.cutover.soak_period_seconds if view.spec.cutover is not None else 0
    return change_traffic(status, soak_end_time=rfc3339(view.now + timedelta(seconds=soak)))


def _judged(view: View, said: Result) -> Status:
    match said.reason:
        case Reason.SUCCEEDED:
            return change_cutover(view.status, probed=True)
        case Reason.CHECKS_FAILED | Reason.CHECKS_INCONCLUSIVE if (
            view.spec.rollback.automatic is AutomaticRollback.NEVER
        ):
            text = f"{said.message} The traffic stays, because spec.rollback.automatic is Never."
            return kept_in_spite(view, said.reason, text)
        case _:
            return go_back(view, said.reason, said.message)


def _followed(view: View, state: CutoverState) -> Status:
    """Where the switch is, by what the Service says now."""
    if state.phase not in IN_FLIGHT and state.phase is not CutoverPhase.PREPARING:
        return _late_patch(view, state)
    service = view.service
    if service is None or service.uid != state.service_uid:
        gone = "was deleted" if service is None else "was replaced"
        text = f"the Service {gone} while its traffic was to be moved from {state.from_} to {state.to}."
        return taken_over(view, _O.SERVICE_REPLACED, text)
    match state.phase:
        case CutoverPhase.PREPARING:
            return _preparing(view, state)
        case CutoverPhase.SWITCHING:
            return _switching(view, state)
        case CutoverPhase.SWITCHED | CutoverPhase.SOAKING:
            return _moved(view, state)
        case _:
            return view.status


def _late_patch(view: View, state: CutoverState) -> Status:
    """A patch of ours may arrive after we have given it up, if the process that sent it stood still."""
    ours = _carries(view, state) and live(view) == state.to and _nobody_else_wrote(view)
    if not ours or state.phase is not CutoverPhase.CANCELLED or not state.service_uid:
        return view.status
    return go_back(view, state.reason or _O.SUPERSEDED, state.message or "the switch was given up before.")


def _there_already(view: View, state: CutoverState) -> Status:
    """The Service points at the new slot, and not by this switch: by an earlier one, or by others."""
    if view.service is not None and view.service.owners and _nobody_else_wrote(view):
        text = "a patch of an earlier switch, which was given up, has arrived late."
        return go_back(view, _O.SUPERSEDED, text)
    return taken_over(view, _O.SELECTOR_CHANGED, _by_others(view, state.to))


def _nobody_else_wrote(view: View) -> bool:
    """Whether the selector is as we have left it, as far as the API server has noted who wrote it."""
    owners = view.service.owners if view.service is not None else ()
    return all(owner.manager == names.FIELD_MANAGER for owner in owners)


def _carries(view: View, state: CutoverState) -> bool:
    service = view.service
    return service is not None and service.annotations.get(names.ANNOTATION_CUTOVER) == state.id


def _preparing(view: View, state: CutoverState) -> Status:
    current = live(view)
    if current != state.to or state.operation_id != view.operation.id:
        return view.status
    return _there_already(view, state)


def _switching(view: View, state: CutoverState) -> Status:
    current = live(view)
    if current == state.to and _carries(view, state):
        return change_cutover(view.status, phase=CutoverPhase.SWITCHED, switch_time=rfc3339(view.now))
    if current == state.to:
        return _there_already(view, state)
    ended = _ended_by_others(view)
    if ended is not None:
        return cancel(view, *ended)
    if passed(state.deadline_time, view.now):
        text = f"the Service could not be pointed at {state.to} in time; it was not changed."
        return cancel(view, _O.SWITCH_NOT_VERIFIED, text)
    return view.status


def _moved(view: View, state: CutoverState) -> Status:
    if live(view) == state.from_:
        return taken_over(view, _O.SELECTOR_CHANGED, _by_others(view, state.from_))
    why = _ended_by_others(view) or _undone(view, state)
    return go_back(view, *why) if why is not None else view.status


def _ended_by_others(view: View) -> tuple[str, str] | None:
    """What ends a switch whatever it is worth."""
    if view.world.deleting:
        return _O.DELETING, "the resource is being deleted."
    if view.operation.abort:
        return _O.ABORTED, f"ended on request {view.operation.abort}."
    missing = view.world.source.problem is not None  # files that are missing may come back
    if view.wants_new and (not missing or view.asks_for_another):
        return _O.SUPERSEDED, "the spec asks for something else by now."
    return None


def _undone(view: View, state: CutoverState) -> tuple[str, str] | None:
    """What makes a switch one that did not happen."""
    old = seen_slot(view, state.from_)
    if nobody_left(view, state):
        if old is None or not old.ready_pods:
            return None  # nobody could take over; the stages say so, and wait
        return _O.SLOT_DIED, f"slot {state.to} has no ready pod left."
    if state.phase is CutoverPhase.SWITCHED and passed(state.deadline_time, view.now):
        new = seen_slot(view, state.to)
        ready = new.endpoints if new is not None else 0
        text = f"{ready} ready endpoints of {state.to} are not what was to be there by {state.deadline_time}."
        return _O.SWITCH_NOT_VERIFIED, text
    if passed(view.operation.deadline_time, view.now):
        return _O.DEADLINE_EXCEEDED, f"the operation did not end by {view.operation.deadline_time}."
    soaks = state.phase is CutoverPhase.SOAKING and awaits_probe(view, state)
    return _unheard(view, state) if soaks else None


def _unheard(view: View, state: CutoverState) -> tuple[str, str] | None:
    """Why the pod that checks is no witness: it cannot be told of the switch, or says nothing."""
    if _untold(view, state):
        if not passed(state.deadline_time, view.now):
            return None
        text = (
            f"the pod that checks slot {state.to} could not be told of the switch by {state.deadline_time}: "
            "see whether the operator may patch pods."
        )
        return _O.SWITCH_NOT_VERIFIED, text
    end = parse(traffic_of(view.status).soak_end_time)
    late = end + timedelta(seconds=GRACE_SECONDS) if end is not None else None
    if late is None or late > view.now:
        return None
    return Reason.CHECKS_INCONCLUSIVE, f"the pod that checks slot {state.to} has not said how the soak was."


def _untold(view: View, state: CutoverState) -> bool:
    """Whether a pod runs that does not know of the switch yet: its soak is still to come."""
    job = view.probe
    return job is not None and any(pod.started and not pod.ended and pod.told != state.id for pod in job.pods)


def _by_others(view: View, slot: str) -> str:
    service = view.service
    writer = max(service.owners, key=lambda owner: owner.time, default=None) if service is not None else None
    who = f" ({writer.manager})" if writer is not None else ""
    return f"somebody else{who} has pointed the Service at {slot}."
