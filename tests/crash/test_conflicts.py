"""Status writes that meet a conflict, again and again: the end is the same, and nobody spins."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from typing_extensions import override

from switchback.api import names
from tests.crash.ending import ending
from tests.crash.proxy import Fault
from tests.crash.story import NAME, told, until
from tests.e2e.kube import MERGE, url_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.conftest import Plain, Tell
    from tests.crash.proxy import Proxy
    from tests.crash.request import Request
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CONFLICTS = 6
"""Of each status in a row. Looks pause between them, 5 ms at first and twice as long each time."""

LOOK = 7
"""Requests of one look at the most: five reads, the write, and a last read before a Job is created."""

STATUS = "patch databasemigrations/status"


class Conflicts(Fault):
    """The first status writes of each stage are answered with a conflict that there is not."""

    def __init__(self, most: int = CONFLICTS) -> None:
        self.met: Counter[str] = Counter()
        self._most = most

    @override
    async def before(self, proxy: Proxy, request: Request) -> web.Response | None:
        if request.what != STATUS or self.met[request.stage] >= self._most:
            return None
        self.met[request.stage] += 1
        return await self.conflict(proxy, request)

    async def conflict(self, _proxy: Proxy, _request: Request) -> web.Response | None:
        """What this write meets."""
        status = {"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": "told"}
        return web.json_response(status, status=409)


class Rivalry(Conflicts):
    """Somebody else changes the resource each time, right before the operator's write arrives."""

    @override
    async def conflict(self, proxy: Proxy, request: Request) -> web.Response | None:
        note = {"metadata": {"annotations": {"example.com/rival": str(sum(self.met.values()))}}}
        path = url_path(names.KIND, request.namespace, NAME)
        answer = await proxy.send("PATCH", path, {"Content-Type": MERGE}, json.dumps(note).encode())
        assert answer.status == 200
        return None


@pytest.mark.parametrize("fault", [Conflicts, Rivalry])
def test_conflicts_at_every_status_change_nothing_but_the_number_of_looks(
    fault: type[Conflicts], plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    story, conflicts = new_story(), fault()
    with telling(story, conflicts) as (proxy, operator):
        told(story)
        assert operator.starts == 1
    stages = {place.stage for place in plain.places if place.what == STATUS}
    met_in = {stage for stage, count in conflicts.met.items() if count == CONFLICTS}
    # A Job may have ended before the write that would have said that it is seen has come through.
    assert {stage for stage in stages - met_in if " seen " not in stage} == set()
    assert any(" seen " in stage for stage in met_in)
    end = ending(story)
    rival = end.metadata | {"annotations": [], "managers": ["e2e", "switchback"]}
    assert (end if fault is Conflicts else end.__class__(**{**vars(end), "metadata": rival})) == plain.end
    met = sum(conflicts.met.values())
    written = [seen.code for seen in proxy.seen if seen.request.what == STATUS]
    assert written.count(409) == met, "a real conflict is one for the API server too"
    # A conflict costs the look that met it; a rival's write is an event besides, and so another look.
    bound = len(plain.places) + met * LOOK * 2
    print(f"{met} conflicts, {len(proxy.seen)} requests; without any {len(plain.places)}, bound {bound}")
    assert len(proxy.seen) <= bound


def test_conflicts_without_an_end_are_met_less_and_less_often(
    new_story: Callable[[], Story], telling: Tell
) -> None:
    story, storm = new_story(), Conflicts(most=10**6)
    with telling(story, storm) as (_, operator):
        story.ask("latest")
        until(lambda: storm.met.total() >= 1, 30, "conflict")
        time.sleep(10)
        tries = storm.met.total()
        assert operator.starts == 1
    print(f"{tries} tries within ten seconds")
    assert 5 <= tries <= 25, "5 ms, 10 ms … 5 s: eleven tries, and a few for events"
