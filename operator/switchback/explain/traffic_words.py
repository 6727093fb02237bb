"""The steps of traffic in words, and what is known of the Service before anything begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.policies import AutomaticRollback
from switchback.contract.words import CheckStage, Operation
from switchback.explain.cases import Case
from switchback.explain.scenes import EndingKind, SceneKind

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.api.spec import Spec
    from switchback.contract.traffic import Traffic
    from switchback.explain.scenes import Scene
    from switchback.explain.stories import Told

MINUTE, HOUR, DAY = 60, 3600, 86400
CONNECTIONS = 20
"""New connections that have to answer after a switch."""


def duration(seconds: int) -> str:
    """`90 s`, `30 min`, `2 h`, `1 day`: the largest unit that comes out even."""
    for unit, word in ((DAY, "day"), (HOUR, "h"), (MINUTE, "min")):
        if seconds and seconds % unit == 0:
            number = seconds // unit
            return f"{number} {word}{'s' if word == 'day' and number > 1 else ''}"
    return f"{seconds} s"


def moves(scene: Scene, spec: Spec) -> str:  # noqa: PLR0911 - one answer per kind of scene
    """What happens in a scene that is about the Service."""
    cutover = spec.cutover
    if cutover is None:
        return ""
    service, back = f"Service {cutover.service_name}", scene.old or "the other slot"
    match scene.kind:
        case SceneKind.CLAIM:
            return f"notes on {service} whose it is, so that no other resource moves its traffic"
        case SceneKind.SWITCH if scene.old:
            return f"points {service} at {scene.slot} instead of {scene.old}, by one patch"
        case SceneKind.SWITCH:
            key = f"{cutover.selector_key}={scene.slot}"
            return f"writes {key} into the selector of {service}, which changes nothing: {scene.message}"
        case SceneKind.VERIFY:
            limit = duration(cutover.switch_deadline_seconds)
            return f"within {limit} its endpoints are ready pods of {scene.slot} only; else back to {back}"
        case SceneKind.SOAK:
            return _soaks(scene, spec, cutover)
        case SceneKind.DRAIN:
            return f"{back} keeps its connections for {duration(cutover.drain_period_seconds)}"
        case SceneKind.OLD_SLOT:
            what = f"{scene.message} (phase=contract)" if scene.message else "files of phase=contract"
            return f"until no pod of {back} exists: {what}. Scale it down when nobody needs the way back"
        case _:
            return ""


def _soaks(scene: Scene, spec: Spec, cutover: Cutover) -> str:
    if not cutover.soak_period_seconds:
        return f"{scene.slot} counts as soon as its checks have passed once; {_undoes(spec, scene)}"
    soak = duration(cutover.soak_period_seconds)
    return f"{scene.slot} is live, and watched for {soak}; {_undoes(spec, scene)}"


def _undoes(spec: Spec, scene: Scene) -> str:
    """What a bad end of the soak leads to."""
    old = scene.old or "the other slot"
    dies = f"without a ready pod left the traffic goes back to {old}"
    if not spec.checks_at(CheckStage.AFTER_CUTOVER):
        return dies
    match spec.rollback.automatic:
        case AutomaticRollback.NEVER:
            return f"a failing check is told and moves nothing; {dies}"
        case AutomaticRollback.TRAFFIC:
            return f"a failing check moves the traffic back to {old}"
        case AutomaticRollback.TRAFFIC_AND_SCHEMA:
            also = ", and what was applied is undone" if spec.source is not None else ""
            return f"a failing check moves the traffic back to {old}{also}"


def checks(scene: Scene, spec: Spec) -> str:
    """What a Job of step check, or drain, does."""
    if scene.step is Operation.DRAIN:
        return "looks whether sessions of the old slot are left in the database"
    if scene.stage is None:
        return "runs the checks of spec.checks"
    names = ", ".join(check.name for check in spec.checks_at(scene.stage))
    if scene.stage is not CheckStage.AFTER_CUTOVER:
        return f"{scene.stage}: {names}"
    then = f", then {names} again and again" if names else ""
    return f"its pod has to run before the switch; after it {CONNECTIONS} new connections{then}"


def place(told: Told, cutover: Cutover | None) -> str:
    """Where the traffic is before anything begins, as the end of a heading."""
    if cutover is None:
        return ""
    if not told.live:
        return ", and nobody can say which slot is live"
    known = "and" if told.live_known else "with"
    return f", {known} {told.live} {'is live' if told.live_known else 'live'}"


def known(cutover: Cutover, traffic: Traffic | None, *, by_cluster: bool) -> str:
    """What is known of Service and slots, in one line."""
    service = traffic.service if traffic is not None else None
    head = f"Service {cutover.service_name}"
    if traffic is None or service is None:
        return f"{head}: there is none"
    live = service.selector.get(cutover.selector_key, "")
    named = cutover.slot(live) is not None
    if not by_cluster:
        where = live if named else "no slot"
        return f"{head}: nobody has looked; it is taken to point at {where}, and both slots to be ready"
    parts = [f"{live} is live" if named else "its selector names no slot"]
    for slot in traffic.slots:
        state = f"{slot.ready} of {slot.desired} ready" if slot.there else "does not exist"
        parts.append(f"{slot.name} ({slot.kind} {slot.workload}) {state}")
    return f"{head}: {', '.join(parts)}"


def ending(told: Told, cutover: Cutover | None) -> str:
    """Which slot is live at the end of a story that ends well."""
    if cutover is None or told.story.ending.kind is not EndingKind.REACHED:
        return ""
    return f"slot {cutover.active_slot} is live"


def afterwards(told: Told, spec: Spec) -> str:
    """What waits for the old slot's end, where nobody can see from here whether anything does."""
    if spec.cutover is None or spec.source is None or told.known.case is not Case.BEHIND or told.known.todo:
        return ""
    return (
        f"Files of phase=contract, and those after them, wait until no pod of "
        f"{spec.cutover.other(spec.cutover.active_slot).name} exists."
    )


def limits(spec: Spec) -> list[str]:
    """How long anything about traffic may take."""
    cutover = spec.cutover
    if cutover is None:
        return []
    return [
        f"{duration(cutover.slot_ready_deadline_seconds)} for {cutover.active_slot} to be ready",
        f"{duration(cutover.switch_deadline_seconds)} from the switch until it is verified",
    ]
