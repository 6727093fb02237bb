from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import ANNOTATION_CLAIMED_BY
from switchback.api.status import Status
from switchback.controller.decide import decide
from switchback.controller.metrics import Metrics
from switchback.controller.observe import observe
from switchback.controller.observed import Source
from switchback.controller.queue import Key, Queue
from switchback.controller.resync import Resync
from switchback.controller.sources import SourceMemory
from switchback.controller.write import write
from tests.unit.controller.build import SETTINGS, UID, job, pod, resource, spec
from tests.unit.controller.fakes.api import Seen, refusal
from tests.unit.traffic import build as shop

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.controller.decision import Decision
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed
    from tests.unit.controller.fakes.api import FakeAPI

pytestmark = pytest.mark.asyncio

KEY = Key("shop", "shop")


class Parts:
    def __init__(self, client: Client) -> None:
        self.queue = Queue(Metrics())
        self.sources = SourceMemory()
        self.seen: list[Observed] = []
        self.resync = Resync(client, self.queue, SETTINGS, self.decide, self.sources, Metrics())

    def decide(self, world: Observed) -> Decision:
        self.seen.append(world)
        return decide(world)


@pytest.fixture
def parts(client: Client) -> Parts:
    return Parts(client)


async def settle(api: FakeAPI, client: Client, parts: Parts) -> None:
    """A suspended resource, looked at until there is nothing left to say about it."""
    await api.put("databasemigrations", resource(suspend=True))
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "1"}})
    parts.sources.refer(KEY, spec())
    for _ in range(2):
        world = await observe(client, KEY, SETTINGS, parts.sources)
        assert world is not None
        decision: Any = decide(world)
        await write(client, world, decision.status)


async def test_a_settled_resource_costs_lists_and_nothing_else(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    await settle(api, client, parts)
    before = len(api.requests)
    assert await parts.resync.once() == (1, 0)
    made = api.requests[before:]
    assert len(parts.queue) == 0
    assert {one.method for one in made} == {"GET"}
    assert all(one.query.get("limit") for one in made), "every list is paged"
    assert sorted(one.path.rpartition("/")[2] for one in made) == [
        "configmaps",
        "databasemigrations",
        "jobs",
        "namespaces",
        "pods",
    ]


async def test_what_a_watch_has_missed_is_found(api: FakeAPI, parts: Parts) -> None:
    await api.put("databasemigrations", resource())
    assert await parts.resync.once() == (1, 1)
    assert parts.queue.take() == KEY


async def test_a_changed_file_is_found_by_its_version_alone(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    await settle(api, client, parts)
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "2"}})
    before = len(api.requests)
    assert await parts.resync.once() == (1, 1)
    (read,) = [one for one in api.requests[before:] if one.path.endswith("configmaps")]
    assert "PartialObjectMetadata" in read.accept


async def test_the_world_of_a_resync_is_that_of_a_look(api: FakeAPI, client: Client, parts: Parts) -> None:
    """Lists with only the parts that are read give the same values as live objects do."""
    await settle(api, client, parts)
    ended = job(conditions=[{"type": "Complete", "status": "True"}])
    ended["metadata"]["annotations"]["switchback.dev/intent-digest"] = "i1:0"
    await api.put("jobs", ended)
    evicted = pod(phase="Failed", reason="Evicted")
    evicted["metadata"]["annotations"]["switchback.dev/switched"] = "c-1"
    await api.put("pods", evicted)
    await parts.resync.once()
    live = await observe(client, KEY, SETTINGS, parts.sources)
    assert live is not None
    (seen,) = parts.seen
    assert seen.jobs == live.jobs
    assert seen.source == live.source
    assert seen.status == live.status
    assert seen.jobs[0].pods
    assert seen.jobs[0].intent == "i1:0"
    assert seen.jobs[0].pods[0].told == "c-1"


