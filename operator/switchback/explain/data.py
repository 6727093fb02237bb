"""The answer for programs. Keys are stable; what is not known is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.explain import words
from switchback.explain.admission import Let
from switchback.explain.cluster import There
from switchback.explain.findings import as_data, in_order, spelled
from switchback.explain.scenes import SceneKind

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.api.spec import Spec
    from switchback.contract.traffic import Traffic
    from switchback.explain.inquire import Report
    from switchback.explain.scenes import Scene, Story
    from switchback.explain.stories import Told

Data = dict[str, Any]

_STATES = {
    There.YES: "Exists", There.NO: "Missing", There.UNKNOWN: "Unknown", There.COMES: "ComesWithFile",
}  # fmt: skip


_VERDICTS = {Let.IN: "Admitted", Let.REFUSED: "Refused", Let.UNKNOWN: "Unknown"}


def report(one: Report) -> Data:
    """Everything about one document."""
    places = one.document.places
    data: Data = {
        "file": places.file,
        "line": places.line,
        "namespace": one.namespace,
        "name": one.name,
        "valid": one.is_valid,
        "findings": [as_data(found, places) for found in in_order(one.findings, places)],
    }
    if not one.is_valid:
        return data
    return {**data, **_known(one), "stories": [_told(one, told) for told in one.told]}


def _known(one: Report) -> Data:
    data: Data = {
        "references": [
            {
                "kind": reference.kind, "name": reference.name, "path": spelled(reference.path),
                "state": _STATES[there],
            }
            for reference, there in one.needed.items()
        ],
        "requests": [
            {"kind": each.kind, "token": each.token, "followed": each.followed, "why": each.why}
            for each in one.requests
        ],
        "limits": _limits(one.spec) if one.spec is not None else {},
    }  # fmt: skip
    if one.source.ids is not None:
        data["migrations"] = list(one.source.ids)
    if one.begin is not None:
        data["apply"] = {
            "begins": one.begin.begins,
            "why": one.begin.why,
            "intentDigest": one.begin.intent,
            "differs": list(one.begin.parts),
            "changes": [
                {"path": spelled(each.path), "before": each.before, "after": each.after}
                for each in one.changes
            ],
        }
        if one.begin.before:
            data["apply"]["intentDigestBefore"] = one.begin.before
    traffic = one.world.traffic if one.world is not None else None
    if one.spec is not None and one.spec.cutover is not None and traffic is not None:
        data["traffic"] = _traffic(one, one.spec.cutover, traffic)
    if one.answer is not None:
        data["dryRun"] = {
            "as": one.answer.how, "tried": one.answer.tried, "accepted": one.answer.after is not None,
        }  # fmt: skip
    if one.place is not None:
        data |= _place(one)
    return data


def _traffic(one: Report, cutover: Cutover, traffic: Traffic) -> Data:
    service = traffic.service
    return {
        "service": cutover.service_name,
        "seen": one.traffic_seen,
        "exists": service is not None,
        "liveSlot": service.selector.get(cutover.selector_key, "") if service is not None else "",
        "slots": [
            {
                "name": slot.name, "kind": slot.kind, "workload": slot.workload, "exists": slot.there,
                "ready": slot.ready, "desired": slot.desired,
            }
            for slot in traffic.slots
        ],
    }  # fmt: skip


def _limits(spec: Spec) -> Data:
    own, dumps = spec.execution, spec.snapshot is not None and spec.snapshot.none is None
    data: Data = {
        "operationSeconds": spec.operation_deadline_seconds,
        "approvalSeconds": spec.approval.timeout_seconds,
        "backoffLimit": own.backoff_limit,
        "lockTimeoutSeconds": own.lock_timeout_seconds,
        "statementTimeoutSeconds": own.statement_timeout_seconds,
        "advisoryLockTimeoutSeconds": own.advisory_lock_timeout_seconds,
        "slotReadySeconds": spec.cutover.slot_ready_deadline_seconds if spec.cutover is not None else None,
        "switchSeconds": spec.cutover.switch_deadline_seconds if spec.cutover is not None else None,
        "soakSeconds": spec.cutover.soak_period_seconds if spec.cutover is not None else None,
        "drainSeconds": spec.cutover.drain_period_seconds if spec.cutover is not None else None,
        "snapshotSeconds": spec.snapshot.deadline_seconds if spec.snapshot is not None and dumps else None,
    }
    return {key: value for key, value in data.items() if value is not None}


def _place(one: Report) -> Data:
    data: Data = {"jobs": [_verdict(each) for each in one.verdicts]}
    live = one.live
    if live is not None:
        status = live.get("status") or {}
        data["live"] = {
            "generation": live["metadata"].get("generation", 0),
            "conditions": status.get("conditions") or [],
            "schema": status.get("schema") or {},
        }
    if one.operator is not None:
        data["operator"] = {
            "namespace": one.operator.namespace,
            "name": one.operator.name,
            "holder": one.operator.holder,
            "runs": one.operator.runs,
        }
    data["approvals"] = {"policy": one.guard.name, "state": one.guard.state.name.title().replace("_", "")}
    may = one.place.may_approve if one.place is not None else None
    if may is not None:
        data["approvals"]["youMay"] = may
    return data


def _verdict(each: Any) -> Data:
    data = {
        "step": str(each.step), "verdict": _VERDICTS[each.let],
        "reason": str(each.reason), "message": each.message,
    }  # fmt: skip
    return {key: value for key, value in data.items() if value}


def _told(one: Report, told: Told) -> Data:
    data: Data = {
        "case": str(told.known.case),
        "certain": told.known.certain,
        "current": told.known.current,
        "target": told.known.target,
        "migrations": list(told.known.todo),
        "suspended": told.suspended,
        "steps": [_scene(one, told.story, scene) for scene in told.story.scenes],
        "ending": _ending(told.story),
        "refusals": [
            {
                "reason": str(each.reason), "message": each.message, "advice": each.advice,
                "condition": each.condition,
            }
            for each in told.refusals
        ],
    }  # fmt: skip
    if told.risky is not None:
        data["ifDataIsLost"] = {
            "steps": [_scene(one, told.risky, scene) for scene in told.risky.scenes],
            "ending": _ending(told.risky),
        }
    return data


def _ending(story: Story) -> Data:
    ending = story.ending
    return {"kind": str(ending.kind), "reason": str(ending.reason), "message": ending.message}


def _scene(one: Report, story: Story, scene: Scene) -> Data:
    data: Data = {"kind": str(scene.kind)}
    if scene.step is not None:
        data["step"] = str(scene.step)
    if scene.name:
        data["job"] = story.pattern(scene.name)
    if scene.kind is SceneKind.APPROVAL and scene.want is not None:
        spec = one.spec
        data |= {
            "wants": str(scene.want),
            "because": words.asked_by(scene.want, one),
            "who": words.approver(one),
            "timeoutSeconds": spec.approval.timeout_seconds if spec is not None else 0,
        }
    if scene.manifest:
        pod = scene.manifest["spec"]["template"]["spec"]
        data |= {
            "images": words.images(scene),
            "command": story.pattern(words.command(scene, full=True)),
            "containers": [
                _container(story, part) for part in (*pod.get("initContainers", ()), *pod["containers"])
            ],
            "activeDeadlineSeconds": pod["activeDeadlineSeconds"],
        }
    if scene.message and scene.kind is not SceneKind.APPROVAL:
        data["message"] = scene.message
    for name in ("stage", "slot", "old"):
        if getattr(scene, name):
            data[name] = str(getattr(scene, name))
    if scene.reason:
        data["reason"] = str(scene.reason)
    return data


def _container(story: Story, part: Data) -> Data:
    data: Data = {key: part[key] for key in ("name", "image") if key in part}
    for key in ("command", "args"):
        if key in part:
            data[key] = [story.pattern(str(word).replace("$$", "$")) for word in part[key]]
    return data
