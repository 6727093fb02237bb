from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from switchback.contract.traffic import Owner, Port, Slot
from switchback.traffic.claim import Holder
from switchback.traffic.read import template_hash
from switchback.traffic.service import service_from
from tests.unit.traffic.build import (
    HASH,
    NOW,
    PORTS,
    Object,
    a_slice,
    cutover,
    endpoint,
    pod,
    seen,
    service,
    workload,
)


def slot(name: str, **parts: Any) -> Slot:
    found = seen(**parts).slot(name)
    assert isinstance(found, Slot)
    return found


def names(one: Slot) -> list[str]:
    return [pod.name.rpartition("-")[2] for pod in one.pods]


# --- the Service ---


def test_a_service_as_plain_values() -> None:
    read = service_from(service(annotations={"a": "1"}, labels={"b": "2"}, owners=[("helm", "Update")]))
    assert (read.name, read.uid, read.resource_version) == ("web", "uid-of-web", "7")
    assert read.selector == {"app": "shop", "slot": "blue"}
    assert (read.annotations, read.labels) == ({"a": "1"}, {"b": "2"})
    assert read.ports == (Port("http", "TCP", 80, "web"),)
    assert read.owners == (Owner("helm", "Update"),)
    assert read.last_applied is None
    assert not read.deleting


def test_a_port_without_a_target_goes_to_its_own_number() -> None:
    read = service_from(service(ports=[{"port": 80}]))
    assert read.ports == (Port("", "TCP", 80, "80"),)


def test_only_who_holds_the_selector_owns_it() -> None:
    body = service(owners=[("argocd-controller", "Apply")])
    body["metadata"]["managedFields"] += [
        {"manager": "other", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
        {"manager": "status", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "empty", "operation": "Update"},
    ]
    assert [one.manager for one in service_from(body).owners] == ["argocd-controller"]


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ({"spec": {"selector": {"app": "shop"}}}, {"app": "shop"}),
        ({"spec": {}}, {}),
        ({}, {}),
        ("no JSON at all", None),
        ([], None),
    ],
)
def test_what_kubectl_has_remembered_is_its_selector(applied: Any, expected: Any) -> None:
    text = applied if isinstance(applied, str) else json.dumps(applied)
    read = service_from(service(annotations={"kubectl.kubernetes.io/last-applied-configuration": text}))
    assert read.last_applied == expected
    assert read.annotations == {}, "it can be large, and nobody needs the rest"


def test_a_service_that_is_not_there() -> None:
    traffic = seen(service=None, slices=[])
    assert traffic.service is None
    assert [len(one.pods) for one in traffic.slots] == [2, 2], "those of the workloads are known all the same"
    assert all(not pod.selected for one in traffic.slots for pod in one.pods)


def test_a_claim_is_about_a_service() -> None:
    assert seen(held_by=Holder("shop/other")).claimed_by == "shop/other"
    assert seen(held_by=Holder("shop/other"), service=None).claimed_by == ""
    assert not seen(held_by=Holder("shop/other")).claim_ends
    assert seen(held_by=Holder("shop/other", leaving=True)).claim_ends


# --- whose pods ---


def test_each_slot_has_its_pods_and_the_service_the_endpoints_of_one() -> None:
    traffic = seen()
    assert traffic.at == NOW
    blue, green = traffic.slots
    assert (blue.name, blue.kind, blue.workload) == ("blue", "Deployment", "web-blue")
    assert (names(blue), names(green)) == (["1", "2"], ["3", "4"])
    assert (blue.endpoints, green.endpoints, traffic.strangers) == (2, 0, 0)
    assert (blue.ready_pods, green.ready_pods) == (2, 2)


