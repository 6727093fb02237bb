"""Every guard: the shop that passes, and the one change that each of them is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.reasons import OperatorReason, advised, explain
from switchback.traffic.claim import Holder
from switchback.traffic.guards import guards, lasting, passing
from switchback.traffic.writers import WRITERS
from tests.unit.traffic.build import Object, a_slice, cutover, endpoint, pod, seen, service, workload

if TYPE_CHECKING:
    from switchback.contract.traffic import Traffic
    from switchback.traffic.guard import Guard


def asked(live: str = "blue", wished: str = "green", **parts: Any) -> tuple[Guard, ...]:
    wanted = parts.get("cutover") or cutover()
    return guards(wanted, seen(**parts), live, wished)


def failed(found: tuple[Guard, ...]) -> list[Guard]:
    return [guard for guard in found if not guard.passed]


def only(found: tuple[Guard, ...]) -> Guard:
    (guard,) = failed(found)
    return guard


def slots(**changed: Object | None) -> dict[str, Object | None]:
    return {"blue": workload("blue"), "green": workload("green"), **changed}


def test_a_shop_that_is_ready_passes_and_says_what_was_found() -> None:
    found = asked()
    assert failed(found) == []
    assert [guard.name for guard in found] == [
        "service",
        "service-claim",
        "selector-writer",
        "slot-label-blue",
        "slot-chosen-blue",
        "slot-ports-blue",
        "slot-label-green",
        "slot-chosen-green",
        "slot-ports-green",
        "slot-there",
        "slot-rolled-out",
        "slot-ready",
        "slot-calm",
        "way-back",
    ]
    assert all(guard.message.endswith(".") for guard in found)
    assert not any(guard.reason or guard.advice for guard in found)


RESTARTED = [{"restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T11:59:45Z"}}}]
CALM_AGAIN = [{"restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T11:59:30Z"}}}]
LOST = {"updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2}
UNREADY = [pod("green", 3, ready=False), pod("green", 4)]
BLUE = [pod("blue", 1), pod("blue", 2)]
DEAD = [pod("blue", 1, ready=False), pod("blue", 2, ready=False)]
BY_HAND = {"addresses": ["192.0.2.7"], "conditions": {}}
OTHER, LEAVING = Holder("shop/other"), Holder("shop/other", leaving=True)

BLOCKING: list[tuple[str, str, bool, str, Object]] = [
    # (guard, reason, fatal, part of the message, what is different)
    ("service", "ServiceMissing", False, "Service web does not exist", {"service": None, "slices": []}),
    ("service", "ServiceUnfit", True, "of type ExternalName", {"service": service(type="ExternalName")}),
    ("service", "ServiceUnfit", True, "has no selector", {"service": service(selector=None)}),
    ("service", "ServiceUnfit", True, "has no selector", {"service": service(selector={})}),
    (
        "service",
        "ServiceUnfit",
        True,
        "publishNotReadyAddresses",
        {"service": service(publishNotReadyAddresses=True)},
    ),
    ("service-claim", "ServiceClaimed", True, "DatabaseMigration shop/other", {"held_by": OTHER}),
    ("service-claim", "ServiceClaimed", False, "takes its switch back first", {"held_by": LEAVING}),
    (
        "selector-writer",
        "SelectorOwnedByGitOps",
        True,
        "kubectl annotate service web -n shop kustomize.toolkit.fluxcd.io/ssa=IfNotPresent",
        {"service": service(owners=[("kustomize-controller", "Apply")])},
    ),
    (
        "slot-label-blue",
        "SlotLabelMissing",
        True,
        "Deployment web-blue: its pod template needs the label slot=blue and does not have it",
        {"workloads": slots(blue=workload("blue", labels={"app": "shop"}))},
    ),
    (
        "slot-label-green",
        "SlotLabelMissing",
        True,
        "slot=green and says slot=blue",
        {"workloads": slots(green=workload("green", labels={"app": "shop", "slot": "blue"}))},
    ),
    (
        "slot-chosen-green",
        "SelectorMismatch",
        True,
        "Deployment web-green: its pod template lacks app=shop, which Service web selects by",
        {"workloads": slots(green=workload("green", labels={"slot": "green"}))},
    ),
    (
        "slot-ports-green",
        "PortUnknown",
        True,
        "none of its containers has a port web (UDP)",
        {
            "service": service(ports=[{"port": 80, "targetPort": "web", "protocol": "UDP"}]),
            "workloads": {"green": workload("green")},
            "live": "",
        },
    ),
    (
        "endpoints",
        "ServiceUnfit",
        False,
        "1 ready endpoint of Service web is a pod of neither slot",
        {"slices": [a_slice(*map(endpoint, BLUE)), a_slice(BY_HAND, name="by-hand")]},
    ),
    (
        "slot-there",
        "SlotMissing",
        False,
        "Deployment web-green does not exist",
        {"workloads": slots(green=None)},
    ),
    (
        "slot-there",
        "SlotMissing",
        False,
        "Deployment web-green does not exist",
        {"workloads": slots(green=workload("green", metadata={"deletionTimestamp": "now"}))},
    ),
    (
        "slot-rolled-out",
        "SlotNotReady",
        False,
        "the controller of Deployment web-green has not seen its newest spec",
        {"workloads": slots(green=workload("green", metadata={"generation": 4}))},
    ),
    (
        "slot-rolled-out",
        "SlotNotReady",
        False,
        "1 of 3 pods are of an older template",
        {"workloads": slots(green=workload("green", status={"replicas": 3}))},
    ),
    (
        "slot-ready",
        "SlotNotReady",
        False,
        "1 of 2 pods are ready",
        {"workloads": slots(green=workload("green", status={"readyReplicas": 1}))},
    ),
    (
        "slot-ready",
        "SlotNotReady",
        False,
        "1 of 2 pods are ready for 15 s, as minReadySeconds wants",
        {"workloads": slots(green=workload("green", status={"availableReplicas": 1}, minReadySeconds=15))},
    ),
    (
        "slot-ready",
        "SlotNotReady",
        False,
        "1 of 2 pods are ready with the labels that the Service selects by",
        {"pods": [*BLUE, *UNREADY]},
    ),
    (
        "slot-calm",
        "SlotNotReady",
        False,
        "a container of pod web-green-5d8f-3 was restarted 15 s ago",
        {"pods": [*BLUE, pod("green", 3, status={"containerStatuses": RESTARTED}), pod("green", 4)]},
    ),
    (
        "way-back",
        "NoWayBack",
        False,
        "Deployment web-blue, where the traffic goes now, has no ready pod",
        {"pods": [*DEAD, pod("green", 3), pod("green", 4)]},
    ),
]


@pytest.mark.parametrize(("name", "reason", "fatal", "text", "change"), BLOCKING)
def test_what_stands_in_the_way(name: str, reason: str, *, fatal: bool, text: str, change: Object) -> None:
    guard = only(asked(**change))
    assert (guard.name, guard.reason, guard.fatal) == (name, reason, fatal)
    assert guard.blocks
    assert text in guard.message
    known = explain(reason)
    assert known is not None
    assert guard.advice == known.advice


def test_a_service_that_is_being_deleted_is_missing() -> None:
    dying = service()
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    guard = only(asked(service=dying))
    assert (guard.reason, guard.message) == ("ServiceMissing", "Service web is being deleted.")


def test_a_slot_that_is_scaled_to_nothing_says_so_first() -> None:
    empty: Object = {"workloads": slots(green=workload("green", 0)), "pods": BLUE}
    first = failed(asked(**empty))[0]
    assert (first.name, first.message) == ("slot-rolled-out", "Deployment web-green is scaled to 0.")


def test_old_pods_that_are_ready_do_not_stand_for_new_ones() -> None:
    """A rollout in the middle: two ready pods, of which one will go, and a new one that is not ready."""
    half = workload("green", status={"replicas": 3, "updatedReplicas": 2, "readyReplicas": 2})
    assert failed(asked(workloads=slots(green=half)))[0].name == "slot-rolled-out"
    lost = workload("green", status=LOST)
    assert [one.name for one in failed(asked(workloads=slots(green=lost)))] == [
        "slot-rolled-out",
        "slot-ready",
    ]


def test_a_restart_of_long_ago_or_of_a_pod_that_ends_does_not_matter() -> None:
    calm = pod("green", 3, status={"containerStatuses": CALM_AGAIN})
    assert failed(asked(pods=[*BLUE, calm, pod("green", 4)])) == []
    ending = pod("green", 5, status={"containerStatuses": RESTARTED}, metadata={"deletionTimestamp": "now"})
    over = pod("green", 6, ready=False, status={"containerStatuses": RESTARTED, "phase": "Failed"})
    assert failed(asked(pods=[*BLUE, pod("green", 3), pod("green", 4), ending, over])) == []


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

WARNINGS: list[tuple[str, str, str, Object]] = [
    (
        "session-affinity",
        "SessionAffinity",
        "sessionAffinity ClientIP",
        {"service": service(sessionAffinity="ClientIP")},
    ),
    ("load-balancer", "LoadBalancerLag", "of type LoadBalancer", {"service": service(type="LoadBalancer")}),
    ("load-balancer", "LoadBalancerLag", "of type NodePort", {"service": service(type="NodePort")}),
    (
        "node-local",
        "TrafficStaysOnNode",
        "externalTrafficPolicy Local",
        {"service": service(externalTrafficPolicy="Local")},
    ),
    (
        "node-local",
        "TrafficStaysOnNode",
        "internalTrafficPolicy Local",
        {"service": service(internalTrafficPolicy="Local")},
    ),
    ("headless", "HeadlessService", "clusterIP None", {"service": service(clusterIP="None")}),
    (
        "selector-writer",
        "SelectorInManifest",
        "slot: blue",
        {"service": service(annotations={LAST_APPLIED: '{"spec":{"selector":{"slot":"blue"}}}'})},
    ),
    (
        "selector-writer",
        "SelectorShared",
        "field manager helm-controller",
        {"service": service(owners=[("helm-controller", "Update")])},
    ),
    (
        "autoscaler",
        "AutoscalerTooLow",
        "minReplicas 1, and 2 ready pods are needed",
        {"autoscalers": [{"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web-green"}}}]},
    ),
    (
        "rollout-paused",
        "RolloutPaused",
        "the rollout of Deployment web-green is paused",
        {"workloads": slots(green=workload("green", paused=True))},
    ),
    (
        "way-back",
        "NoWayBack",
        "spec.cutover.allowNoReturn is set",
        {"pods": [*DEAD, pod("green", 3), pod("green", 4)], "cutover": cutover(allowNoReturn=True)},
    ),
]


@pytest.mark.parametrize(("name", "reason", "text", "change"), WARNINGS)
def test_what_people_should_know(name: str, reason: str, text: str, change: Object) -> None:
    guard = only(asked(**change))
    assert (guard.name, guard.reason) == (name, reason)
    assert guard.warning
    assert not guard.blocks
    assert text in guard.message
    assert guard.advice


def test_every_reason_of_a_guard_is_in_a_table() -> None:
    tried = {row[1] for row in BLOCKING} | {row[1] for row in WARNINGS} | {"TrafficNotAllowed"}
    words = list(OperatorReason)
    first, last = words.index(OperatorReason.TRAFFIC_NOT_ALLOWED), words.index(OperatorReason.ROLLOUT_PAUSED)
    assert tried | {"SelectorAmbiguous"} == {str(one) for one in words[first : last + 1]}


# --- which of them are asked ---


def refused() -> Traffic:
    from switchback.controller.observe_traffic import refused as unknown  # noqa: PLC0415 - the one use
    from tests.unit.traffic.build import NOW  # noqa: PLC0415

    return unknown(cutover(), 'services "web" is forbidden', NOW)


def test_without_a_service_no_slot_is_ready() -> None:
    found = passing(cutover(), seen(service=None), "blue", "green")
    assert [guard.reason for guard in found] == ["ServiceMissing"]
    assert [guard.reason for guard in passing(cutover(), refused(), "", "green")] == ["TrafficNotAllowed"]


def test_where_the_operator_may_not_look_nothing_else_is_said() -> None:
    guard = only(guards(cutover(), refused(), "", "green"))
    assert (guard.name, guard.reason, guard.fatal) == ("look-allowed", "TrafficNotAllowed", False)
    assert "forbidden" in guard.message


def test_nothing_is_asked_of_the_other_slot_while_the_live_one_is_wished() -> None:
    broken = slots(green=workload("green", 0, labels={}))
    found = asked(live="blue", wished="blue", workloads=broken, pods=BLUE)
    assert failed(found) == []
    assert not any("green" in guard.name for guard in found)


def test_a_workload_that_is_not_there_yet_is_only_waited_for() -> None:
    traffic = seen(workloads=slots(green=None))
    assert failed(lasting(cutover(), traffic, "blue", "green")) == []
    assert [one.reason for one in failed(passing(cutover(), traffic, "blue", "green"))] == ["SlotMissing"]


def test_while_it_is_not_clear_which_slot_is_live_nothing_is_said_about_a_way_back() -> None:
    names = [guard.name for guard in asked(live="", pods=[pod("green", 3), pod("green", 4)], slices=[])]
    assert "slot-ready" in names
    assert "way-back" not in names


def test_a_port_by_number_needs_no_name() -> None:
    bare = {"containers": [{"name": "web"}]}
    green = workload("green")
    green["spec"]["template"]["spec"] = bare
    numbered = service(ports=[{"port": 80, "targetPort": 8080}])
    assert failed(asked(service=numbered, workloads=slots(green=green))) == []


def test_what_is_said_of_a_writer_fits_into_a_condition() -> None:
    """The fix stands at its end, so nothing may be cut off."""
    long = "w" * 63
    for writer in WRITERS:
        body = service(owners=[(writer.manager, writer.operation)])
        body["metadata"]["name"] = long
        wanted = cutover(serviceName=long)
        (guard,) = [
            one
            for one in lasting(wanted, seen(service=body, cutover=wanted), "blue", "green")
            if one.name == "selector-writer"
        ]
        assert not guard.passed
        assert len(advised(guard.reason, guard.message).encode()) <= 512, writer.tool
