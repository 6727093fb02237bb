"""A new intent arrives in a stage of an old operation, and the operator may die with it: it is met."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from switchback.api import names
from tests.crash.chance import CAMPAIGN, SEED
from tests.crash.proxy import Fault, Moment
from tests.crash.story import NAME, SECONDS
from tests.e2e.kube import MERGE, url_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from tests.crash.conftest import Plain, Tell
    from tests.crash.proxy import Proxy
    from tests.crash.request import Request
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600 if CAMPAIGN else 400)]

AT_ONCE = 4
TRIED = 8
"""How many stages are tried, unless all are."""

IDS = ["0001_books", "0002_stock", "0003_price"]
UP_TO = {"latest": 3, "0002": 2, "0001": 1, "base": 0}


@dataclass
class Change:
    """In this stage the target becomes another one, and the operator dies, or lives."""

    stage: str
    target: str
    moment: Moment | None


class Superseding(Fault):
    """Makes the change at the first request of its stage, before that is sent on."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.made = False
        """Whether the API server has the change."""
        self._begun = self._dies = False

    @override
    async def before(self, proxy: Proxy, request: Request) -> web.Response | None:
        if not self._begun and request.stage == self.change.stage:
            self._begun = self._dies = True
            body = json.dumps({"spec": {"target": self.change.target}}).encode()
            path = url_path(names.KIND, request.namespace, NAME)
            answer = await proxy.send("PATCH", path, {"Content-Type": MERGE}, body)
            assert answer.status == 200, answer.body
            self.made = True
        return None

    @override
    def kills(self, request: Request) -> Moment | None:
        dies, self._dies = self._dies, False
        return self.change.moment if dies else None


def changes(plain: Plain) -> list[Change]:
    """Each stage with a target that is not its own; by default some of them, each with a moment or none."""
    print(f"SWITCHBACK_SEED={SEED}")
    chance = random.Random(SEED)  # noqa: S311 - repeatable, no secret
    stages = [stage for stage in plain.stages if not stage.endswith(" over") or "held" in stage]
    wishes = [(stage, target) for stage in stages for target in UP_TO if not stage.startswith(target)]
    moments = [None, None, *Moment]
    if not CAMPAIGN:
        picked = chance.sample(stages, TRIED)
        wishes = [chance.choice([one for one in wishes if one[0] == stage]) for stage in picked]
    return [Change(stage, target, chance.choice(moments)) for stage, target in wishes]


def test_a_new_intent_in_any_stage_is_met_and_the_old_one_leaves_nothing_behind(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    def tell(change: Change) -> None:
        story, fault = new_story(), Superseding(change)
        with telling(story, fault) as (_, operator):
            for target in ("latest", "0001"):
                if not fault.made:
                    story.ask(target)
                    story.until(lambda: fault.made or story.over(), SECONDS, "end or change")
                    if not fault.made:
                        story.at_rest(SECONDS)
            assert fault.made, f"no request in stage {change.stage}"
            said = story.finished(SECONDS)
            assert said["Ready"] == "True/Succeeded", (change, said)
            story.at_rest(SECONDS)
            assert all(code is not None and code < 0 for code in operator.exits), operator.exits
        check(story, change)

    wanted = changes(plain)
    print("\n".join(map(str, wanted)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(tell, wanted))


def check(story: Story, change: Change) -> None:
    resource, kept = story.resource(), UP_TO[change.target]
    status = resource["status"]
    assert story.database.applied() == IDS[:kept], change
    contents = str(story.database.contents())
    assert [word in contents for word in ("books", "stock", "price")] == [kept > 0, kept > 1, kept > 2], (
        change
    )
    assert not story.database.reserved_by(), change
    done = [(one.migration, one.kind) for one in story.database.events() if one.migration]
    for migration, events in groupby(sorted(done, key=lambda one: str(one[0])), lambda one: one[0]):
        kinds = [kind for _, kind in events]
        assert all(one != other for one, other in pairwise(kinds)), (change, migration)
    story.created()  # none of them twice
    assert {entry["outcome"] for entry in status["history"]} <= {"Succeeded", "Superseded"}, change
    assert status["history"][-1]["outcome"] == "Succeeded"
    assert {point["phase"] for point in status.get("snapshots", [])} <= {"Ready", "Failed"}, change
    assert "jobName" not in status["operation"], change
    assert not resource["metadata"].get("annotations"), change
