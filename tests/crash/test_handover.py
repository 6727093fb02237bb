"""Two operators, one Lease: how soon the other one goes on, and that the first one does nothing any more."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from tests.crash.ending import ending
from tests.crash.operator_process import Life, Setting
from tests.crash.proxy import Fault, Proxy
from tests.crash.story import SECONDS, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiohttp import web

    from tests.cluster.handle import Cluster
    from tests.crash.conftest import Plain, Tell
    from tests.crash.proxy import Seen
    from tests.crash.request import Request
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

LEASE = "switchback"
AFTER_SIGKILL = 20.0
AFTER_SIGTERM = 3.0
ROUNDS = 3
FROZEN_SECONDS = 30.0


@dataclass
class Candidate:
    """One operator with a proxy of its own, so that its requests can be told from the other one's."""

    name: str
    proxy: Proxy
    life: Life

    def leads(self) -> bool:
        """Whether it has begun to work: it looks at resources."""
        return any(seen.request.what == "page databasemigrations" for seen in list(self.proxy.seen))

    def writes(self) -> list[Seen]:
        """What it has changed, the Lease left aside."""
        return [
            seen
            for seen in list(self.proxy.seen)
            if seen.request.writes and seen.request.resource != "leases" and 200 <= seen.code < 300
        ]

    def first_look(self) -> float:
        """When it began to work."""
        return next(seen.came for seen in self.proxy.seen if seen.request.what == "page databasemigrations")


@pytest.fixture
def candidate(crd_cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Candidate]]:
    """Starts operators for a story that all want the same Lease."""
    with ExitStack() as after:

        def start(story: Story, name: str, fault: Fault | None = None) -> Candidate:
            proxy = after.enter_context(Proxy(crd_cluster.kubeconfig, fault))
            own = f"{story.namespace}-{name}"
            kubeconfig = proxy.write_kubeconfig(tmp_path / f"{own}.kubeconfig")
            log = tmp_path / f"{own}.log"
            setting = Setting(story.namespace, kubeconfig, log, crd_cluster.images.switchback)
            life = Life(setting, name, LEASE)
            after.callback(life.kill)
            return Candidate(name, proxy, life)

        yield start


def two(story: Story, candidate: Callable[..., Candidate]) -> tuple[Candidate, Candidate]:
    """One that leads, and one that waits for its place."""
    first = candidate(story, "first")
    until(first.leads, 30, "leader")
    second = candidate(story, "second")
    until(
        lambda: any(seen.request.resource == "leases" for seen in second.proxy.seen), 30, "second candidate"
    )
    return first, second


def going_back(story: Story) -> None:
    """All the way up, and on the way back until the reservation is being made."""
    story.ask("latest")
    story.finished(SECONDS)
    story.at_rest(SECONDS)
    story.ask("0001")
    story.until(lambda: story.steps()[-1] == "reserve", SECONDS, "reservation")


def the_end(story: Story, plain: Plain) -> None:
    assert story.finished(SECONDS)["Ready"] == "True/Succeeded"
    story.at_rest(SECONDS)
    assert ending(story) == plain.end


def test_after_sigkill_the_other_one_goes_on_within_twenty_seconds(
    plain: Plain, new_story: Callable[[], Story], candidate: Callable[..., Candidate]
) -> None:
    story = new_story()
    first, second = two(story, candidate)
    going_back(story)
    first.life.kill()
    killed = time.time()
    until(second.leads, AFTER_SIGKILL + 10, "second leader")
    taken = second.first_look() - killed
    print(f"taken over {taken:.1f} s after SIGKILL")
    assert taken < AFTER_SIGKILL
    the_end(story, plain)
    assert max(seen.came for seen in first.writes()) < second.first_look()


def test_after_sigterm_the_next_one_leads_within_three_seconds(
    plain: Plain, new_story: Callable[[], Story], candidate: Callable[..., Candidate]
) -> None:
    story = new_story()
    leader, other = two(story, candidate)
    going_back(story)
    taken = []
    for number in range(ROUNDS):
        leader.life.terminate()
        asked = time.time()
        until(other.leads, 20, "leader after SIGTERM")
        taken.append(other.first_look() - asked)
        assert leader.life.wait(10) == 0
        assert max((seen.answered for seen in leader.writes()), default=0) < other.first_look()
        leader, other = other, candidate(story, f"next-{number}")
        until(lambda: other.proxy.seen, 30, "next candidate")  # noqa: B023 - asked at once
    print("taken over " + ", ".join(f"{seconds:.1f}" for seconds in taken) + " s after SIGTERM")
    assert max(taken) < AFTER_SIGTERM
    the_end(story, plain)


