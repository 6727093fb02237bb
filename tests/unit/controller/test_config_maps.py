from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from switchback.controller import config_maps as module
from switchback.controller.config_maps import ConfigMapWatch
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from switchback.controller.kube.client import Client

pytestmark = pytest.mark.asyncio

KEY = Key("shop", "shop")


@pytest_asyncio.fixture
async def queue(api: FakeAPI, client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Queue]:
    """A queue that a watch of ConfigMaps fills; `shop/shop` reads the map `files`."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    sources, queue = SourceMemory(), Queue(Metrics())
    sources.refer(KEY, ["files"])
    running = asyncio.create_task(ConfigMapWatch(client, queue, sources).run())
    await api.until(lambda: watches(api))
    assert queue.take() == KEY, "at the beginning nobody knows what has changed before"
    queue.done(KEY)
    yield queue
    running.cancel()


def watches(api: FakeAPI) -> list[Seen]:
    return [one for one in api.made("GET", "/configmaps") if one.query.get("watch")]


async def taken(queue: Queue) -> Key:
    async with asyncio.timeout(5):
        key = await queue.get()
    assert key is not None
    queue.done(key)
    return key


async def test_a_map_that_changes_wakes_those_who_read_it(api: FakeAPI, queue: Queue) -> None:
    await api.put("configmaps", {"metadata": {"name": "files"}, "data": {"a": "1"}})
    assert await taken(queue) == KEY
    await api.drop("configmaps", "files")
    assert await taken(queue) == KEY


async def test_maps_that_nobody_reads_wake_nobody(api: FakeAPI, queue: Queue) -> None:
    await api.put("configmaps", {"metadata": {"name": "other"}})
    await api.put("configmaps", {"metadata": {"name": "files", "namespace": "bank"}})
    await api.put("configmaps", {"metadata": {"name": "files"}})
    assert await taken(queue) == KEY
    assert len(queue) == 0


async def test_contents_are_never_asked_for(api: FakeAPI, queue: Queue) -> None:
    await api.put("configmaps", {"metadata": {"name": "files"}})
    await taken(queue)
    assert all("PartialObjectMetadata" in one.accept for one in api.made("GET", "/configmaps"))
    assert all(one.query["allowWatchBookmarks"] == "true" for one in watches(api))


async def test_a_watch_that_breaks_off_goes_on_where_it_was(api: FakeAPI, queue: Queue) -> None:
    await api.put("configmaps", {"metadata": {"name": "files"}})
    await taken(queue)
    before = len(watches(api))
    await api.cut_watches()
    await api.put("configmaps", {"metadata": {"name": "files"}})
    assert await taken(queue) == KEY
    lists = [one for one in api.made("GET", "/configmaps") if not one.query.get("watch")]
    assert len(lists) == 1, "no need to begin anew"
    assert len(watches(api)) > before


async def test_a_version_that_is_too_old_means_to_begin_anew(api: FakeAPI, queue: Queue) -> None:
    api.forgotten = 10_000
    api.version = 20_000
    await api.cut_watches()
    assert await taken(queue) == KEY, "what happened in the gap nobody will tell"
    await api.until(lambda: watches(api)[-1].query["resourceVersion"] == "20000")


async def test_a_refusing_server_is_waited_out(api: FakeAPI, queue: Queue) -> None:
    refused = 0

    async def fault(_seen: Seen) -> web.Response | None:
        nonlocal refused
        refused += 1
        return refusal(503, "ServiceUnavailable", "starting") if refused < 4 else None

    api.fault = fault
    await api.cut_watches()
    await api.until(lambda: refused >= 4)
    await api.put("configmaps", {"metadata": {"name": "files"}})
    assert await taken(queue) == KEY
