from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import ANNOTATION_CLAIMED_BY
from switchback.controller.observe_traffic import read_traffic
from switchback.controller.queue import Key
from switchback.controller.references import References, references_in
from switchback.controller.traffic_lists import read_lists
from tests.unit.controller.fakes.api import Seen, refusal
from tests.unit.traffic.build import NOW, a_slice, cutover, endpoint, pod, service, workload

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.contract.traffic import Traffic
    from switchback.controller.kube.client import Client
    from tests.unit.controller.fakes.api import FakeAPI

pytestmark = pytest.mark.asyncio

MINE = "uid-of-mine"


@pytest.fixture
def references() -> References:
    references = References()
    references.refer(Key("shop", "shop"), references_in({"cutover": cutover().to_json()}))
    return references


async def shop(api: FakeAPI) -> None:
    blue, green = [pod("blue", 1), pod("blue", 2)], [pod("green", 3), pod("green", 4)]
    await api.put("services", service())
    await api.put("endpointslices", a_slice(*(endpoint(one, ready=True) for one in blue)))
    for slot in ("blue", "green"):
        await api.put("deployments", workload(slot))
    for one in (*blue, *green):
        await api.put("pods", one)


async def listed(client: Client, references: References, namespace: str = "") -> Traffic:
    lists = await read_lists(client, namespace, references)
    return lists.of("shop", cutover(), MINE, NOW)


def comparable(traffic: Traffic) -> Traffic:
    """Without what only whole pods tell."""
    pods = [
        tuple(replace(pod, address="", ready_since=None, restarted=None) for pod in slot.pods)
        for slot in traffic.slots
    ]
    slots = [replace(slot, pods=those) for slot, those in zip(traffic.slots, pods, strict=True)]
    return replace(traffic, slots=tuple(slots))


async def test_pods_that_only_the_service_chooses_are_seen(
    api: FakeAPI, client: Client, references: References
) -> None:
    await shop(api)
    await api.put("pods", pod("blue", 7, owners=[]))
    live = await read_traffic(client, "shop", cutover(), MINE, NOW)
    found = await listed(client, references)
    assert [len(one.pods) for one in found.slots] == [3, 2] == [len(one.pods) for one in live.slots]


@pytest.mark.parametrize("namespace", ["", "shop"])
async def test_lists_show_what_a_look_shows(
    api: FakeAPI, client: Client, references: References, namespace: str
) -> None:
    await shop(api)
    live = await read_traffic(client, "shop", cutover(), MINE, NOW)
    api.requests.clear()
    assert comparable(await listed(client, references, namespace)) == comparable(live)
    assert all(one.query.get("limit") for one in api.requests), "every list is paged"
    (pods,) = api.made("GET", "/pods")
    assert "PartialObjectMetadata" in pods.accept
    assert pods.query["labelSelector"] == "slot"


async def test_pods_that_are_not_ready_do_not_seem_to_be(
    api: FakeAPI, client: Client, references: References
) -> None:
    await shop(api)
    await api.put("deployments", workload("green", status={"readyReplicas": 1}))
    await api.put("endpointslices", a_slice(endpoint(pod("blue", 1)), endpoint(pod("blue", 2), ready=False)))
    await api.put("deployments", workload("blue", status={"readyReplicas": 1}))
    blue, green = (await listed(client, references)).slots
    assert (blue.ready_pods, blue.endpoints, blue.unready) == (1, 1, 1)
    assert green.ready_pods == 0


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_pods_that_are_over_do_not_seem_to_run(
    api: FakeAPI, client: Client, references: References, phase: str
) -> None:
    """One that was evicted stays there as an object; files of phase=contract must not wait for it."""
    await shop(api)
    await api.put("pods", pod("green", 3, ready=False, status={"phase": phase}))
    await api.put("deployments", workload("green", status={"readyReplicas": 1, "replicas": 1}))
    live = await read_traffic(client, "shop", cutover(), MINE, NOW)
    found = await listed(client, references)
    assert [one.alive for one in found.slots] == [2, 1] == [one.alive for one in live.slots]


async def test_nothing_is_listed_where_nobody_has_a_cutover(api: FakeAPI, client: Client) -> None:
    await read_lists(client, "", References())
    assert api.requests == []


