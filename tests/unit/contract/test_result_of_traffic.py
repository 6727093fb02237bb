"""What a result says of slots, of what waits and of what was done survives the way."""

from __future__ import annotations

import json

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.result import CORE_BYTES, Check, Result, Slot, Step, decode, encode
from switchback.contract.words import Direction, Operation, SlotFit

SLOTS = (Slot("blue", SlotFit.TOO_NEW), Slot("green", SlotFit.SATISFIED))
STEPS = tuple(Step(Direction.FORWARD, f"{number:04d}_m") for number in range(100))


def result(**more: object) -> Result:
    plain = Result(Operation.MIGRATE, "aa-1", Reason.SUCCEEDED, "m", "2026-01-01T00:00:00Z")
    return Result(**{name: getattr(plain, name) for name in Result.__slots__} | more)


def test_all_of_it_comes_back() -> None:
    full = result(slots=SLOTS, held_back=2, done=3, steps=STEPS[:3], applied_tail=("0002_m",))
    assert decode(encode(full)) == full


def test_what_is_not_said_takes_no_room() -> None:
    core = json.loads(encode(result()))
    assert not {"slots", "done", "held_back"} & core.keys()


@pytest.mark.parametrize("longest", [60, 150, 246])
def test_the_answer_about_slots_is_there_whatever_else_fits(longest: int) -> None:
    """A decision depends on it; the tail of the history is for people."""
    tail = tuple(f"{number:04d}_".ljust(longest, "x") for number in range(10))
    checks = tuple(Check(f"check-{number}", passed=False, error="e" * 160) for number in range(16))
    for budget in range(CORE_BYTES + 80, 3072, 97):
        text = encode(result(slots=SLOTS, done=100, applied_tail=tail, checks=checks, steps=STEPS), budget)
        assert len(text.encode()) <= budget
        back = decode(text)
        assert (back.slots, back.done) == (SLOTS, 100)
        assert len(back.steps) + back.steps_omitted == len(STEPS)


def test_a_forged_result_says_nothing_that_no_status_could_hold() -> None:
    """Each check is one line of a status, each slot too, and there are two of these."""
    first, *_ = encode(result()).split("\n")
    line = json.dumps({"check": "c" * 70, "p": True, "n": 1, "f": 0, "e": ""})
    twice = json.dumps({"check": "c" * 65, "p": False, "n": 2, "f": 2, "e": "x"})
    slots = json.dumps({"slots": {f"s{number}": "Satisfied" for number in range(9)}})
    back = decode("\n".join([first, line, twice, slots, json.dumps([f"{number}" for number in range(99)])]))
    assert back.checks == (Check("c" * 63, passed=False, runs=2, failures=2, error="x"),)
    assert [slot.name for slot in back.slots] == ["s0", "s1"]
    assert back.applied_tail == tuple(f"{number}" for number in range(89, 99))