@pytest.mark.parametrize(
    ("case", "one", "expected"),
    [
        ("of the workload", pod("blue", 1), ["blue"]),
        ("label changed by hand", pod("blue", 1, labels={"app": "shop", "slot": "green"}), ["green"]),
        (
            "the same with its hash",
            pod("blue", 1, labels={**pod("green")["metadata"]["labels"]}),
            ["blue", "green"],
        ),
        ("label taken off", pod("blue", 1, labels={"pod-template-hash": HASH, "app": "shop"}), ["blue"]),
        ("nobody's, chosen by the Service", pod("blue", 1, owners=[]), ["blue"]),
        (
            "of another workload, chosen by the Service",
            pod("green", 1, owners=[{"kind": "Job", "name": "x", "controller": True}]),
            ["green"],
        ),
        (
            "of a StatefulSet of the same name",
            pod(
                "blue", 1, labels={}, owners=[{"kind": "StatefulSet", "name": "web-blue", "controller": True}]
            ),
            [],
        ),
        ("of another application", pod("blue", 1, labels={"app": "bank", "slot": "blue"}, owners=[]), []),
        (
            "of a slot that does not exist",
            pod("blue", 1, labels={"app": "shop", "slot": "red"}, owners=[]),
            [],
        ),
        ("of nobody", pod("blue", 1, labels={"app": "shop"}, owners=[]), []),
    ],
)
def test_whose_pod_it_is(case: str, one: Object, expected: list[str]) -> None:
    traffic = seen(pods=[one], slices=[])
    assert [slot.name for slot in traffic.slots if slot.pods] == expected, case


def test_workloads_whose_selectors_overlap_keep_their_pods_apart() -> None:
    """Deployments that choose by `app` alone work, since they own their pods."""
    chosen = {"matchLabels": {"app": "shop"}}
    both = {"blue": workload("blue", selector=chosen), "green": workload("green", selector=chosen)}
    traffic = seen(workloads=both)
    assert [names(one) for one in traffic.slots] == [["1", "2"], ["3", "4"]]
    orphan = pod("blue", 1, owners=[])
    assert [len(one.pods) for one in seen(workloads=both, pods=[orphan], slices=[]).slots] == [1, 0]


def test_an_orphan_without_the_label_is_of_the_workload_that_would_adopt_it() -> None:
    chosen = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["shop"]}]}
    orphan = pod("blue", 1, labels={"app": "shop"}, owners=[])
    traffic = seen(workloads={"blue": workload("blue", selector=chosen)}, pods=[orphan], slices=[])
    assert [len(one.pods) for one in traffic.slots] == [1, 0]
    assert not traffic.slots[0].pods[0].selected


def test_pods_of_a_workload_that_is_gone_are_still_the_slots() -> None:
    """Deleted with --cascade=orphan: its ReplicaSet and its pods run on."""
    blue = slot("blue", workloads={"green": workload("green")})
    assert not blue.there
    assert names(blue) == ["1", "2"]


def test_a_pod_that_two_lists_hold_is_one_pod() -> None:
    one = pod("blue", 1)
    assert len(slot("blue", pods=[one, one]).pods) == 1


def test_a_stateful_sets_pods() -> None:
    wanted = cutover(
        slots=[
            {"name": "blue", "workloadRef": {"kind": "StatefulSet", "name": "db"}},
            {"name": "green", "workloadRef": {"kind": "Deployment", "name": "web-green"}},
        ]
    )
    one = pod("blue", 0, owners=[{"kind": "StatefulSet", "name": "db", "uid": "1", "controller": True}])
    traffic = seen(cutover=wanted, pods=[one], workloads={}, slices=[])
    assert [len(side.pods) for side in traffic.slots] == [1, 0]


# --- the state of a pod ---


def test_a_ready_pod() -> None:
    one = slot("blue", pods=[pod("blue", 1)]).pods[0]
    assert (one.ready, one.selected, one.terminating, one.over) == (True, True, False, False)
    assert one.address == "10.0.0.1"
    assert one.ready_since == datetime(2026, 1, 1, 11, 50, tzinfo=UTC)
    assert one.restarted is None


