from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from switchback.api.names import ANNOTATION_RESOURCE
from switchback.controller import watches
from switchback.controller.kube.kinds import CONFIG_MAPS
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from switchback.controller.watches import LABELS, JitteredForever, Watches, settings
from tests.unit.controller.build import job, pod, resource
from tests.unit.controller.test_kube_client import kubeconfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.controller.fakes.api import FakeAPI

KEY = Key("shop", "shop")


@dataclass
class Running:
    queue: Queue
    sources: SourceMemory
    task: asyncio.Task[None]
    stop: asyncio.Event

    async def taken(self) -> Key:
        async with asyncio.timeout(10):
            key = await self.queue.get()
        assert key is not None
        self.queue.done(key)
        return key


@pytest.fixture(autouse=True)
def logged_in(api: FakeAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig(api.url)))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    calm = settings()
    calm.process.ultimate_exiting_timeout = None  # it would kill the process of the tests
    monkeypatch.setattr(watches, "settings", lambda: calm)


@asynccontextmanager
async def watching(api: FakeAPI) -> AsyncIterator[Running]:
    """The watches on the fake server, ready.

    No fixture: at its end kopf cancels every task that is younger than itself, such as a fixture's.
    """
    queue, sources = Queue(Metrics()), SourceMemory()
    ready, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(Watches(queue, sources).run((), ready=ready, stop=stop))
    try:
        await api.until(lambda: len(watched(api)) == 3, seconds=20)
        yield Running(queue, sources, task, stop)
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)


def watched(api: FakeAPI) -> set[str]:
    return {one.path for one in api.requests if one.query.get("watch") == "true"}


@pytest.mark.asyncio
async def test_resources_jobs_and_pods_become_keys_and_nothing_is_ever_written(api: FakeAPI) -> None:
    async with watching(api) as running:
        await api.put("databasemigrations", resource())
        assert await running.taken() == KEY
        assert running.sources.references.readers(CONFIG_MAPS, "shop", "shop-migrations") == {KEY}
        await api.put("jobs", job())
        assert await running.taken() == KEY
        await api.put("pods", pod())
        assert await running.taken() == KEY
        await api.drop("databasemigrations", "shop")
        assert await running.taken() == KEY
        assert running.sources.references.readers(CONFIG_MAPS, "shop", "shop-migrations") == frozenset()
        assert {one.method for one in api.requests} == {"GET"}


@pytest.mark.asyncio
async def test_only_jobs_and_pods_of_ours_are_streamed(api: FakeAPI) -> None:
    async with watching(api) as running:
        for one in api.requests:
            if one.path.endswith(("/jobs", "/pods")):
                assert one.query["labelSelector"] == LABELS
        stranger = job("stranger")
        stranger["metadata"]["labels"] = {}
        await api.put("jobs", stranger)
        await api.put("jobs", job("ours"))
        assert await running.taken() == KEY
        assert len(running.queue) == 0


@pytest.mark.asyncio
async def test_a_forged_annotation_wakes_nobody_in_another_namespace(api: FakeAPI) -> None:
    async with watching(api) as running:
        forged = pod(name="forged")
        forged["metadata"]["namespace"] = "bank"
        true = pod(name="true")
        true["metadata"]["annotations"] = {ANNOTATION_RESOURCE: "shop/other"}
        await api.put("pods", forged)
        await api.put("pods", true)
        assert await running.taken() == Key("shop", "other")
        await asyncio.sleep(0.1)  # there is no order between two pods
        assert len(running.queue) == 0


@pytest.mark.asyncio
async def test_a_watch_that_fails_for_good_ends_the_watching(api: FakeAPI) -> None:
    async with watching(api) as running:
        metadata = {"namespace": "shop", "labels": dict([LABELS.split("=")])}
        error = {"kind": "Status", "code": 500, "message": "etcd is on fire", "metadata": metadata}
        api.version += 1
        api.history.append((api.version, "ERROR", "jobs", error))
        await api.put("databasemigrations", resource())
        async with asyncio.timeout(15):
            with pytest.raises(Exception, match="etcd is on fire"):
                await running.task


def test_the_registry_holds_nothing_that_would_make_kopf_write() -> None:
    registry = Watches(Queue(Metrics()), SourceMemory()).registry()
    kinds = {
        name: len(list(getattr(registry, name).get_all_handlers()))
        for name in vars(registry)
        if hasattr(getattr(registry, name), "get_all_handlers")
    }
    used = {name: count for name, count in kinds.items() if count}
    assert used == {"_activities": 1, "_watching": 3}, kinds


def test_kopf_is_told_how_to_behave() -> None:
    chosen = settings()
    assert chosen.peering.standalone
    assert chosen.scanning.disabled
    assert not chosen.posting.enabled
    assert chosen.queueing.worker_limit is None
    assert chosen.watching.inactivity_timeout >= 62, "bookmarks come every 60 seconds"
    assert chosen.watching.server_timeout is not None
    assert chosen.watching.client_timeout is not None
    assert chosen.watching.server_timeout < chosen.watching.client_timeout
    assert chosen.process.ultimate_exiting_timeout is not None
    assert chosen.process.ultimate_exiting_timeout < 30, "the pod's grace period"


def test_attempts_to_reach_the_server_never_end_and_stay_apart() -> None:
    waits = iter(JitteredForever())
    taken = [next(waits) for _ in range(200)]
    assert all(0 < seconds <= 30 for seconds in taken)
    assert len(set(taken[-50:])) > 40