async def test_a_status_that_should_be_another_is_a_reason_to_look(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    await settle(api, client, parts)
    body = api.objects["databasemigrations", "shop", "shop"]
    await api.put("databasemigrations", {**body, "status": Status().to_json()})
    assert await parts.resync.once() == (1, 1)


async def test_many_resources_come_in_pages(api: FakeAPI, parts: Parts) -> None:
    for number in range(600):
        body = resource()
        body["metadata"].update(name=f"shop-{number}", uid=f"uid-{number}")
        await api.put("databasemigrations", body)
    looked, _ = await parts.resync.once()
    assert looked == 600
    assert len(api.made("GET", "/databasemigrations")) == 3


async def test_only_the_chosen_namespaces_are_listed(api: FakeAPI, client: Client, parts: Parts) -> None:
    chosen = replace(SETTINGS, namespaces=("shop", "bank"))
    resync = Resync(client, parts.queue, chosen, decide, parts.sources, Metrics())
    await resync.once()
    assert api.requests
    assert all("/namespaces/" in one.path for one in api.requests)


async def test_its_age_begins_anew_when_it_has_come_to_its_end(api: FakeAPI, parts: Parts) -> None:
    await api.put("databasemigrations", resource())
    parts.resync._last -= 1000  # noqa: SLF001 - as if it were long ago
    assert parts.resync.age() > 999
    await parts.resync.once()
    assert parts.resync.age() < 100


async def test_a_defect_about_one_resource_does_not_stop_the_others(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    for name in ("first", "shop", "third"):
        one = resource()
        one["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
        await api.put("databasemigrations", one)
        parts.sources.remember(Key("shop", name), f"uid-of-{name}", ("shop-migrations@",), Source())

    def broken(world: Observed) -> Decision:
        parts.seen.append(world)
        if world.name == "shop":
            raise TypeError("unhashable type: 'list'")
        return decide(world)

    resync = Resync(client, parts.queue, SETTINGS, broken, parts.sources, Metrics())
    assert await resync.once() == (3, 3)
    assert [world.name for world in parts.seen] == ["first", "shop", "third"]


@pytest.mark.parametrize("code", [403, 404])
async def test_a_namespace_that_is_gone_does_not_stop_the_others(
    code: int, api: FakeAPI, client: Client, parts: Parts
) -> None:
    async def fault(seen: Seen) -> web.Response | None:
        return refusal(code, "Forbidden", "no such namespace") if "/namespaces/gone/" in seen.path else None

    api.fault = fault
    await api.put("databasemigrations", resource())
    chosen = replace(SETTINGS, namespaces=("gone", "shop"))
    resync = Resync(client, parts.queue, chosen, decide, parts.sources, Metrics())
    resync._last -= 1000  # noqa: SLF001 - as if it were long ago
    assert await resync.once() == (1, 1)
    assert resync.age() < 100


# --- resources with a cutover ---


async def settle_traffic(api: FakeAPI, client: Client, parts: Parts) -> None:
    """A resource without files whose wished slot is live, looked at until there is nothing left to say."""
    body = resource(cutover={**shop.cutover().to_json(), "activeSlot": "blue"})
    for name in ("source", "target", "database"):
        del body["spec"][name]
    await api.put("databasemigrations", body)
    await api.put("services", shop.service(annotations={ANNOTATION_CLAIMED_BY: f"shop/shop/{UID}"}))
    blue, green = [shop.pod("blue", 1), shop.pod("blue", 2)], [shop.pod("green", 3), shop.pod("green", 4)]
    await api.put("endpointslices", shop.a_slice(*(shop.endpoint(one, ready=True) for one in blue)))
    for slot in ("blue", "green"):
        await api.put("deployments", shop.workload(slot))
    for one in (*blue, *green):
        await api.put("pods", one)
    parts.sources.refer(KEY, body["spec"])
    for _ in range(3):
        world = await observe(client, KEY, SETTINGS, parts.sources)
        assert world is not None
        decision: Any = decide(world)
        await write(client, world, decision.status)
    api.requests.clear()


async def test_a_settled_cutover_costs_a_few_lists_more(api: FakeAPI, client: Client, parts: Parts) -> None:
    await settle_traffic(api, client, parts)
    assert await parts.resync.once() == (1, 0)
    assert len(parts.queue) == 0
    lists = [one.path.rpartition("/")[2] for one in api.requests]
    assert sorted(lists) == [
        "databasemigrations",
        "deployments",
        "endpointslices",
        "jobs",
        "namespaces",
        "pods",
        "pods",
        "services",
    ]
    assert all(one.query.get("limit") for one in api.requests)


async def test_a_selector_that_was_changed_unseen_is_found(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    await settle_traffic(api, client, parts)
    body = api.objects["services", "shop", "web"]
    await api.put("services", {**body, "spec": {**body["spec"], "selector": {"app": "shop"}}})
    assert await parts.resync.once() == (1, 1)
    assert parts.queue.take() == KEY