@pytest.mark.parametrize(
    ("one", "ready", "alive"),
    [
        (pod("blue", 1), 1, 1),
        (pod("blue", 1, ready=False), 0, 1),
        (pod("blue", 1, metadata={"deletionTimestamp": "2026-01-01T12:00:00Z"}), 0, 1),
        (pod("blue", 1, ready=False, status={"phase": "Failed"}), 0, 0),
        (pod("blue", 1, ready=False, status={"phase": "Succeeded"}), 0, 0),
        (pod("blue", 1, labels={"app": "shop", "pod-template-hash": HASH}), 0, 1),
        (pod("blue", 1, status={"conditions": None}), 0, 1),
    ],
)
def test_ready_and_alive(one: Object, ready: int, alive: int) -> None:
    found = slot("blue", pods=[one], slices=[])
    assert (found.ready_pods, found.alive) == (ready, alive)


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([{"restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T11:00:00Z"}}}], None),
        ([{"restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T11:59:00Z"}}}], 59),
        (
            [
                {
                    "restartCount": 2,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"finishedAt": "2026-01-01T11:58:00Z"}},
                }
            ],
            58,
        ),
        (
            [
                {"restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T11:40:00Z"}}},
                {"restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T11:41:00Z"}}},
            ],
            41,
        ),
        ([{"restartCount": 1, "state": {}}], None),
    ],
)
def test_when_a_container_was_last_restarted(containers: list[Object], expected: int | None) -> None:
    one = slot("blue", pods=[pod("blue", 1, status={"containerStatuses": containers})]).pods[0]
    assert one.restarted == (datetime(2026, 1, 1, 11, expected, tzinfo=UTC) if expected is not None else None)


# --- the workload ---


def test_a_workload_as_plain_values() -> None:
    blue = slot("blue")
    assert blue.there
    assert blue.settled
    assert (blue.desired, blue.total, blue.updated, blue.ready, blue.available) == (2, 2, 2, 2, 2)
    assert blue.labels == {"app": "shop", "slot": "blue"}
    assert blue.ports == {"web/TCP"}
    assert not blue.paused
    assert blue.autoscaler_minimum is None


def test_a_workload_that_has_said_nothing_yet() -> None:
    bare = {"metadata": {"name": "web-blue", "generation": 1}, "spec": {"template": {}}}
    blue = slot("blue", workloads={"blue": bare})
    assert blue.there
    assert not blue.settled
    assert (blue.desired, blue.updated) == (1, 0), "the API server's own default is one"


def test_a_workload_that_is_being_deleted_is_not_there() -> None:
    dying = workload("blue", metadata={"deletionTimestamp": "2026-01-01T12:00:00Z"})
    assert not slot("blue", workloads={"blue": dying}).there


def test_a_newer_generation_is_not_settled() -> None:
    assert not slot("blue", workloads={"blue": workload("blue", metadata={"generation": 4})}).settled


