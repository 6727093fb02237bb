"""The part of a story that is about traffic: what the operator's actions and the time make of the world."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase, Outcome
from switchback.controller.cutovers import state_of, state_phase, traffic_of
from switchback.controller.decision import MarkService, PointService, TellProbe
from switchback.controller.times import parse
from switchback.explain import rail
from switchback.explain.scenes import Scene, SceneKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.api.status import HistoryEntry, Status
    from switchback.contract.result import Result
    from switchback.controller.observed import Job, Observed

FROM_TRAFFIC = {
    OperatorReason.TRAFFIC_NOT_ALLOWED,
    OperatorReason.SERVICE_MISSING,
    OperatorReason.SERVICE_UNFIT,
    OperatorReason.SERVICE_CLAIMED,
    OperatorReason.SELECTOR_OWNED_BY_GIT_OPS,
    OperatorReason.SELECTOR_AMBIGUOUS,
    OperatorReason.SELECTOR_MISMATCH,
    OperatorReason.SLOT_LABEL_MISSING,
    OperatorReason.PORT_UNKNOWN,
    OperatorReason.SLOT_MISSING,
    OperatorReason.SLOT_NOT_READY,
    OperatorReason.NO_WAY_BACK,
}
"""Reasons that Service and slots give."""

_BEGINS = {
    CutoverPhase.SOAKING: (SceneKind.VERIFY, SceneKind.SOAK),
    CutoverPhase.DRAINING: (SceneKind.DRAIN,),
}
"""What begins with a phase of a switch."""


def acted(
    world: Observed, action: MarkService | PointService | TellProbe
) -> tuple[tuple[Scene, ...], Observed]:
    """(what there is to tell, the world after it)."""
    match action:
        case MarkService(annotations=marks):  # only the first one is worth telling
            claims = names.ANNOTATION_CLAIMED_BY in marks
            return (Scene(SceneKind.CLAIM, ""),) if claims else (), rail.marked(world, marks)
        case PointService(slot=slot, why=why):
            state = state_of(world.status)
            old = state.from_ if state is not None and state.from_ != slot else ""
            scene = Scene(SceneKind.SWITCH, "", message=why, slot=slot, old=old)
            return (scene,), rail.pointed(world, action)
        case TellProbe():
            return (), replace(world, jobs=tuple(rail.told(job, action) for job in world.jobs))


def begun(before: Status, after: Status) -> list[Scene]:
    """What begins when a switch has come so far."""
    state = state_of(after)
    if state is None or state.phase is state_phase(before):
        return []
    return [Scene(kind, "", slot=state.to, old=state.from_) for kind in _BEGINS.get(state.phase, ())]


def without_the_old_slot(
    world: Observed, outcome: HistoryEntry | None, held: tuple[str, ...]
) -> tuple[Scene, Observed] | None:
    """How it goes on once somebody ends the old slot; None when nothing waits for that."""
    operation, traffic = world.status.operation, world.traffic
    if operation is None or not operation.contract or outcome is None or traffic is None:
        return None
    live = traffic_of(world.status).live_slot
    waits = any(slot.pods for slot in traffic.slots if slot.name != live)
    if outcome.outcome is not Outcome.SUCCEEDED or not waits:
        return None
    old = next((slot.name for slot in traffic.slots if slot.name != live), "")
    scene = Scene(SceneKind.OLD_SLOT, "", message=", ".join(held), slot=live, old=old)
    return scene, rail.without_old_pods(world, live)


def probe_of(world: Observed) -> Job | None:
    """The Job that checks the new slot."""
    state = state_of(world.status)
    return next((job for job in world.jobs if state is not None and job.name == state.probe_job), None)


def rode(world: Observed, says: Callable[[Job], Result]) -> Observed | None:
    """The world once a soak or a drain is over, and all was well meanwhile; None when there is none."""
    known, probe = traffic_of(world.status), probe_of(world)
    match state_phase(world.status):
        case CutoverPhase.SOAKING:
            end = parse(known.soak_end_time)
        case CutoverPhase.DRAINING:
            end = parse(known.drain_end_time)
        case _:
            return None
    later = max(end or world.now, world.now)
    if probe is not None and not probe.ended:
        told = known.cutover.id if known.cutover is not None else ""
        word = says(probe)
        pods = tuple(replace(pod, ended=True, exit_code=0, result=word, told=told) for pod in probe.pods)
        over = replace(probe, finished=True, pods=pods)
        jobs = tuple(over if one is probe else one for one in world.jobs)
        return replace(world, now=later, jobs=jobs)
    return replace(world, now=later) if later > world.now else None
