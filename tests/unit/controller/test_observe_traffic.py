from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import ANNOTATION_CLAIMED_BY, FINALIZER
from switchback.controller.observe_traffic import pod_queries, read_traffic
from tests.unit.controller.build import resource
from tests.unit.controller.fakes.api import Seen, refusal
from tests.unit.traffic.build import NOW, a_slice, cutover, endpoint, pod, service, workload

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.contract.traffic import Traffic
    from switchback.controller.kube.client import Client
    from tests.unit.controller.fakes.api import FakeAPI

pytestmark = pytest.mark.asyncio

MINE = "uid-of-mine"


async def look(client: Client, **more: Any) -> Traffic:
    async with asyncio.timeout(10):
        return await read_traffic(client, "shop", cutover(**more), MINE, NOW)


async def shop(api: FakeAPI, **annotations: str) -> None:
    """A Service on blue, two ready pods in each slot, and what has nothing to do with them."""
    body = service(annotations=annotations)
    blue, green = [pod("blue", 1), pod("blue", 2)], [pod("green", 3), pod("green", 4)]
    await api.put("services", body)
    await api.put("endpointslices", a_slice(*(endpoint(one, ready=True) for one in blue)))
    await api.put("endpointslices", a_slice(endpoint(pod("red", 9)), name="other-1", service="other"))
    for slot in ("blue", "green"):
        await api.put("deployments", workload(slot))
    for one in (*blue, *green, pod("red", 9, labels={"app": "other"})):
        await api.put("pods", one)


def last(seen: Seen) -> str:
    return seen.path.rpartition("/")[2]