class FrozenAt(Fault):
    """The process stands still from its n-th request of this kind on, whose answer waits for it."""

    def __init__(self, what: str, stage: str, number: int) -> None:
        self.freeze: Callable[[], None] = lambda: None
        self.frozen_at = 0.0
        self.what, self._stage, self._left = what, stage, number

    @override
    async def before(self, _proxy: Proxy, request: Request) -> web.Response | None:
        if request.what == self.what and self._stage in request.stage and not self.frozen_at:
            self._left -= 1
            if self._left == 0:
                self.freeze()
                self.frozen_at = time.time()
        return None


IN_FLIGHT = "reserve-2 named held"
WHERE = [
    ("list pods", IN_FLIGHT, 1),
    ("get databasemigrations", IN_FLIGHT, 2),
    ("create jobs", IN_FLIGHT, 1),
    ("patch databasemigrations/status", IN_FLIGHT, 1),
]
"""The end of a look, the last read before a Job is created, its creation, and the note of its UID."""


def test_a_leader_that_stood_still_does_nothing_when_it_wakes_up(
    plain: Plain, new_story: Callable[[], Story], candidate: Callable[..., Candidate]
) -> None:
    """After thirty seconds, and once as soon as the other one has begun: what it has read is in time then."""

    def tell(fault: FrozenAt, seconds: float) -> None:
        story = new_story()
        first, second = frozen(story, fault, candidate)
        if seconds:
            the_end(story, plain)
            time.sleep(max(0.0, fault.frozen_at + seconds - time.time()))
        else:
            until(second.writes, 10, "second leader's first write")
        first.life.thaw()
        thawed = time.time()
        print(f"{fault.what}: frozen for {thawed - fault.frozen_at:.1f} s")
        assert first.life.wait(15) == 1, "it has lost the Lease, and says so"
        late = [seen.request for seen in first.proxy.seen if seen.came > thawed and seen.request.writes]
        assert late == []
        the_end(story, plain)

    told = [(FrozenAt(*where), FROZEN_SECONDS) for where in WHERE] + [(FrozenAt(*WHERE[1]), 0.0)]
    with ThreadPoolExecutor(len(told)) as pool:
        list(pool.map(lambda one: tell(*one), told))


def frozen(story: Story, fault: FrozenAt, candidate: Callable[..., Candidate]) -> tuple[Candidate, Candidate]:
    """A leader that stands still where its fault says, on the way back, and the one that goes on."""
    first = candidate(story, "first", fault)
    fault.freeze = first.life.freeze
    until(first.leads, 30, "leader")
    second = candidate(story, "second")
    story.ask("latest")
    story.finished(SECONDS)
    story.at_rest(SECONDS)
    story.ask("0001")
    until(lambda: fault.frozen_at, SECONDS, f"request {fault.what}")
    until(second.leads, AFTER_SIGKILL + 10, "second leader")
    return first, second


def test_a_lease_that_others_delete_or_steal_is_no_harm(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    """Deleted, it is written anew by its holder. Stolen, it ends that life, and the next one waits for it."""
    steal = '{"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 5}}'
    ways = [(("delete", "lease", LEASE), []), (("patch", "lease", LEASE, "--type=merge", "-p", steal), [1])]

    def tell(way: tuple[tuple[str, ...], list[int]]) -> None:
        harm, exits = way
        story = new_story()
        with telling(story, Fault(), lease=LEASE) as (_, operator):
            going_back(story)
            story.cluster.kubectl(*harm, "-n", story.namespace)
            if exits:
                until(lambda: operator.exits, 10, "end of the life that has lost the Lease")
            the_end(story, plain)
            story.cluster.kubectl("get", "lease", LEASE, "-n", story.namespace)
            assert operator.exits == exits

    with ThreadPoolExecutor(len(ways)) as pool:
        list(pool.map(tell, ways))
