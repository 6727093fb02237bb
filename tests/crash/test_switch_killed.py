"""The operator dies at every write of a switch, there and back, while 400 requests a second arrive.

One story after the other: with two loads at once a small machine fails requests by itself.
"""

from __future__ import annotations

import random
import threading
import time
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import pytest
from typing_extensions import override

from tests.crash.chance import CAMPAIGN, SEED
from tests.crash.proxy import Fault, Moment
from tests.crash.request import BY_THE_WAY
from tests.crash.switch_story import AGAIN_SECONDS, AtWrites, check_writes
from tests.traffic.shop import DRAIN, SOAK, healthy
from tests.traffic.slots import BLUE, GREEN, other

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.conftest import Tell
    from tests.crash.request import Request
    from tests.crash.switch_story import SwitchStory
    from tests.traffic.load import Load
    from tests.traffic.load import Request as Answer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


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

CYCLES = 20
LONGEST_LIFE = 6.0

SEEN_SECONDS = 2.0
"""So long after the patch some requests go to the slot that was left: kube-proxy may rest for a second."""

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
    for fault in faults:
        there(new_switch(), telling, fault)
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


def failed_while_blue_was_live(load: Load, harmed: float, returned: float) -> list[Answer]:
    """Failed requests that were sent before green was harmed, or once the traffic was back and told of."""
    return [one for one in load.tally.failed if one.end < harmed or one.sent > returned + SEEN_SECONDS]


def test_blue_is_live_again_wherever_the_operator_dies(
    new_switch: Callable[[], SwitchStory], telling: Tell
) -> None:
    pairs = list(product(TURNS, HARMS) if CAMPAIGN else zip(TURNS, HARMS, strict=True))
    faults = [AtWrites(*moments) for moments, _ in pairs]
    for fault, (_, harm) in zip(faults, pairs, strict=True):
        back(new_switch(), telling, fault, harm)
    for fault in faults:
        assert {"patch services", "patch databasemigrations"} <= set(fault.kinds)
    assert "delete jobs" in {kind for fault in faults for kind in fault.kinds}


class AtOne(AtWrites):
    """The operator dies at one write only: the n-th after it was armed."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._moment = 0, Moment.BEFORE_SEND
        self.died, self.count = 0.0, 0

    def arm(self, number: int, moment: Moment) -> None:
        """From now on."""
        self._left, self._moment, self.died = number, moment, 0.0

    @override
    def kills(self, request: Request) -> Moment | None:
        if not request.writes or request.resource in BY_THE_WAY or not self._left:
            return None
        self._left -= 1
        if self._left:
            return None
        self.died = time.time()
        self.deaths[request.stage, request.what, self._moment] = self.died
        self.count += 1
        return self._moment


@pytest.mark.skipif(not CAMPAIGN, reason="a switch for each write and moment: `make test-all`")
@pytest.mark.parametrize("moment", Moment)
def test_one_death_in_each_switch(
    new_switch: Callable[[], SwitchStory], telling: Tell, moment: Moment
) -> None:
    """The n-th write of a switch, there and back in turn, until a switch has not so many."""
    story, fault = new_switch(), AtOne()
    slot, slowest, switches = BLUE, 0.0, list[str]()
    with story.oracle() as oracle, telling(story, fault), story.load() as load:
        story.ask(slot)
        story.succeeded()
        while fault.count == len(switches):
            slot = other(slot)
            fault.arm(len(switches) + 1, moment)
            story.ask(slot)
            story.succeeded()
            switches.append(slot)
            slowest = max(slowest, time.time() - fault.died) if fault.died else slowest
    print(f"{len(switches)} switches, {fault.told()}; at rest {slowest:.1f} s after a death at the latest")
    assert not load.tally.failed, load.tally.text()
    assert set(story.probes()) == {"1"}
    assert len(story.probes()) == len(switches)
    check_writes(oracle, switches)
    # The soak and the drain are part of that, and so is the start of the pod that checks.
    assert slowest < AGAIN_SECONDS + SOAK + DRAIN


@pytest.mark.skipif(not CAMPAIGN, reason="twenty switches: `make test-all`")
def test_deaths_at_random(new_switch: Callable[[], SwitchStory], telling: Tell) -> None:
    print(f"SWITCHBACK_SEED={SEED}")
    chance, over = random.Random(SEED), threading.Event()  # noqa: S311 - repeatable, no secret
    story, slots = new_switch(), [GREEN, BLUE] * (CYCLES // 2)
    with story.oracle() as oracle, telling(story, Fault()) as (_, operator), story.load() as load:

        def kill() -> None:
            while not over.wait(chance.uniform(0.3, LONGEST_LIFE)):
                operator.kill()

        story.ask(BLUE)
        story.succeeded()
        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        for slot in slots:
            story.ask(slot)
            story.succeeded(300)
        over.set()
        thread.join()
    print(f"{len(slots)} switches, {operator.starts} lives")
    assert not load.tally.failed, load.tally.text()
    check_writes(oracle, slots)
