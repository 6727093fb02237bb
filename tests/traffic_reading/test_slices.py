"""What is seen of real pods behind a real Service while they come, go and fail, and how soon it is seen."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from switchback.api.cutover import Cutover
from switchback.controller.metadata_watch import SUBJECTS, MetadataWatch, SlotPodWatch
from switchback.controller.metrics import Metrics
from switchback.controller.observe_traffic import read_traffic
from switchback.controller.queue import Key, Queue
from switchback.controller.references import References, references_in
from switchback.controller.traffic_lists import read_lists
from switchback.traffic.guards import guards, passing
from tests.traffic.slots import BLUE, GREEN, KEY, SERVICE, Slots, workload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchback.contract.traffic import Slot, Traffic
    from switchback.controller.kube.client import Client
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio]

UID = "uid-of-nobody"
STEP = 0.02
PATIENCE = 60.0

CUTOVER = Cutover.model_validate(
    {
        "serviceName": SERVICE,
        "selectorKey": KEY,
        "slots": [{"name": slot, "workloadRef": {"name": workload(slot)}} for slot in (BLUE, GREEN)],
        "activeSlot": GREEN,
    }
)


class Shop:
    """Two slots of two pods each, and what the operator sees of them."""

    def __init__(self, kube: Kube, namespace: str, image: str, client: Client) -> None:
        self.slots = Slots(kube, namespace, image)
        self.namespace = namespace
        self.kube = kube
        self.client = client
        self.history: list[Traffic] = []

    async def look(self) -> Traffic:
        seen = await read_traffic(self.client, self.namespace, CUTOVER, UID, datetime.now(UTC))
        self.history.append(seen)
        return seen

    async def until(self, what: str, met: Callable[[Traffic], bool]) -> Traffic:
        """Looks again and again; every look is kept."""
        end = time.monotonic() + PATIENCE
        while not met(seen := await self.look()):
            assert time.monotonic() < end, f"not seen: {what}; last: {seen}"
            await asyncio.sleep(STEP)
        return seen

    def failed(self, seen: Traffic) -> list[str]:
        return [guard.name for guard in passing(CUTOVER, seen, BLUE, GREEN) if guard.blocks]


@pytest.fixture
def shop(kube: Kube, namespace: str, bare_cluster: Cluster, client: Client) -> Shop:
    made = Shop(kube, namespace, bare_cluster.images.web, client)
    made.slots.start()
    return made


def slot(seen: Traffic, name: str) -> Slot:
    found = seen.slot(name)
    assert found is not None
    return found


def counts(seen: Traffic) -> tuple[int, int, int]:
    """Ready endpoints of blue, of green, of nobody."""
    return slot(seen, BLUE).endpoints, slot(seen, GREEN).endpoints, seen.strangers


async def test_a_shop_at_rest(shop: Shop) -> None:
    """A Deployment counts its pods a moment after they are ready."""
    seen = await shop.until(
        "all counted", lambda seen: all(slot(seen, n).available == 2 for n in (BLUE, GREEN))
    )
    assert counts(seen) == (2, 0, 0)
    for name in (BLUE, GREEN):
        one = slot(seen, name)
        assert (one.there, one.settled, one.desired, one.total, one.available) == (True, True, 2, 2, 2)
        assert (one.ready_pods, one.alive, one.unready) == (2, 2, 0)
        assert one.ports == {"http/TCP", "control/TCP"}
        assert all(pod.address and pod.ready_since and pod.restarted is None for pod in one.pods)
    assert not any(guard.blocks or guard.warning for guard in guards(CUTOVER, seen, BLUE, GREEN))


async def test_lists_show_the_same(shop: Shop) -> None:
    references = References()
    references.refer(Key(shop.namespace, "shop"), references_in({"cutover": CUTOVER.to_json()}))
    lists = await read_lists(shop.client, shop.namespace, references)
    seen, live = lists.of(shop.namespace, CUTOVER, UID, datetime.now(UTC)), await shop.look()
    assert seen.service == live.service
    for one, other in zip(seen.slots, live.slots, strict=True):
        assert (one.endpoints, one.unready, one.ready_pods, one.alive) == (
            2 - 2 * (one.name == GREEN),
            0,
            2,
            2,
        )
        assert {pod.uid for pod in one.pods} == {pod.uid for pod in other.pods}
        assert one.template == other.template


async def test_a_switch_is_seen_as_one_slot_and_then_the_other(shop: Shop) -> None:
    before = await shop.look()
    shop.slots.switch(GREEN)
    await shop.until("green only", lambda seen: counts(seen) == (0, 2, 0))
    assert {counts(seen) for seen in shop.history} <= {(2, 0, 0), (0, 2, 0)}, "never both, never a stranger"
    after = await shop.look()
    assert before.service is not None
    assert after.service is not None
    assert after.service.selector[KEY] == GREEN
    assert after.service.resource_version != before.service.resource_version


async def test_pods_that_are_not_ready_any_more(shop: Shop) -> None:
    shop.slots.fault(BLUE, unready="true")
    seen = await shop.until("no ready pod of blue", lambda seen: counts(seen) == (0, 0, 0))
    assert slot(seen, BLUE).unready == 2, "they stay in the slices"
    assert "way-back" in shop.failed(
        await shop.until("its pods say so", lambda s: not slot(s, BLUE).ready_pods)
    )
    shop.slots.fault(BLUE, unready="false")
    await shop.until("two again", lambda seen: counts(seen) == (2, 0, 0))
    assert all(slot(one, GREEN).endpoints == one.strangers == 0 for one in shop.history)
    assert all(slot(one, BLUE).endpoints + slot(one, BLUE).unready == 2 for one in shop.history)


async def test_the_other_slots_readiness_is_seen_without_a_service(shop: Shop) -> None:
    shop.slots.fault(GREEN, unready="true")
    seen = await shop.until("green is not ready", lambda seen: slot(seen, GREEN).ready_pods == 0)
    assert "slot-ready" in shop.failed(seen)
    shop.slots.fault(GREEN, unready="false")
    await shop.until("nothing stands in the way", lambda seen: shop.failed(seen) == [])


async def test_a_pod_that_ends_is_no_endpoint_and_is_alive_until_it_is_gone(shop: Shop) -> None:
    shop.slots.scale(BLUE, 1)
    ending = await shop.until("one ends", lambda seen: any(pod.terminating for pod in slot(seen, BLUE).pods))
    assert slot(ending, BLUE).alive == 2
    assert slot(ending, BLUE).ready_pods == 1
    await shop.until("one is gone", lambda seen: slot(seen, BLUE).alive == 1)
    assert {one.strangers for one in shop.history} == {0}
    assert all(slot(one, BLUE).endpoints >= 1 for one in shop.history)
    shop.slots.scale(BLUE, 0)
    seen = await shop.until("none is left", lambda seen: not slot(seen, BLUE).pods)
    assert (slot(seen, BLUE).there, slot(seen, BLUE).desired, seen.strangers) == (True, 0, 0)


async def test_a_rollout_of_the_other_slot_is_waited_for(shop: Shop) -> None:
    first = slot(await shop.look(), GREEN).template
    template = {
        "template": {"spec": {"containers": [{"name": "web", "env": [{"name": "VERSION", "value": "2"}]}]}}
    }
    shop.kube.json(
        "PATCH",
        f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/{workload(GREEN)}",
        body={"spec": template},
        content_type="application/strategic-merge-patch+json",
    )
    seen = await shop.until("it has begun", lambda seen: bool(shop.failed(seen)))
    assert shop.failed(seen)[0] == "slot-rolled-out"
    seen = await shop.until("it is over", lambda seen: shop.failed(seen) == [])
    assert slot(seen, GREEN).template != first
    assert all(one.slot(GREEN) is not None and slot(one, GREEN).there for one in shop.history)


async def test_a_container_that_was_restarted_a_moment_ago(shop: Shop) -> None:
    shop.slots.fault(GREEN, die="1s")
    seen = await shop.until("it is back", lambda seen: shop.failed(seen) == ["slot-calm"])
    times = [pod.restarted for pod in slot(seen, GREEN).pods if pod.restarted]
    assert times
    assert all(abs((seen.at - one).total_seconds()) < 30 for one in times)


async def test_a_service_that_is_made_anew_is_another_one(shop: Shop) -> None:
    before = (await shop.look()).service
    manifest = shop.kube.get("Service", shop.namespace, SERVICE)
    shop.kube.delete("Service", shop.namespace, SERVICE)
    await shop.until("it is gone", lambda seen: seen.service is None)
    fresh = {
        **{name: manifest[name] for name in ("apiVersion", "kind")},
        "metadata": {"name": SERVICE},
        "spec": {name: manifest["spec"][name] for name in ("selector", "ports")},
    }
    shop.kube.create(fresh, shop.namespace)
    after = (await shop.until("its endpoints are there", lambda seen: counts(seen) == (2, 0, 0))).service
    assert before is not None
    assert after is not None
    assert after.uid != before.uid


# --- how soon it is seen ---


@asynccontextmanager
async def watching(shop: Shop) -> AsyncIterator[Queue]:
    """The queue that the operator's watches of this namespace fill."""
    references, queue = References(), Queue(Metrics())
    references.refer(Key(shop.namespace, "shop"), references_in({"cutover": CUTOVER.to_json()}))
    subjects = [one for one in SUBJECTS if one.kind.plural not in {"configmaps", "statefulsets"}]
    watches = [
        MetadataWatch(shop.client, queue, references, subject).run(shop.namespace) for subject in subjects
    ]
    pods = SlotPodWatch(shop.client, queue, references).run(shop.namespace)
    running = [asyncio.create_task(one) for one in (*watches, pods)]
    try:
        await quiet(queue)
        yield queue
    finally:
        for one in running:
            one.cancel()


