"""The first look at everything: a few at once, the rest from lists."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from switchback.controller import opening as module
from switchback.controller.decide import decide
from switchback.controller.metrics import Metrics
from switchback.controller.observe import observe
from switchback.controller.opening import Opening
from switchback.controller.queue import Key, Queue
from switchback.controller.resync import Resync
from switchback.controller.sources import SourceMemory
from switchback.controller.write import write
from tests.unit.controller.build import SETTINGS, resource
from tests.unit.controller.fakes.api import Seen, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from switchback.controller.kube.client import Client
    from tests.unit.controller.fakes.api import FakeAPI

pytestmark = pytest.mark.asyncio

FEW = 2


class Parts:
    def __init__(self, client: Client) -> None:
        self.queue = Queue(Metrics())
        self.sources = SourceMemory()
        self.resync = Resync(client, self.queue, SETTINGS, decide, self.sources, Metrics())
        self.opening = Opening(self.queue, few=FEW)

    def listed(self, key: Key, config_map: str = "shop-migrations") -> None:
        """As the watches do it."""
        self.sources.refer(key, {"source": {"configMapRefs": [{"name": config_map}]}})
        self.opening.add(key)

    def queued(self) -> list[str]:
        names = []
        while (key := self.queue.take()) is not None:
            names.append(key.name)
            self.queue.done(key)
        return names


@pytest.fixture
def parts(client: Client, monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setattr(module, "CALM_SECONDS", 0.05)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    return Parts(client)


async def settled(api: FakeAPI, client: Client, count: int) -> list[Key]:
    """Suspended resources, each looked at until there is nothing left to say about it."""
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "1"}})
    keys = [Key("shop", f"shop-{number}") for number in range(count)]
    for key in keys:
        body = resource(suspend=True)
        body["metadata"] |= {"name": key.name, "uid": f"uid-of-{key.name}"}
        await api.put("databasemigrations", body)
        for _ in range(2):
            world = await observe(client, key, SETTINGS, SourceMemory())
            assert world is not None
            decision: Any = decide(world)
            await write(client, world, decision.status)
    api.requests.clear()
    return keys


async def test_a_few_are_looked_at_at_once(api: FakeAPI, client: Client, parts: Parts) -> None:
    for key in await settled(api, client, FEW):
        parts.listed(key)
        parts.listed(key)
    assert parts.queued() == ["shop-0", "shop-1"]
    await parts.opening.look(parts.resync)
    assert api.requests == [], "nothing waits, so nothing is listed"


async def test_the_rest_is_decided_from_lists(api: FakeAPI, client: Client, parts: Parts) -> None:
    keys = await settled(api, client, 8)
    for key in keys:
        parts.listed(key)
    assert parts.queued() == ["shop-0", "shop-1"]
    api.requests.clear()

    await parts.opening.look(parts.resync)

    assert parts.queued() == []
    assert len(parts.resync.metrics.fleet.known()) == len(keys)
    asked = [one for one in api.requests if "limit" not in one.query]
    assert [one.path.rpartition("/")[2] for one in asked] == ["shop-migrations"], "one read of what all read"


async def test_what_needs_a_look_gets_one(api: FakeAPI, client: Client, parts: Parts) -> None:
    for key in await settled(api, client, 4):
        parts.listed(key)
    new = resource()
    new["metadata"] |= {"name": "new", "uid": "uid-of-new"}
    await api.put("databasemigrations", new)
    parts.listed(Key("shop", "new"))
    parts.listed(Key("shop", "gone"))
    parts.queued()

    await parts.opening.look(parts.resync)

    assert sorted(parts.queued()) == ["gone", "new"]


async def test_a_change_after_the_list_of_the_watch_is_not_missed(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    for key in await settled(api, client, 4):
        parts.listed(key)
    parts.queued()
    body = api.objects["databasemigrations", "shop", "shop-3"]
    await api.put("databasemigrations", {**body, "spec": {**body["spec"], "suspend": False}})
    parts.opening.add(Key("shop", "shop-3"))

    await parts.opening.look(parts.resync)

    assert parts.queued() == ["shop-3"]


async def test_a_change_while_the_lists_are_read_is_looked_at(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    for key in await settled(api, client, 4):
        parts.listed(key)
    parts.queued()

    async def meanwhile(seen: Seen) -> None:
        if seen.path.endswith("/pods"):
            parts.opening.add(Key("shop", "shop-3"))

    api.fault = meanwhile
    await parts.opening.look(parts.resync)

    assert parts.queued() == ["shop-3"]


async def test_files_that_may_not_be_read_are_the_business_of_a_look(
    api: FakeAPI, client: Client, parts: Parts
) -> None:
    for key in await settled(api, client, 4):
        parts.listed(key)
    parts.queued()
    api.fault = refused(lambda seen: "limit" not in seen.query and "/configmaps/" in seen.path, 403)

    await parts.opening.look(parts.resync)

    assert sorted(parts.queued()) == ["shop-0", "shop-1", "shop-2", "shop-3"]


@pytest.mark.parametrize("what", ["/jobs", "/configmaps/shop-migrations"])
async def test_when_the_api_server_does_not_answer_each_is_looked_at(
    what: str, api: FakeAPI, client: Client, parts: Parts
) -> None:
    for key in await settled(api, client, 4):
        parts.listed(key)
    parts.queued()
    api.fault = refused(lambda seen: seen.path.endswith(what), 500)

    await parts.opening.look(parts.resync)

    assert sorted(parts.queued()) == ["shop-2", "shop-3"]


async def test_once_it_is_over_nothing_waits(parts: Parts) -> None:
    await parts.opening.look(parts.resync)
    for number in range(FEW + 3):
        parts.opening.add(Key("shop", f"shop-{number}"))
    assert len(parts.queue) == FEW + 3


async def test_it_waits_for_the_lists_of_the_watches_but_not_for_ever(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.3)
    looking = asyncio.create_task(parts.opening.look(parts.resync))
    for number in range(10):
        parts.opening.add(Key("shop", f"shop-{number}"))
        await asyncio.sleep(0.02)
    assert not looking.done(), "they are still being listed"
    assert len(parts.queue) == FEW
    for _ in range(20):
        parts.opening.add(Key("shop", "shop-5"))
        await asyncio.sleep(0.02)
    await asyncio.wait_for(looking, 5)


async def test_those_that_are_worked_on_do_not_keep_the_others_waiting(parts: Parts) -> None:
    looking = asyncio.create_task(parts.opening.look(parts.resync))
    for number in range(4):
        parts.opening.add(Key("shop", f"shop-{number}"))
    for _ in range(20):  # every write of a look comes back as an event
        parts.opening.add(Key("shop", "shop-0"))
        await asyncio.sleep(0.02)
    assert looking.done()


def refused(when: Callable[[Seen], bool], code: int) -> Any:
    async def fault(seen: Seen) -> web.StreamResponse | None:
        return refusal(code, "No", "not now") if when(seen) else None

    return fault
