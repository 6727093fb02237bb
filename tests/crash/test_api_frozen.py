"""The API server stands still at a stage of the story: requests and watches hang, and then go on.

What was sent before is carried out late, perhaps for an operator that has ended meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from tests.crash.chance import CAMPAIGN, SEED
from tests.crash.ending import Ending, ending
from tests.crash.proxy import Fault
from tests.crash.story import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from tests.crash.conftest import Plain, Tell
    from tests.crash.proxy import Proxy
    from tests.crash.request import Request
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800 if CAMPAIGN else 600)]

AT_ONCE = 4
LONG = 12.0
"""Longer than a holder believes to lead after its last renewal: it has to end, and a new life goes on."""

SHORT = 3.0
"""Well within that time: nothing has to end."""


class Freezing(Fault):
    """The API server stands still at the first request, or at the first write, of each of these stages."""

    def __init__(self, stages: dict[str, bool], seconds: float) -> None:
        self.pending = stages
        self._seconds = seconds
        self._renewed = asyncio.Event()

    @override
    async def before(self, proxy: Proxy, request: Request) -> web.Response | None:
        if request.stage in self.pending and request.writes >= self.pending[request.stage]:
            del self.pending[request.stage]
            # One standstill at a time: the Lease is renewed between two.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._renewed.wait(), 8)
            self._renewed.clear()
            proxy.freeze_now(self._seconds)
        return None

    @override
    def after(self, request: Request, code: int) -> None:
        if request.what in {"update leases", "create leases"} and code < 300:
            self._renewed.set()


def tell(
    faults: list[Freezing], new_story: Callable[[], Story], telling: Tell
) -> list[tuple[Ending, list[int | None], int]]:
    """Stories with these faults at the same time: each one's end, exit codes of its operator, and lives."""

    def one(fault: Freezing) -> tuple[Ending, list[int | None], int]:
        story = new_story()
        with telling(story, fault) as (_, operator):
            told(story)
            lived = list(operator.exits), operator.starts
        return ending(story), *lived

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, faults))


def moments(plain: Plain) -> list[tuple[str, bool]]:
    """Each stage, and whether it is its first write that meets the standstill, or whatever comes first."""
    print(f"SWITCHBACK_SEED={SEED}")
    chance = random.Random(SEED)  # noqa: S311 - repeatable, no secret
    wrote = {place.stage for place in plain.places if place.what.split()[0] in {"patch", "create"}}
    both = [
        (stage, write) for stage in plain.stages for write in (False, True) if stage in wrote or not write
    ]
    return both if CAMPAIGN else [(stage, stage in wrote and chance.random() < 0.5) for stage in plain.stages]


def dealt(some: list[tuple[str, bool]], seconds: float) -> list[Freezing]:
    """The moments, in as many stories as are told at the same time; none has two of one stage."""
    count = AT_ONCE * (2 if CAMPAIGN else 1)
    return [Freezing(dict(some[offset::count]), seconds) for offset in range(count)]


def test_ten_seconds_at_any_stage_cost_the_lease_and_nothing_else(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    faults = dealt(moments(plain), LONG)
    for fault, (end, exits, lives) in zip(faults, tell(faults, new_story, telling), strict=True):
        assert not fault.pending, "each stage has been met"
        assert end == plain.end
        assert lives > 1, "ten seconds are longer than a Lease is believed in"
        assert set(exits) == {1}, "it ends by itself, and says that it did not mean to"


def test_a_short_standstill_at_any_stage_ends_nothing(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    faults = dealt(moments(plain), SHORT)
    for fault, (end, exits, _) in zip(faults, tell(faults, new_story, telling), strict=True):
        assert not fault.pending
        assert end == plain.end
        assert exits == []