async def quiet(queue: Queue, seconds: float = 1.0) -> None:
    """Nothing has come for a while."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                key = await queue.get()
        except TimeoutError:
            return
        assert key is not None
        queue.done(key)


async def woken(queue: Queue) -> float:
    """Seconds until a key is there."""
    begun = time.monotonic()
    async with asyncio.timeout(30):
        key = await queue.get()
    assert key is not None
    queue.done(key)
    return time.monotonic() - begun


async def test_a_change_of_the_selector_wakes_at_once(shop: Shop) -> None:
    async with watching(shop) as queue:
        waits = []
        for number in range(10):
            shop.slots.switch((GREEN, BLUE)[number % 2])
            waits.append(await woken(queue))
            await quiet(queue, 0.3)
    print("woken after", [f"{1000 * one:.0f} ms" for one in waits])
    assert sorted(waits)[5] < 0.5


async def test_pods_that_fail_and_pods_that_are_gone_wake_at_once(shop: Shop) -> None:
    """The last event is about the last pod: whoever waits for it to be gone needs no clock."""
    async with watching(shop) as queue:
        shop.slots.fault(GREEN, unready="true")
        await woken(queue)
        await quiet(queue, 2.5)
        assert slot(await shop.look(), GREEN).ready_pods == 0
        shop.slots.scale(GREEN, 0)
        await woken(queue)
        end = time.monotonic() + PATIENCE
        while slot(await shop.look(), GREEN).pods:
            assert time.monotonic() < end
            await woken(queue)
