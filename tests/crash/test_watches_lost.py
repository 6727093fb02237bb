"""Watches break off, or go silent without an end. Whatever they do not tell is found all the same."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from tests.crash.chance import SEED
from tests.crash.ending import ending
from tests.crash.proxy import Fault
from tests.crash.story import told, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web

    from tests.crash.conftest import Plain, Tell
    from tests.crash.proxy import Proxy
    from tests.crash.request import Request
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

STREAMS = 3
"""Resources, Jobs and pods, before a resource names an object of another kind."""


class InEachStage(Fault):
    """Something happens to the watches at the first request of each stage: a look is under way then."""

    def __init__(self, harm: Callable[[Proxy], None]) -> None:
        self.stages: set[str] = set()
        self._harm = harm

    @override
    async def before(self, proxy: Proxy, request: Request) -> web.Response | None:
        if request.stage and request.stage not in self.stages:
            self.stages.add(request.stage)
            self._harm(proxy)
        return None


def test_watches_that_break_off_in_every_stage(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    story, fault = new_story(), InEachStage(lambda proxy: proxy.cut_now())
    with telling(story, fault) as (proxy, operator):
        told(story)
        assert operator.starts == 1, "a watch that breaks off is no reason to end"
    assert fault.stages >= set(plain.stages)
    assert sum(seen.request.verb == "watch" for seen in proxy.seen) > STREAMS
    assert ending(story) == plain.end


def test_watches_that_break_off_at_any_time(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    story = new_story()
    with telling(story, Fault()) as (proxy, operator), cutting(proxy):
        told(story)
        assert operator.starts == 1
    assert ending(story) == plain.end


@contextmanager
def cutting(proxy: Proxy) -> Iterator[None]:
    """Breaks off all watches again and again while the block lasts."""
    print(f"SWITCHBACK_SEED={SEED}")
    chance, over = random.Random(SEED), threading.Event()  # noqa: S311 - repeatable, no secret

    def cut() -> None:
        while not over.wait(chance.uniform(0.02, 2.0)):
            proxy.cut_watches()

    thread = threading.Thread(target=cut, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def test_what_silent_watches_do_not_tell_is_found_by_looking_at_everything(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    story = new_story()
    with telling(story, Fault(), TEST_RESYNC_SECONDS="2") as (proxy, operator):
        until(lambda: proxy.watches == STREAMS, 20, f"{STREAMS} watches")
        proxy.mute_watches()
        told(story)
        assert operator.starts == 1
    assert ending(story) == plain.end


def test_a_silent_watch_is_given_up_and_begun_again(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    story, fault = new_story(), InEachStage(lambda proxy: proxy.hush_now())
    with telling(story, fault, TEST_SILENCE_SECONDS="2") as (_, operator):
        told(story)
        assert operator.starts == 1
    assert ending(story) == plain.end
