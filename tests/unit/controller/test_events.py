from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from switchback.api.conditions import Situation, conditions_for
from switchback.api.status import Condition, ConditionStatus, Status
from switchback.controller.correlate import BURST, COMBINED
from switchback.controller.events import WAITING, Happening, Recorder, transitions
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key
from tests.unit.controller.build import NOW, UID, world
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


def test_a_run_that_is_repeated_warns() -> None:
    after = told(Ready=("False", "Retrying"), Stalled=("False", "Retrying"))
    assert transitions(Status(), after) == [Happening("Retrying", "Retrying.", warning=True)]


def test_a_deletion_is_told_whenever_it_waits_for_something_else() -> None:
    def waiting(message: str) -> Status:
        row = Situation.DELETING
        shown = conditions_for(row, "", message, generation=1, now=NOW, previous=done.conditions)
        return Status(conditions=shown)

    done = told(Ready=("True", "Succeeded"))
    first, second = waiting("Job a has not ended yet."), waiting("nothing runs any more.")
    assert transitions(done, first) == [Happening("Deleting", "Job a has not ended yet.", warning=False)]
    assert transitions(first, second) == [Happening("Deleting", "nothing runs any more.", warning=False)]
    assert transitions(second, second) == []


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


@dataclass
class Telling:
    """A recorder that sends, and what the API server got from it."""

    api: FakeAPI
    recorder: Recorder
    metrics: Metrics

    async def say(self, reason: str, message: str, *, warning: bool = False, uid: str = UID) -> None:
        """Something happens, and the server hears of it."""
        heard = len(self._sent())
        self.recorder.record(replace(world(), uid=uid), [Happening(reason, message, warning=warning)])
        await self.api.until(lambda: len(self._sent()) > heard)
        await asyncio.sleep(0.01)

    def _sent(self) -> list[Seen]:
        return [one for one in self.api.requests if "/namespaces/shop/events" in one.path]

    @property
    def created(self) -> list[tuple[str, str]]:
        return [(one.body["reason"], one.body["message"]) for one in self.api.made("POST", "/events")]

    @property
    def counted(self) -> list[tuple[str, int, str]]:
        """(name, count, message) of each patch."""
        return [
            (one.path.rpartition("/")[2], one.body["count"], one.body["message"])
            for one in self.api.made("PATCH", "/events/")
        ]

    def number(self, kind: str, outcome: str) -> float:
        labels = {"type": kind, "outcome": outcome}
        return self.metrics.registry.get_sample_value("switchback_events_total", labels) or 0.0


@pytest_asyncio.fixture
async def telling(api: FakeAPI, client: Client) -> AsyncIterator[Telling]:
    metrics = Metrics()
    recorder = Recorder(client, "x", metrics=metrics, clock=lambda: 0.0)
    sending = asyncio.create_task(recorder.run())
    yield Telling(api, recorder, metrics)
    sending.cancel()


@pytest.mark.asyncio
async def test_the_same_words_again_raise_the_count_of_the_event_that_is_there(telling: Telling) -> None:
    await telling.say("Retrying", "again", warning=True)
    await telling.say("Succeeded", "done")
    await telling.say("Retrying", "again", warning=True)
    await telling.say("Retrying", "again", warning=True)
    assert telling.created == [("Retrying", "again"), ("Succeeded", "done")]
    name = telling.api.made("POST", "/events")[0].body["metadata"]["name"]
    assert telling.counted == [(name, 2, "again"), (name, 3, "again")]
    assert (telling.number("Warning", "created"), telling.number("Warning", "counted")) == (1, 2)


@pytest.mark.asyncio
async def test_an_event_that_is_no_more_is_created_anew(telling: Telling) -> None:
    await telling.say("Retrying", "again")
    name = telling.api.made("POST", "/events")[0].body["metadata"]["name"]
    await telling.api.drop("events", name)
    await telling.say("Retrying", "again")
    await telling.api.until(lambda: len(telling.created) == 2)
    await telling.say("Retrying", "again")
    assert telling.counted[-1][1] == 2


@pytest.mark.asyncio
async def test_where_events_may_only_be_created_each_is_a_new_one(telling: Telling) -> None:
    async def fault(seen: Seen) -> web.Response | None:
        return refusal(403, "Forbidden", "no patch") if seen.method == "PATCH" else None

    telling.api.fault = fault
    await telling.say("Retrying", "again")
    await telling.say("Retrying", "again")
    await telling.api.until(lambda: len(telling.created) == 2)


@pytest.mark.asyncio
async def test_another_resource_of_the_same_name_has_events_of_its_own(telling: Telling) -> None:
    await telling.say("Retrying", "again")
    await telling.say("Retrying", "again", uid="another")
    telling.recorder.forget(Key("shop", "shop"))
    await telling.say("Retrying", "again", uid="another")
    assert (len(telling.created), telling.counted) == (3, [])


@pytest.mark.asyncio
async def test_many_words_for_one_reason_become_one_event(telling: Telling) -> None:
    for number in range(13):
        await telling.say("Retrying", f"next attempt at {number}")
    assert len(telling.created) == 11
    assert telling.created[-1] == ("Retrying", f"{COMBINED}next attempt at 10")
    assert [(count, message) for _name, count, message in telling.counted] == [
        (2, f"{COMBINED}next attempt at 11"),
        (3, f"{COMBINED}next attempt at 12"),
    ]


@pytest.mark.asyncio
async def test_chatter_about_one_resource_is_dropped_and_hides_no_warning(telling: Telling) -> None:
    for number in range(BURST + 5):
        telling.recorder.record(world(), [Happening(f"R{number}", "x", warning=False)])
    other = replace(world(), name="other", uid="other")
    telling.recorder.record(other, [Happening("Succeeded", "done", warning=False)])
    telling.recorder.record(world(), [Happening("SQLFailed", "no such table", warning=True)])
    await telling.api.until(lambda: len(telling.created) == BURST + 2)
    assert telling.created[-2:] == [("Succeeded", "done"), ("SQLFailed", "no such table")]
    assert telling.number("Normal", "dropped") == 5


@pytest.mark.asyncio
async def test_too_many_events_are_dropped_and_never_waited_for(client: Client) -> None:
    metrics = Metrics()
    recorder = Recorder(client, "x", metrics=metrics)
    for number in range(WAITING + 10):
        about = replace(world(), name=f"shop-{number}")
        recorder.record(about, [Happening("Retrying", str(number), warning=False)])
    assert recorder.waiting == WAITING
    labels = {"type": "Normal", "outcome": "dropped"}
    assert metrics.registry.get_sample_value("switchback_events_total", labels) == 10


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
