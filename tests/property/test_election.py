"""Candidates, one Lease, clocks that run at different speeds, and a network that loses and delays.

Processes stand still for as long as they like: nobody calls them while time passes, and what is under way for
one arrives when it wakes up. A third party may delete the Lease, or take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchback.controller.election import Candidate, Read, Record, Write, attempt

if TYPE_CHECKING:
    from switchback.controller.election import Attempt

WHO = st.integers(0, 1)
RATE = st.floats(0.8, 1.2)
"""Seconds that a clock counts per true second: a fifth too slow or too fast, far worse than any real one."""


@dataclass
class Store:
    """The API server: quorum reads, writes over the current version only; over none, any write creates."""

    record: Record | None = None
    version: int = 0

    def carry_out(self, request: Read | Write) -> Record | None:
        if isinstance(request, Read):
            return self.record
        wanted = request.record
        if self.record is not None and wanted.version != self.record.version:
            return None
        return self.store(wanted.holder, wanted.seconds, wanted.transitions)

    def store(self, holder: str, seconds: float, transitions: int) -> Record:
        """Writes, whoever wants it."""
        self.version += 1
        self.record = Record(holder, str(self.version), seconds, transitions)
        return self.record


@dataclass
class Process:
    """One candidate with its clock and what it has under way."""

    candidate: Candidate
    rate: float
    offset: float
    trying: Attempt | None = None
    sent: Read | Write | None = None
    answer: tuple[Record | None] | None = None
    late: list[Read | Write] = field(default_factory=list)


WELL = st.tuples(st.just("all_goes_well"), WHO)
HOP = st.tuples(st.just("one_hop"), WHO)
ACTION = st.one_of(
    *[st.tuples(st.just("wait"), st.sampled_from([1.0, 5.0, 8.0, 30.0]))] * 4,
    *[WELL] * 4,
    *[HOP] * 4,
    st.tuples(st.sampled_from(["give_up_waiting", "late_arrival", "lost_answer", "release"]), WHO),
)


THIRD = st.tuples(st.sampled_from(["deletion", "theft"]), WHO)


class World:
    """True time, the Lease, and two processes that see both through their own eyes."""

    def __init__(self, rates: tuple[float, float], offsets: tuple[float, float]) -> None:
        self.time = 0.0
        self.store = Store()
        self.processes = [
            Process(Candidate(name), rate, offset)
            for name, rate, offset in zip("AB", rates, offsets, strict=True)
        ]

    def clock(self, process: Process) -> float:
        return process.offset + self.time * process.rate

    def leaders(self) -> list[str]:
        return [p.candidate.identity for p in self.processes if p.candidate.leads(self.clock(p))]

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def one_hop(self, who: int) -> None:
        """Begins a try, or takes its message one way further: to the server, or back."""
        process = self.processes[who]
        if process.trying is None:
            process.trying = attempt(process.candidate, lambda: self.clock(process))
            self.go_on(process, None)
        elif process.answer is not None:
            self.go_on(process, process.answer)
        elif process.sent is not None:
            process.answer = (self.store.carry_out(process.sent),)

    def all_goes_well(self, who: int) -> None:
        self.one_hop(who)
        while self.processes[who].trying is not None:
            self.one_hop(who)

    def give_up_waiting(self, who: int) -> None:
        """The request times out. It may be lost, its answer may be, or it may arrive yet."""
        process = self.processes[who]
        if process.sent is not None and process.answer is None:
            process.late.append(process.sent)
        process.trying = process.sent = process.answer = None

    def late_arrival(self, who: int) -> None:
        process = self.processes[who]
        if process.late:
            self.store.carry_out(process.late.pop(0))

    def release(self, who: int) -> None:
        process = self.processes[who]
        seen = process.candidate.seen
        if process.trying is None and seen is not None and seen.holder == process.candidate.identity:
            process.candidate.saw(None, self.clock(process))
            self.store.carry_out(Write(Record("", seen.version)))

    def lost_answer(self, who: int) -> None:
        """The request arrives and is carried out; its answer never comes."""
        process = self.processes[who]
        if process.sent is not None and process.answer is None:
            self.store.carry_out(process.sent)
            process.trying = process.sent = None

    def deletion(self, _who: int) -> None:
        self.store.record = None

    def theft(self, _who: int) -> None:
        """Somebody who is no candidate writes the Lease, and never renews it."""
        self.store.store("thief", 15.0, 0)

    def go_on(self, process: Process, answer: tuple[Record | None] | None) -> None:
        assert process.trying is not None
        process.answer = None
        try:
            process.sent = next(process.trying) if answer is None else process.trying.send(answer[0])
        except StopIteration:
            process.trying = process.sent = None


@settings(max_examples=400, deadline=None)
@given(
    rates=st.tuples(RATE, RATE),
    offsets=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
    actions=st.lists(ACTION, min_size=20, max_size=80),
)
def test_never_two_leaders_at_the_same_true_moment(
    rates: tuple[float, float], offsets: tuple[float, float], actions: list[tuple[str, float]]
) -> None:
    world = World(rates, offsets)
    for name, argument in actions:
        getattr(world, name)(argument)
        assert len(world.leaders()) <= 1


@settings(deadline=None)
@given(rates=st.tuples(RATE, RATE), seconds=st.floats(8, 20))
@example(rates=(0.8, 1.2), seconds=12.4)
def test_with_clocks_a_fifth_apart_nobody_takes_what_its_holder_believes_in(
    rates: tuple[float, float], seconds: float
) -> None:
    world = World(rates, (0.0, 0.0))
    world.all_goes_well(0)
    world.all_goes_well(1)
    world.wait(seconds)
    world.all_goes_well(1)
    assert len(world.leaders()) <= 1


def test_with_clocks_farther_apart_than_promised_two_may_lead() -> None:
    """What keeps them apart is the difference between 10 and 15 seconds, and nothing else."""
    world = World((0.7, 1.2), (0.0, 0.0))
    world.all_goes_well(0)
    world.all_goes_well(1)
    world.wait(13.0)
    world.all_goes_well(1)
    assert world.leaders() == ["A", "B"]


@settings(max_examples=300, deadline=None)
@given(rates=st.tuples(RATE, RATE), actions=st.lists(st.one_of(ACTION, THIRD), min_size=10, max_size=60))
def test_a_lease_that_others_write_is_believed_in_until_the_next_renewal_at_most(
    rates: tuple[float, float], actions: list[tuple[str, float]]
) -> None:
    world = World(rates, (0.0, 0.0))
    for name, argument in actions:
        getattr(world, name)(argument)
    for who in (0, 1):
        world.give_up_waiting(who)
    for who in (0, 1):
        world.all_goes_well(who)
    assert world.store.record is not None
    assert world.leaders() in ([], [world.store.record.holder]), "who leads is who the Lease names"


@settings(max_examples=300, deadline=None)
@given(
    rates=st.tuples(RATE, RATE), actions=st.lists(ACTION, min_size=5, max_size=60), seconds=st.floats(13, 1e4)
)
def test_whoever_stood_still_does_not_lead_when_it_wakes_up(
    rates: tuple[float, float], actions: list[tuple[str, float]], seconds: float
) -> None:
    """Whatever was under way for it, and whatever its answer, which arrives only now."""
    world = World(rates, (0.0, 0.0))
    for name, argument in actions:
        getattr(world, name)(argument)
    sleeper = world.processes[0]
    if sleeper.sent is not None and sleeper.answer is None:
        world.one_hop(0)  # it has left the machine already
    world.wait(seconds)
    assert not sleeper.candidate.leads(world.clock(sleeper))
    if sleeper.answer is not None:
        world.go_on(sleeper, sleeper.answer)
        assert not sleeper.candidate.leads(world.clock(sleeper))


def test_a_renewal_whose_answer_was_lost_is_no_reason_to_believe_and_none_to_give_up() -> None:
    world = World((1.0, 1.0), (0.0, 0.0))
    world.all_goes_well(0)
    world.wait(9.0)
    world.one_hop(0)
    world.lost_answer(0)
    world.wait(2.0)
    assert world.leaders() == [], "the last renewal that it knows of is too old"
    world.all_goes_well(1)
    assert world.leaders() == [], "the other one has seen a renewal, two seconds ago"
    world.all_goes_well(0)
    assert world.leaders() == ["A"]
    assert world.store.record is not None
    assert world.store.record.transitions == 1, "nobody else has held it"


@given(rates=st.tuples(RATE, RATE), actions=st.lists(st.one_of(ACTION, THIRD), max_size=60))
@settings(deadline=None)
def test_once_the_faults_stop_somebody_leads_within_one_lease(
    rates: tuple[float, float], actions: list[tuple[str, float]]
) -> None:
    world = World(rates, (0.0, 0.0))
    for name, argument in actions:
        getattr(world, name)(argument)
    for who in (0, 1):
        world.give_up_waiting(who)
    for _ in range(12):
        for who in (0, 1):
            world.all_goes_well(who)
        world.wait(2.0)
    world.all_goes_well(0)
    world.all_goes_well(1)
    assert len(world.leaders()) == 1
