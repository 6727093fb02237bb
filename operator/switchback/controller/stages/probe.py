"""The pod that checks the new slot: it runs before the traffic moves, and is told once it has.

Where there is nothing to check, on the way back and behind a Service without a TCP port of its own, there is
none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase
from switchback.contract.words import CheckStage, Direction, Operation
from switchback.controller.cutovers import change_cutover, change_traffic, own
from switchback.controller.decision import CreateJob, TellProbe
from switchback.controller.stages.results import Do, Done, Fail, Intend, Wait
from switchback.controller.times import GLANCE_SECONDS, parse, passed, rfc3339

if TYPE_CHECKING:
    from switchback.api.status import CutoverState, Status
    from switchback.contract.traffic import Service
    from switchback.controller.observed import Job
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View

_O = OperatorReason

ARM_SECONDS = 300
"""So long the pod that checks the new slot may take to run."""

PROBES = 3
"""How many Jobs are begun for the checks of one switch, should they be lost."""

NODES_SECONDS = 2
"""What nodes take to follow the slices: kube-proxy writes its rules once a second; our times are whole."""

GRACE_SECONDS = 60
"""So long after the soak the Job may take to say how it was. Without a word it was bad."""

BEFORE = {CutoverPhase.PREPARING, CutoverPhase.SWITCHING}
"""While the Service has not been changed."""


def arm_probe(view: View) -> StageResult:  # noqa: PLR0911 - one answer per state of the pod
    """The pod that will check the new slot runs: a cluster that cannot start pods is found out in time."""
    state = own(view)
    if state is None or state.phase not in BEFORE or not needs_probe(view):
        return Done()
    job = view.probe
    if not state.probe_job or (job is None and state.probe_uid) or (job is not None and job.ended):
        return _next_probe(view, state)
    if job is None:
        refused = view.world.probe_refused
        if refused is not None and (refused.fatal or _arming_late(view, state)):
            return Fail(refused.reason, refused.message)
        return _create_probe(view, state)
    if job.started and not state.probe_uid:
        return Intend(change_cutover(view.status, probe_uid=job.uid))
    if job.started:
        return Done()
    trouble = job.trouble
    if (trouble is not None and trouble.fatal) or _arming_late(view, state):
        reason = trouble.reason if trouble is not None else _O.DEADLINE_EXCEEDED
        why = trouble.message if trouble is not None else f"it did not start within {ARM_SECONDS} s."
        return Fail(reason, f"the pod that would check slot {state.to} does not run: {why}")
    again = view.glance
    if trouble is not None:
        return Wait(Situation.RETRYING, trouble.reason, trouble.message, again)
    text = f"The pod that will check slot {state.to} starts."
    return Wait(view.situation, _O.PREPARING_CUTOVER, text, again)


def _create_probe(view: View, state: CutoverState) -> Do | Wait:
    """The Job is asked for; where the API server would not take it, it is asked again after a while."""
    refused = view.world.probe_refused
    if refused is not None:
        again = rfc3339((refused.at or view.now) + timedelta(seconds=GLANCE_SECONDS))
        if not passed(again, view.now):
            return Wait(Situation.RETRYING, refused.reason, refused.message, again)
    return Do(CreateJob(state.probe_job, Operation.CHECK, state.probe_attempt, probe=True))


def needs_probe(view: View) -> bool:
    """Whether anything can be checked on the way there: not on the way back, and not without a TCP port."""
    service = view.service
    if service is None or view.operation.direction is Direction.BACKWARD:
        return False
    return bool(connects(service) or view.spec.checks_at(CheckStage.AFTER_CUTOVER))


def connects(service: Service) -> tuple[str, ...]:
    """`host:port` of every TCP port of the Service; none where it has no address of its own."""
    host = service.cluster_ip
    if not host or host == "None":
        return ()
    shown = f"[{host}]" if ":" in host else host
    return tuple(f"{shown}:{port.number}" for port in service.ports if port.protocol == "TCP")


def _arming_late(view: View, state: CutoverState) -> bool:
    begun = parse(state.probe_time)
    return begun is not None and passed(rfc3339(begun + timedelta(seconds=ARM_SECONDS)), view.now)


def _next_probe(view: View, state: CutoverState) -> StageResult:
    job = view.probe
    if state.probe_attempt >= PROBES:
        said = job.result if job is not None else None
        why = said.message if said is not None else "see its log."
        return Fail(_O.RESULT_LOST, f"the pod that checks slot {state.to} ended {PROBES} times: {why}")
    return Intend(name_probe(view, state))


def name_probe(view: View, state: CutoverState) -> Status:
    """The status that names the next Job which checks the new slot."""
    attempt = state.probe_attempt + 1
    name = names.job_name(view.world.name, f"{state.operation_id}-c", Operation.CHECK, attempt)
    return change_cutover(
        view.status,
        probe_attempt=attempt,
        probe_job=name,
        probe_uid="",
        probe_time=rfc3339(view.now),
        probed=False,
    )


def _arrives(state: CutoverState) -> str:
    """From when on new connections reach the new slot from everywhere: before, the old one may answer."""
    seen = parse(state.verify_time)
    return rfc3339(seen + timedelta(seconds=NODES_SECONDS)) if seen is not None else ""


def awaits_probe(view: View, state: CutoverState) -> bool:
    """Whether the word of the pod that checks is still to come."""
    return not state.probed and (bool(state.probe_job) or needs_probe(view))


def was_told(job: Job, state: CutoverState) -> bool:
    """Whether a pod of the Job knows of the switch. What others say is no word about the new slot."""
    return any(pod.told == state.id for pod in job.pods)


def tell(view: View, state: CutoverState) -> StageResult | None:  # noqa: PLR0911 - one answer per state
    """The pod that checks is told of the switch; a Job that was lost is begun again, and so is the soak."""
    job, cutover = view.probe, view.spec.cutover
    if not state.probe_job:
        return Intend(name_probe(view, state))
    if job is None and not state.probe_uid:
        return _create_probe(view, state)
    if job is None or cutover is None:
        return None
    pod = next((pod for pod in job.pods if pod.started and not pod.ended), None)
    if pod is None or pod.told == state.id:
        return None
    anew = view.now + timedelta(seconds=cutover.soak_period_seconds)
    end = parse(view.status.traffic.soak_end_time if view.status.traffic is not None else "")
    if end is None or anew - end > timedelta(seconds=GLANCE_SECONDS):
        # It is told late: its soak begins now, and so does ours. But it is not tried for ever.
        limit = state.deadline_time or rfc3339(view.now + timedelta(seconds=cutover.switch_deadline_seconds))
        status = change_cutover(view.status, deadline_time=limit)
        return Intend(change_traffic(status, soak_end_time=rfc3339(anew)))
    arrived = _arrives(state)
    if not passed(arrived, view.now):
        text = f"Slot {state.to} is live; the nodes take that up."
        return Wait(view.situation, _O.SOAKING, text, arrived)
    return Do(TellProbe(pod.name, state.id))
