from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from switchback.api.status import Condition, ConditionStatus, Status
from switchback.controller.events import WAITING, Happening, Recorder, transitions
from switchback.controller.queue import Key
from tests.unit.controller.build import UID, world
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.controller.kube.client import Client


def told(**conditions: tuple[str, str]) -> Status:
    return Status(
        conditions=tuple(
            Condition(
                type=kind,
                status=ConditionStatus(status),
                reason=reason,
                message=f"{reason}.",
                observed_generation=1,
                last_transition_time="2026-01-01T12:00:00Z",
            )
            for kind, (status, reason) in conditions.items()
        )
    )


def test_a_change_of_ready_is_told_with_its_reason() -> None:
    before, after = told(Ready=("Unknown", "Progressing")), told(Ready=("True", "Succeeded"))
    assert transitions(before, after) == [Happening("Succeeded", "Succeeded.", warning=False)]
    assert transitions(after, after) == []


def test_a_stalled_resource_warns() -> None:
    after = told(Ready=("False", "SQLFailed"), Stalled=("True", "SQLFailed"))
    assert transitions(Status(), after) == [Happening("SQLFailed", "SQLFailed.", warning=True)]


def test_details_are_told_when_they_come_true_and_not_while_they_are_waited_for() -> None:
    waiting = told(Ready=("False", "RollingBack"), SnapshotReady=("False", "TakingSnapshot"))
    taken = told(Ready=("False", "RollingBack"), SnapshotReady=("True", "SnapshotVerified"))
    assert [one.reason for one in transitions(Status(), waiting)] == ["RollingBack"]
    assert [one.reason for one in transitions(waiting, taken)] == ["SnapshotVerified"]


@pytest.mark.asyncio
async def test_an_event_is_about_the_resource(api: FakeAPI, client: Client) -> None:
    recorder = Recorder(client, "operator-1")
    sending = asyncio.create_task(recorder.run())
    recorder.record(world(), [Happening("SQLFailed", "no such column", warning=True)])
    await api.until(lambda: api.made("POST", "/namespaces/shop/events"))
    sending.cancel()
    event = api.made("POST", "/namespaces/shop/events")[0].body
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "SQLFailed", "no such column")
    assert event["involvedObject"]["uid"] == UID
    assert event["reportingInstance"] == "operator-1"


@pytest.mark.asyncio
async def test_the_same_words_twice_in_a_row_are_one_event(client: Client) -> None:
    recorder = Recorder(client, "x")
    same = [Happening("Retrying", "again", warning=False)]
    recorder.record(world(), same)
    recorder.record(world(), same)
    assert recorder.waiting == 1
    recorder.record(world(), [Happening("Succeeded", "done", warning=False)])
    recorder.record(world(), same)
    assert recorder.waiting == 3
    recorder.forget(Key("shop", "shop"))
    recorder.record(world(), same)
    assert recorder.waiting == 4


@pytest.mark.asyncio
async def test_too_many_events_are_dropped_and_never_waited_for(client: Client) -> None:
    recorder = Recorder(client, "x")
    for number in range(WAITING + 10):
        recorder.record(world(), [Happening("Retrying", str(number), warning=False)])
    assert recorder.waiting == WAITING


@pytest.mark.asyncio
async def test_a_refusing_server_costs_an_event_and_nothing_else(api: FakeAPI, client: Client) -> None:
    async def fault(seen: Seen) -> web.Response | None:
        if "first" in seen.body["message"]:
            return refusal(403, "Forbidden", "no events for you")
        return None

    api.fault = fault
    recorder = Recorder(client, "x")
    sending = asyncio.create_task(recorder.run())
    recorder.record(world(), [Happening("A", "first", warning=False)])
    recorder.record(world(), [Happening("B", "second", warning=False)])
    await api.until(lambda: any(key[0] == "events" for key in api.objects))
    sending.cancel()
