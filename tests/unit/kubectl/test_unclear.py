"""A Service that does not say which slot is live: the plugin says so before anybody asks for a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.kubectl import guarded as judging
from switchback.kubectl.behind import Behind
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from tests.unit.kubectl.test_cutover import at_rest
from tests.unit.traffic.build import a_slice, endpoint, pod, seen, service

if TYPE_CHECKING:
    from switchback.kubectl.guarded import Line

BARE = service(selector={"app": "shop"})


async def asked(monkeypatch: pytest.MonkeyPatch, *slots: str, remembered: str = "") -> list[Line]:
    """What is said of the live slot while pods of these slots are ready behind the Service."""
    pods = [pod(slot, number) for number, slot in enumerate(slots, 1)]
    found = seen(service=BARE, pods=pods, slices=[a_slice(*(endpoint(one, ready=True) for one in pods))])

    async def looked(*_: object) -> Behind:
        return Behind(found)

    monkeypatch.setattr(judging, "behind", looked)
    session = Session(None, Screen("json"), "team-shop")  # type: ignore[arg-type]  # nobody is asked
    judged = await judging.guarded(session, at_rest(remembered), "green")
    assert judged is not None
    return [line for line in judged.lines if line.name == "slot-live"]


@pytest.mark.asyncio
async def test_pods_of_both_slots_stand_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = await asked(monkeypatch, "blue", "green")
    assert (line.result, line.reason, line.lasting) == ("failed", "SelectorAmbiguous", False)
    assert line.message.endswith("which slot is live, and its ready endpoints are blue 1, green 1.")
    patch = """kubectl patch service web -n team-shop -p '{"spec":{"selector":{"slot":"NAME"}}}'"""
    assert patch in line.advice


@pytest.mark.asyncio
async def test_pods_of_one_slot_say_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked(monkeypatch, "blue", "blue") == []


@pytest.mark.asyncio
async def test_the_operator_remembers_and_puts_the_selector_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked(monkeypatch, "blue", "green", remembered="blue") == []