async def test_a_few_namespaces_are_listed_by_themselves(
    api: FakeAPI, client: Client, references: References
) -> None:
    await read_lists(client, "", references)
    assert all("/namespaces/shop/" in one.path for one in api.requests)
    assert len(api.requests) == 4, "no StatefulSet is named"
    api.requests.clear()
    for number in range(5):
        key = Key(f"shop-{number}", "shop")
        references.refer(key, references_in({"cutover": cutover().to_json()}))
    await read_lists(client, "", references)
    assert not any("/namespaces/" in one.path for one in api.requests)


async def test_many_resources_cost_no_more_lists_than_pages(api: FakeAPI, client: Client) -> None:
    references, wanted = References(), []
    for number in range(600):
        names = [{"name": slot, "workloadRef": {"name": f"{slot}-{number}"}} for slot in ("blue", "green")]
        one = cutover(serviceName=f"web-{number}", slots=names)
        wanted.append(one)
        references.refer(Key("shop", f"shop-{number}"), references_in({"cutover": one.to_json()}))
        app = f"shop-{number}"
        body = service(selector={"app": app, "slot": "blue"})
        body["metadata"] |= {"name": f"web-{number}", "uid": f"uid-{number}"}
        await api.put("services", body)
        labels = {"app": app, "slot": "blue"}
        owners = [{"kind": "ReplicaSet", "name": f"blue-{number}-5d8f", "controller": True}]
        member = pod("blue", number, labels={**labels, "pod-template-hash": "5d8f"}, owners=owners)
        await api.put("pods", member)
        await api.put(
            "endpointslices", a_slice(endpoint(member), name=f"s-{number}", service=f"web-{number}")
        )
        deployment = workload("blue", 1, labels=labels)
        deployment["metadata"]["name"] = f"blue-{number}"
        await api.put("deployments", deployment)
    api.requests.clear()
    lists = await read_lists(client, "", references)
    assert len(api.requests) == 4 * 2
    found = [lists.of("shop", one, MINE, NOW) for one in wanted]
    assert all(one.slots[0].endpoints == 1 and len(one.slots[0].pods) == 1 for one in found)
    assert not any(one.slots[1].pods or one.strangers for one in found)


async def test_many_labels_cost_no_more_lists_than_pages(api: FakeAPI, client: Client) -> None:
    """Whoever may create resources chooses labels freely."""
    references, wanted = References(), []
    for number in range(100):
        key = f"slot-{number}"
        names = [{"name": slot, "workloadRef": {"name": f"{slot}-{number}"}} for slot in ("blue", "green")]
        one = cutover(serviceName=f"web-{number}", selectorKey=key, slots=names)
        wanted.append(one)
        references.refer(Key("shop", f"shop-{number}"), references_in({"cutover": one.to_json()}))
        owners = [{"kind": "ReplicaSet", "name": f"blue-{number}-5d8f", "controller": True}]
        labels = {key: "blue", "pod-template-hash": "5d8f"}
        await api.put("pods", pod("blue", number, labels=labels, owners=owners))
    await api.put("pods", pod("nobody", 1, labels={"app": "nobody"}, owners=[]))
    lists = await read_lists(client, "", references)
    assert len(api.made("GET", "/pods")) == 1
    assert all(len(lists.of("shop", one, MINE, NOW).slots[0].pods) == 1 for one in wanted)


async def test_a_claim_of_another_is_taken_for_true(
    api: FakeAPI, client: Client, references: References
) -> None:
    """Whether that one still lives is looked up by a look."""
    await api.put("services", service(annotations={ANNOTATION_CLAIMED_BY: "shop/other/1"}))
    assert (await listed(client, references)).claimed_by == "shop/other"
    await api.put("services", service(annotations={ANNOTATION_CLAIMED_BY: f"shop/shop/{MINE}"}))
    assert (await listed(client, references)).claimed_by == ""


async def test_a_right_that_is_missing_is_said(api: FakeAPI, client: Client, references: References) -> None:
    async def fault(seen: Seen) -> web.Response | None:
        return refusal(403, "Forbidden", "services is forbidden") if "services" in seen.path else None

    api.fault = fault
    assert (await listed(client, references)).refused == "services is forbidden"


async def test_pods_of_a_shared_label_are_not_mixed_up(
    api: FakeAPI, client: Client, references: References
) -> None:
    """Another application in the namespace has slots of the same names."""
    await shop(api)
    strange: dict[str, Any] = {"app": "bank", "slot": "blue"}
    owners = [{"kind": "ReplicaSet", "name": "bank-5d8f", "controller": True}]
    await api.put("pods", pod("bank", 9, labels={**strange, "pod-template-hash": "5d8f"}, owners=owners))
    assert len((await listed(client, references)).slots[0].pods) == 2
