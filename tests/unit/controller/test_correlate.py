"""The limits on Events: what they are, when they end, and that memory stays bounded."""

from __future__ import annotations

import pytest

from switchback.controller.correlate import (
    BURST,
    COMBINED,
    OBJECTS,
    REFILL_SECONDS,
    SIMILAR,
    SIMILAR_SECONDS,
    WORDS,
    Correlator,
    Sent,
)
from switchback.controller.queue import Key

SHOP = Key("team", "shop")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def correlator(clock: Clock) -> Correlator:
    return Correlator(clock)


def passed(correlator: Correlator, tries: int, key: Key = SHOP, *, warning: bool = False) -> int:
    return sum(correlator.may_pass(key, "u", warning=warning) for _ in range(tries))


def test_a_burst_passes_and_then_one_more_every_five_minutes(correlator: Correlator, clock: Clock) -> None:
    assert passed(correlator, 100) == BURST
    clock.now += REFILL_SECONDS - 1
    assert passed(correlator, 10) == 0
    clock.now += 1
    assert passed(correlator, 10) == 1
    clock.now += 1000 * REFILL_SECONDS
    assert passed(correlator, 100) == BURST


def test_objects_and_types_have_limits_of_their_own(correlator: Correlator) -> None:
    assert passed(correlator, 100) == BURST
    assert passed(correlator, 100, warning=True) == BURST
    assert passed(correlator, 100, Key("team", "other")) == BURST


def said(correlator: Correlator, message: str, reason: str = "Retrying") -> str:
    return correlator.words(SHOP, "u", reason, message, warning=False)[1]


def test_similar_words_are_combined_until_it_has_been_quiet(correlator: Correlator, clock: Clock) -> None:
    for number in range(SIMILAR):
        assert said(correlator, f"{number}") == f"{number}"
        clock.now += SIMILAR_SECONDS
    assert said(correlator, "one more") == f"{COMBINED}one more"
    assert said(correlator, "0") == f"{COMBINED}0"
    assert said(correlator, "something else", "Succeeded") == "something else"
    clock.now += SIMILAR_SECONDS + 1
    assert said(correlator, "later") == "later"


def test_the_same_words_are_not_similar_ones(correlator: Correlator) -> None:
    assert {said(correlator, "again") for _ in range(100)} == {"again"}


def test_memory_is_bounded(correlator: Correlator) -> None:
    for number in range(OBJECTS + 100):
        passed(correlator, 1, Key("team", f"{number}"))
    assert len(correlator) == OBJECTS
    first, _message = correlator.words(SHOP, "u", "R0", "x", warning=False)
    for number in range(WORDS + 1):
        words, _message = correlator.words(SHOP, "u", f"R{number}", "x", warning=False)
        correlator.note(SHOP, "u", words, Sent(f"e{number}", 1))
    assert correlator.known(SHOP, "u", words) == Sent(f"e{WORDS}", 1)
    assert correlator.known(SHOP, "u", first) is None