async def test_a_shop_is_seen_with_both_slots(api: FakeAPI, client: Client) -> None:
    await shop(api)
    await api.put(
        "horizontalpodautoscalers",
        {
            "metadata": {"name": "h"},
            "spec": {"minReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "web-green"}},
        },
    )
    traffic = await look(client)
    assert traffic.at == NOW
    assert traffic.service is not None
    assert traffic.service.selector == {"app": "shop", "slot": "blue"}
    blue, green = traffic.slots
    assert (blue.endpoints, green.endpoints, traffic.strangers) == (2, 0, 0)
    assert (blue.ready_pods, green.ready_pods) == (2, 2)
    assert green.autoscaler_minimum == 2
    assert (traffic.claimed_by, traffic.refused) == ("", "")


async def test_the_service_is_read_first_and_the_pods_last(api: FakeAPI, client: Client) -> None:
    """A patch carries the Service's version; a pod in a slice is known to a list that is younger."""
    await shop(api)
    await look(client)
    order = [last(one) for one in api.requests]
    assert order[0] == "web"
    assert order[-1] == "pods"
    assert order.count("pods") == 1
    assert len(order) == 6


async def test_a_pod_that_comes_while_it_is_looked_belongs_to_its_slot(api: FakeAPI, client: Client) -> None:
    await shop(api)
    late = pod("blue", 5)

    async def fault(seen: Seen) -> None:
        if last(seen) == "endpointslices":
            api.fault = None
            await api.put("pods", late)
            await api.put("endpointslices", a_slice(endpoint(late)))

    api.fault = fault
    traffic = await look(client)
    assert (traffic.slots[0].endpoints, traffic.strangers) == (1, 0)


async def test_nothing_is_there(client: Client) -> None:
    traffic = await look(client)
    assert traffic.service is None
    assert [(one.there, one.pods) for one in traffic.slots] == [(False, ()), (False, ())]
    assert traffic.refused == ""


async def test_a_stateful_set_is_read_as_one(api: FakeAPI, client: Client) -> None:
    await api.put("statefulsets", workload("blue"))
    slots = [
        {"name": "blue", "workloadRef": {"kind": "StatefulSet", "name": "web-blue"}},
        {"name": "green", "workloadRef": {"kind": "Deployment", "name": "web-green"}},
    ]
    traffic = await look(client, slots=slots)
    assert [one.there for one in traffic.slots] == [True, False]


async def test_pods_without_the_label_are_found_by_their_workload(api: FakeAPI, client: Client) -> None:
    labels = {"app": "shop", "pod-template-hash": "5d8f"}
    await api.put("deployments", workload("blue", labels=labels, selector={"matchLabels": {"app": "shop"}}))
    await api.put("pods", pod("blue", 1, labels=labels))
    traffic = await look(client)
    assert len(traffic.slots[0].pods) == 1


async def test_one_list_of_pods_is_enough_where_the_selectors_hold_the_key() -> None:
    plain, other = workload("blue"), workload("green", selector={"matchLabels": {"app": "shop"}})
    assert pod_queries(cutover(), [plain, None]) == ["slot in (blue,green)"]
    assert pod_queries(cutover(), [plain, other]) == ["app=shop", "slot in (blue,green)"]


@pytest.mark.parametrize("code", [403, 404])
async def test_autoscalers_that_cannot_be_seen_are_none(api: FakeAPI, client: Client, code: int) -> None:
    await shop(api)

    async def fault(seen: Seen) -> web.Response | None:
        return refusal(code, "Forbidden", "no") if "autoscaling" in seen.path else None

    api.fault = fault
    traffic = await look(client)
    assert traffic.refused == ""
    assert traffic.slots[1].ready_pods == 2


@pytest.mark.parametrize("plural", ["services", "endpointslices", "deployments", "pods"])
async def test_a_right_that_is_missing_is_said(api: FakeAPI, client: Client, plural: str) -> None:
    await shop(api)

    async def fault(seen: Seen) -> web.Response | None:
        return refusal(403, "Forbidden", f"{plural} is forbidden") if plural in seen.path else None

    api.fault = fault
    traffic = await look(client)
    assert traffic.refused == f"{plural} is forbidden"
    assert traffic.service is None
    assert [one.name for one in traffic.slots] == ["blue", "green"]


# --- who has the Service ---


def claim(name: str = "other", uid: str = "uid-of-other", namespace: str = "shop") -> dict[str, str]:
    return {ANNOTATION_CLAIMED_BY: f"{namespace}/{name}/{uid}"}


async def another(api: FakeAPI, *, deleting: bool = False, phase: str = "", **more: Any) -> None:
    body = resource(**{"cutover": cutover().to_json(), **more})
    body["metadata"] |= {"name": "other", "uid": "uid-of-other"}
    if deleting:
        body["metadata"] |= {"deletionTimestamp": "2026-01-01T12:00:00Z", "finalizers": [FINALIZER]}
        body["status"] = {"traffic": {"cutover": {"phase": phase}}}
    await api.put("databasemigrations", body)


async def test_another_that_lives_and_means_it_has_it(api: FakeAPI, client: Client) -> None:
    await shop(api, **claim())
    await another(api)
    assert (await look(client)).claimed_by == "shop/other"


async def test_another_that_goes_away_has_it_until_its_switch_is_undone(api: FakeAPI, client: Client) -> None:
    await shop(api, **claim())
    await another(api, deleting=True, phase="Restoring")
    seen = await look(client)
    assert (seen.claimed_by, seen.claim_ends) == ("shop/other", True)
    await another(api, deleting=True, phase="Restored")
    assert (await look(client)).claimed_by == ""


async def test_ones_own_claim_costs_no_request(api: FakeAPI, client: Client) -> None:
    await shop(api, **claim("mine", MINE))
    assert (await look(client)).claimed_by == ""
    assert api.made("GET", "/databasemigrations") == []


async def test_a_claim_that_was_copied_from_another_namespace_is_none(api: FakeAPI, client: Client) -> None:
    await shop(api, **claim(namespace="bank"))
    await another(api)
    assert (await look(client)).claimed_by == ""


async def test_one_that_is_gone_or_goes_away_or_uses_another_service_has_let_go(
    api: FakeAPI, client: Client
) -> None:
    await shop(api, **claim())
    assert (await look(client)).claimed_by == "", "it is gone"
    await another(api, deleting=True)
    assert (await look(client)).claimed_by == ""
    await another(api, cutover=cutover(serviceName="elsewhere").to_json())
    assert (await look(client)).claimed_by == ""
    await another(api)
    assert (await look(client)).claimed_by == "shop/other"
    await api.put("services", service(annotations=claim(uid="an older life")))
    assert (await look(client)).claimed_by == ""
