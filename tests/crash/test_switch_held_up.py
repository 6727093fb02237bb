"""What holds up the patch that moves the traffic: a frozen API server, rivals, a process that sleeps."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from tests.crash.operator_process import Life, Setting
from tests.crash.proxy import Fault, Proxy
from tests.crash.story import until
from tests.crash.switch_story import AGAIN_SECONDS, SECONDS, check_writes
from tests.e2e.kube import MERGE, RefusedError, url_path
from tests.traffic.slots import BLUE, GREEN, KEY, SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web

    from tests.crash.conftest import Tell
    from tests.crash.request import Request
    from tests.crash.switch_story import SwitchStory

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

POINT = "patch services"
FROZEN_SECONDS = 5.0
STORM_SECONDS = 0.02
TAKEN_OVER = 40.0
LEASE = "switchback"


class AtTheSwitch(Fault):
    """Something happens when the patch that moves the traffic is on its way, the first time."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.met = 0.0
        self._happens = happens

    @override
    async def before(self, _proxy: Proxy, request: Request) -> web.Response | None:
        if request.what == POINT and "Switching" in request.stage and not self.met:
            self.met = time.time()
            await asyncio.get_running_loop().run_in_executor(None, self._happens)
        return None


def test_an_api_server_that_stands_still_at_the_switch_delays_it(
    new_switch: Callable[..., SwitchStory], telling: Tell
) -> None:
    story = new_switch()

    def freeze() -> None:
        story.cluster.freeze("kube-apiserver")
        threading.Timer(FROZEN_SECONDS, story.cluster.thaw, ("kube-apiserver",)).start()

    fault = AtTheSwitch(freeze)
    with story.oracle() as oracle, telling(story, fault) as (_, operator), story.load() as load:
        story.ask(BLUE)
        story.succeeded()
        story.ask(GREEN)
        story.until(lambda: fault.met, SECONDS, "patch")
        time.sleep(FROZEN_SECONDS + 0.5)
        story.succeeded()
        time.sleep(1)
        assert operator.exits == []
    assert not load.tally.failed, load.tally.text()
    assert story.probes() == ["1"]
    check_writes(oracle, [GREEN])
    (write,) = oracle.switches()
    assert write.at - fault.met < FROZEN_SECONDS + AGAIN_SECONDS


@contextmanager
def storm(story: SwitchStory) -> Iterator[list[float]]:
    """Somebody notes something on the Service, every 20 ms."""
    over, notes = threading.Event(), list[float]()
    path = url_path("Service", story.namespace, SERVICE)

    def note() -> None:
        while not over.wait(STORM_SECONDS):
            notes.append(time.time())
            body = {"metadata": {"annotations": {"example.com/rival": str(len(notes))}}}
            try:
                story.kube.json("PATCH", path, body=body, content_type=MERGE)
            except RefusedError:
                continue

    thread = threading.Thread(target=note, daemon=True)
    thread.start()
    try:
        yield notes
    finally:
        over.set()
        thread.join(10)


def test_a_storm_of_conflicts_does_not_hold_up_a_switch(
    new_switch: Callable[..., SwitchStory], telling: Tell
) -> None:
    """Neither there, nor back when the new slot has died."""
    story = new_switch()
    with story.oracle() as oracle, telling(story, Fault()) as (proxy, operator), story.load() as load:
        story.ask(BLUE)
        story.succeeded()
        with storm(story) as notes:
            begun = time.time()
            story.ask(GREEN, soakPeriodSeconds=600)
            story.phase("Soaking")
            there = time.time()
            harmed = len(load.so_far())
            story.slots.fault(GREEN, unready=True)
            story.finished()
            back = time.time()
            rate = len(notes) / (back - begun)
        story.at_rest()
        assert operator.starts == 1
    tried = [seen.code for seen in proxy.seen if seen.request.what == POINT]
    print(f"{rate:.0f} notes/s; there {there - begun:.1f} s, back {back - there:.1f} s; patches {tried}")
    assert story.slots.live() == BLUE
    check_writes(oracle, [GREEN, BLUE])
    assert not [one for one in load.tally.requests[:harmed] if one.fault]


class Held(Fault):
    """The patch that moves the traffic is held back until it is let go; whoever has sent it stands still."""

    def __init__(self) -> None:
        self.freeze: Callable[[], None] = lambda: None
        self.met = False
        self._go = threading.Event()

    @override
    async def before(self, _proxy: Proxy, request: Request) -> web.Response | None:
        if request.what == POINT and "Switching" in request.stage and not self.met:
            self.met = True
            self.freeze()
            await asyncio.get_running_loop().run_in_executor(None, self._go.wait, SECONDS)
        return None

    def let_go(self) -> None:
        """It is sent on now."""
        self._go.set()


@contextmanager
def overtaken(story: SwitchStory) -> Iterator[tuple[Held, Life]]:
    """The first operator stands still, its patch on the way; the wish was taken back, another one leads."""
    fault = Held()
    with ExitStack() as after:

        def start(name: str, what: Fault) -> Life:
            proxy = after.enter_context(Proxy(story.cluster.kubeconfig, what, token=story.token))
            file = story.folder / f"{story.namespace}-{name}"
            kubeconfig = proxy.write_kubeconfig(file.with_suffix(".kubeconfig"))
            image = story.cluster.images.switchback
            life = Life(Setting(story.namespace, kubeconfig, file.with_suffix(".log"), image), name, LEASE)
            after.callback(life.kill)
            return life

        first = start("first", fault)
        fault.freeze = first.freeze
        story.ask(BLUE)
        story.succeeded()
        start("second", Fault())
        story.ask(GREEN)
        until(lambda: fault.met, SECONDS, "patch of the switch")
        story.ask(BLUE)  # before the other one leads: it would do the same patch
        story.phase("Cancelled", seconds=TAKEN_OVER)
        story.succeeded()
        assert story.slots.live() == BLUE
        yield fault, first


def taken_back(story: SwitchStory) -> None:
    """The wish is still for blue."""
    late(story, lambda: None, BLUE, [GREEN, BLUE])


def wished_again(story: SwitchStory) -> None:
    """Another switch to green is being prepared: it verifies green by itself, once the patch is undone."""

    def again() -> None:
        story.ask(GREEN)
        story.phase("Preparing")

    late(story, again, GREEN, [GREEN, BLUE, GREEN])


def late(story: SwitchStory, again: Callable[[], None], live: str, writes: list[str]) -> None:
    with story.oracle() as oracle, overtaken(story) as (fault, first):
        again()
        fault.let_go()
        first.thaw()
        story.until(lambda: len(oracle.story().writes) >= len(writes), SECONDS, "end of the late patch")
        story.succeeded()
        assert first.wait(15) == 1
    switches = oracle.switches()
    between = switches[1].at - switches[0].at
    print(f"live: {live}; the late patch was there for {between:.2f} s")
    assert [write.after[KEY] for write in switches] == writes
    assert story.slots.live() == live
    assert between < AGAIN_SECONDS
    # The late patch itself is what no status permits any more.
    (violation,) = oracle.violations()
    assert violation.startswith("intent_before_act")


def test_a_patch_that_arrives_late_does_not_stay(new_switch: Callable[..., SwitchStory]) -> None:
    ways = [taken_back, wished_again]
    with ThreadPoolExecutor(len(ways)) as pool:
        list(pool.map(lambda tell: tell(new_switch(replicas=1)), ways))
