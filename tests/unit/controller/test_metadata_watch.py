from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from switchback.controller import metadata_watch as module
from switchback.controller.metadata_watch import SUBJECTS, MetadataWatch, SlotPodWatch
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.references import References, references_in
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from switchback.controller.kube.client import Client

Object = dict[str, Any]

pytestmark = pytest.mark.asyncio

KEY = Key("shop", "shop")


SPEC: dict[str, Any] = {
    "source": {"configMapRefs": [{"name": "files"}]},
    "cutover": {
        "serviceName": "web",
        "slots": [
            {"name": "blue", "workloadRef": {"name": "web-blue"}},
            {"name": "green", "workloadRef": {"kind": "StatefulSet", "name": "web-green"}},
        ],
    },
}


@pytest.fixture
def references(monkeypatch: pytest.MonkeyPatch) -> References:
    """`shop/shop` names the ConfigMap `files`, the Service `web` and two workloads."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    references = References()
    references.refer(KEY, references_in(SPEC))
    return references


@asynccontextmanager
async def watching(
    api: FakeAPI, client: Client, references: References, *plurals: str
) -> AsyncIterator[Queue]:
    """A queue that these watches fill."""
    queue = Queue(Metrics())
    subjects = [one for one in SUBJECTS if one.kind.plural in plurals]
    assert len(subjects) == len(plurals)
    running = [
        asyncio.create_task(MetadataWatch(client, queue, references, subject).run()) for subject in subjects
    ]
    try:
        await api.until(lambda: all(watches(api, plural) for plural in plurals))
        assert queue.take() == KEY, "at the beginning nobody knows what has changed before"
        queue.done(KEY)
        yield queue
    finally:
        for one in running:
            one.cancel()


@pytest_asyncio.fixture
async def queue(api: FakeAPI, client: Client, references: References) -> AsyncIterator[Queue]:
    async with watching(api, client, references, "configmaps") as queue:
        yield queue


def watches(api: FakeAPI, plural: str = "configmaps") -> list[Seen]:
    return [one for one in api.made("GET", f"/{plural}") if one.query.get("watch")]


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


TRAFFIC = ("services", "endpointslices", "deployments", "statefulsets")


@pytest.mark.parametrize(
    ("plural", "name", "labels"),
    [
        ("services", "web", {}),
        ("endpointslices", "web-x7k2p", {"kubernetes.io/service-name": "web"}),
        ("deployments", "web-blue", {}),
        ("statefulsets", "web-green", {}),
    ],
)
async def test_what_is_behind_a_service_wakes_who_moves_its_traffic(
    api: FakeAPI, client: Client, references: References, *, plural: str, name: str, labels: dict[str, str]
) -> None:
    async with watching(api, client, references, *TRAFFIC) as queue:
        await api.put(plural, {"metadata": {"name": name, "labels": labels}})
        assert await taken(queue) == KEY
        await api.drop(plural, name)
        assert await taken(queue) == KEY
        for stranger in TRAFFIC:
            await api.put(stranger, {"metadata": {"name": "other"}})
            await api.put(stranger, {"metadata": {"name": name, "labels": labels, "namespace": "bank"}})
        await api.put(plural, {"metadata": {"name": name, "labels": labels}})
        assert await taken(queue) == KEY
        assert len(queue) == 0


async def test_nothing_is_watched_that_nobody_names(api: FakeAPI, client: Client) -> None:
    references, queue = References(), Queue(Metrics())
    running = [
        asyncio.create_task(MetadataWatch(client, queue, references, subject).run()) for subject in SUBJECTS
    ]
    try:
        await asyncio.sleep(0.1)
        assert api.requests == []
        references.refer(KEY, references_in({"cutover": SPEC["cutover"]}))
        await api.until(lambda: all(watches(api, plural) for plural in TRAFFIC))
        assert await taken(queue) == KEY
        assert not watches(api, "configmaps")
    finally:
        for one in running:
            one.cancel()


async def test_what_may_not_be_watched_is_said_once_and_tried_again_later(
    api: FakeAPI,
    client: Client,
    references: References,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "REFUSED_SECONDS", 0.01)
    refused = 0

    async def fault(seen: Seen) -> web.Response | None:
        nonlocal refused
        if refused == 3:
            return None
        refused += 1
        return refusal(403, "Forbidden", "services is forbidden")

    api.fault = fault
    async with watching(api, client, references, "services") as queue:
        assert refused == 3
        await api.put("services", {"metadata": {"name": "web"}})
        assert await taken(queue) == KEY
    assert "".join(capsys.readouterr()).count("may not be watched") == 1


def slot_pod(
    name: str, *, key: str = "slot", owner: str = "web-blue-5d8f", kind: str = "ReplicaSet"
) -> Object:
    labels = {key: "blue", "pod-template-hash": owner.rpartition("-")[2]}
    owners = [{"kind": kind, "name": owner, "uid": "1", "controller": True}]
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}}


async def test_that_a_pod_of_a_slot_is_gone_is_seen(
    api: FakeAPI, client: Client, references: References
) -> None:
    """No other object changes when the last pod of a slot has come to its end."""
    queue = Queue(Metrics())
    running = asyncio.create_task(SlotPodWatch(client, queue, references).run())
    try:
        await api.until(lambda: watches(api, "pods"))
        await taken(queue)
        assert [one.query["labelSelector"] for one in watches(api, "pods")] == ["slot"]
        await api.put("pods", slot_pod("one"))
        assert await taken(queue) == KEY
        await api.put("pods", slot_pod("other", owner="else-5d8f"))
        await api.put("pods", slot_pod("job", owner="web-blue", kind="Job"))
        await api.drop("pods", "one")
        assert await taken(queue) == KEY
        assert len(queue) == 0
        await api.put("pods", slot_pod("web-green-0", owner="web-green", kind="StatefulSet"))
        assert await taken(queue) == KEY
    finally:
        running.cancel()


async def test_a_label_that_comes_later_is_watched_too(
    api: FakeAPI, client: Client, references: References
) -> None:
    queue, other = Queue(Metrics()), Key("shop", "other")
    running = asyncio.create_task(SlotPodWatch(client, queue, references).run())
    try:
        await api.until(lambda: watches(api, "pods"))
        cutover = {"selectorKey": "side", "slots": [{"name": "a", "workloadRef": {"name": "side-a"}}]}
        references.refer(other, references_in({"cutover": cutover}))
        await api.until(lambda: len(watches(api, "pods")) == 2)
        assert {one.query["labelSelector"] for one in watches(api, "pods")} == {"slot", "side"}
        while (key := queue.take()) is not None:
            queue.done(key)
        await api.put("pods", slot_pod("a", key="side", owner="side-a-5d8f"))
        assert await taken(queue) == other
    finally:
        running.cancel()


def by_key(references: References, *keys: str) -> None:
    """Each of these labels tells the slots of a resource apart."""
    for key in keys:
        cutover = {"selectorKey": key, "slots": [{"name": "a", "workloadRef": {"name": f"{key}-a"}}]}
        references.refer(Key("shop", key), references_in({"cutover": cutover}))


async def test_a_thousand_labels_are_not_a_thousand_watches(
    api: FakeAPI, client: Client, references: References, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may create resources chooses labels freely; the usual one is watched in any case."""
    monkeypatch.setattr(module, "MOST_LABELS", 3)
    by_key(references, *(f"a-{number}" for number in range(50)))
    running = asyncio.create_task(SlotPodWatch(client, Queue(Metrics()), references).run())
    try:
        await api.until(lambda: len(watches(api, "pods")) == 3)
        by_key(references, "late")
        await asyncio.sleep(0.2)
        found = {one.query["labelSelector"] for one in watches(api, "pods")}
        assert len(found) == 3
        assert "slot" in found
    finally:
        running.cancel()


async def test_a_label_that_nobody_names_any_more_makes_room(
    api: FakeAPI, client: Client, references: References, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LABELS", 2)
    by_key(references, "first")
    running = asyncio.create_task(SlotPodWatch(client, Queue(Metrics()), references).run())
    try:
        await api.until(lambda: len(watches(api, "pods")) == 2)
        references.forget(Key("shop", "first"))
        by_key(references, "second")
        await api.until(lambda: "second" in {one.query["labelSelector"] for one in watches(api, "pods")})
    finally:
        running.cancel()
