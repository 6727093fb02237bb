"""The operator dies at every write of a switch, there and back, while 400 requests a second arrive."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.crash.chance import CAMPAIGN
from tests.crash.proxy import Moment
from tests.crash.switch_story import AtWrites, check_writes
from tests.traffic.shop import healthy
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.conftest import Tell
    from tests.crash.switch_story import SwitchStory
    from tests.traffic.load import Load, Request

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


class Harm(NamedTuple):
    """How green fails, and why the traffic goes back then."""

    fault: dict[str, object]
    checks: list[dict[str, object]]
    why: str


HARMS = [
    Harm({"errors": 1}, [healthy()], "ChecksFailed"),
    # Without a check of its own: the pod that checks goes on, and has to be ended.
    Harm({"unready": True}, [], "SlotDied"),
]

SEEN_SECONDS = 1.0
"""So long after the patch, at the most, the data plane may send requests to the slot that was left."""

TURNS = [(Moment.BEFORE_SEND, Moment.AFTER_SEND), (Moment.AFTER_REPLY,)]
"""Which deaths fit into one story: what was done is not done again."""


def there(story: SwitchStory, telling: Tell, fault: AtWrites) -> None:
    """From the first look at the shop to green, with deaths on the whole way."""
    with story.oracle() as oracle, telling(story, fault) as (_, operator), story.load() as load:
        fault.armed = True
        story.ask(BLUE)
        story.succeeded()
        story.ask(GREEN)
        story.succeeded()
        end = time.time()
        time.sleep(1)
    print(fault.told())
    assert operator.starts >= len(fault.deaths) + 1
    assert not load.tally.failed, load.tally.text()
    assert story.slots.live() == GREEN
    assert story.probes() == ["1"]
    check_writes(oracle, [GREEN])
    fault.check_pace(end)


def test_green_is_live_wherever_the_operator_dies(
    new_switch: Callable[[], SwitchStory], telling: Tell
) -> None:
    faults = [AtWrites(*moments) for moments in TURNS]
    with ThreadPoolExecutor(len(faults)) as pool:
        list(pool.map(lambda fault: there(new_switch(), telling, fault), faults))
    for fault in faults:
        assert {"patch services", "patch pods", "create jobs", "patch databasemigrations"} <= set(fault.kinds)


def back(story: SwitchStory, telling: Tell, fault: AtWrites, harm: Harm) -> None:
    """To green, which fails in the soak, and back to blue, with deaths on the way back."""
    spec = {"checks": harm.checks, "rollback": {"automatic": "Traffic"}}
    with story.oracle() as oracle, telling(story, fault) as (_, operator), story.load() as load:
        story.ask(BLUE, spec=spec)
        story.succeeded()
        story.ask(GREEN, spec=spec, soakPeriodSeconds=600)
        story.phase("Soaking")
        fault.armed = True
        begun = time.time()
        story.slots.fault(GREEN, **harm.fault)
        said = story.finished()
        story.at_rest()
        end = time.time()
        time.sleep(1)
    print(f"{harm.why}: {fault.told()}; green has failed {len(load.tally.failed)} requests")
    assert operator.starts == len(fault.deaths) + 1
    assert said["Stalled"] == "True/RolledBack"
    assert story.slots.live() == BLUE
    assert (story.at()["phase"], story.at()["reason"]) == ("Restored", harm.why)
    check_writes(oracle, [GREEN, BLUE])
    fault.check_pace(end)
    (_, returned) = oracle.switches()
    assert not failed_while_blue_was_live(load, begun, returned.at)


def failed_while_blue_was_live(load: Load, harmed: float, returned: float) -> list[Request]:
    """Failed requests that were sent before green was harmed, or once the traffic was back and told of."""
    return [one for one in load.tally.failed if one.end < harmed or one.sent > returned + SEEN_SECONDS]


def test_blue_is_live_again_wherever_the_operator_dies(
    new_switch: Callable[[], SwitchStory], telling: Tell
) -> None:
    pairs = list(product(TURNS, HARMS) if CAMPAIGN else zip(TURNS, HARMS, strict=True))
    faults = [AtWrites(*moments) for moments, _ in pairs]
    with ThreadPoolExecutor(len(TURNS)) as pool:
        list(
            pool.map(
                lambda fault, pair: back(new_switch(), telling, fault, pair[1]),
                faults,
                pairs,
            )
        )
    for fault in faults:
        assert {"patch services", "patch databasemigrations"} <= set(fault.kinds)
    assert "delete jobs" in {kind for fault in faults for kind in fault.kinds}