def test_ports_of_sidecars_count_and_those_of_init_containers_do_not() -> None:
    side = {"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "proxy", "containerPort": 1}]}
    init = {"name": "init", "ports": [{"name": "init", "containerPort": 2}]}
    body = workload("blue")
    body["spec"]["template"]["spec"]["initContainers"] = [side, init]
    assert slot("blue", workloads={"blue": body}).ports == {"web/TCP", "proxy/TCP"}


def test_an_autoscalers_minimum() -> None:
    def scaler(kind: str, name: str, **more: Any) -> Object:
        return {"spec": {"scaleTargetRef": {"kind": kind, "name": name}, **more}}

    scalers = [
        scaler("StatefulSet", "web-blue", minReplicas=9),
        scaler("Deployment", "web-blue", minReplicas=3),
        scaler("Deployment", "web-green"),
    ]
    traffic = seen(autoscalers=scalers)
    assert [one.autoscaler_minimum for one in traffic.slots] == [3, 1]


def test_another_template_is_another_hash() -> None:
    one, same = workload("blue"), workload("blue", replicas=5)
    assert template_hash(one) == template_hash(same)
    other = workload("blue")
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    assert template_hash(other) != template_hash(one)
    assert len(template_hash(one)) == 16


# --- endpoints ---

ONE, TWO, GREEN = pod("blue", 1), pod("blue", 2), pod("green", 3)


@pytest.mark.parametrize(
    ("case", "slices", "expected"),
    [
        ("none", [], (0, 0, 0)),
        ("a condition that is not said means yes", [a_slice(endpoint(ONE))], (1, 0, 0)),
        ("null as well", [a_slice(endpoint(ONE, ready=None))], (1, 0, 0)),
        ("not ready", [a_slice(endpoint(ONE, ready=False))], (0, 1, 0)),
        ("ending", [a_slice(endpoint(ONE, ready=False, serving=True, terminating=True))], (0, 1, 0)),
        ("ending, published all the same", [a_slice(endpoint(ONE, ready=True, terminating=True))], (0, 1, 0)),
        (
            "both families",
            [a_slice(endpoint(ONE)), a_slice(endpoint(ONE), name="web-6", family="IPv6")],
            (1, 0, 0),
        ),
        (
            "moving from slice to slice",
            [a_slice(endpoint(ONE, ready=False)), a_slice(endpoint(ONE, ready=True), name="web-2")],
            (1, 0, 0),
        ),
        (
            "moving the other way",
            [a_slice(endpoint(ONE, ready=True)), a_slice(endpoint(ONE, ready=False), name="web-2")],
            (1, 0, 0),
        ),
        ("of another Service", [a_slice(endpoint(ONE), service="other")], (0, 0, 0)),
        ("empty", [a_slice()], (0, 0, 0)),
        ("null", [{**a_slice(), "endpoints": None}], (0, 0, 0)),
        ("a pod of nobody", [a_slice(endpoint(pod("red", 9)))], (0, 0, 1)),
        ("no pod at all", [a_slice({"addresses": ["10.0.0.99"]})], (0, 0, 1)),
        (
            "no pod at all, not ready",
            [a_slice({"addresses": ["1"], "conditions": {"ready": False}})],
            (0, 0, 0),
        ),
    ],
)
def test_endpoints(case: str, slices: list[Object], expected: tuple[int, int, int]) -> None:
    traffic = seen(slices=slices, pods=[ONE, TWO, GREEN])
    blue = traffic.slots[0]
    assert (blue.endpoints, blue.unready, traffic.strangers) == expected, case
    assert traffic.slots[1].endpoints == 0


def test_both_slots_at_once() -> None:
    traffic = seen(slices=[a_slice(endpoint(ONE), endpoint(GREEN))], pods=[ONE, GREEN])
    assert [one.endpoints for one in traffic.slots] == [1, 1]


@pytest.mark.parametrize(("runs", "chosen"), [("blue", "green"), ("green", "blue")])
def test_an_endpoint_of_a_pod_of_two_slots_is_of_the_one_that_the_service_chooses(
    runs: str, chosen: str
) -> None:
    """Its program is the one's; whoever connects to the other reaches it."""
    both = pod(runs, 1, labels=pod(chosen)["metadata"]["labels"])
    traffic = seen(pods=[both], slices=[a_slice(endpoint(both))])
    assert [len(one.pods) for one in traffic.slots] == [1, 1]
    assert {one.name: one.endpoints for one in traffic.slots} == {runs: 0, chosen: 1}


def test_a_uid_tells_a_pod_from_its_successor_of_the_same_name() -> None:
    gone = pod("blue", 1, metadata={"uid": "an older life"})
    traffic = seen(pods=[ONE], slices=[a_slice(endpoint(gone))])
    assert (traffic.slots[0].endpoints, traffic.strangers) == (0, 1)


def test_ports_are_told_apart_by_protocol() -> None:
    body = workload("blue")
    body["spec"]["template"]["spec"]["containers"][0]["ports"] = [*PORTS, {"name": "q", "protocol": "UDP"}]
    assert slot("blue", workloads={"blue": body}).ports == {"web/TCP", "q/UDP"}
